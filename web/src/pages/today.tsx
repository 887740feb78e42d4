import { useState } from 'react';
import { useFormat } from '../format.ts';
import { useLiveSales } from '../live-sales.ts';
import { pageNames } from '../pages.ts';
import { Segments } from '../parts/field.tsx';
import { Change, Figure } from '../parts/figure.tsx';
import { EmptyState, Loading } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { usePlaces } from '../places.ts';
import { Link, useQueryState } from '../router.tsx';
import { useWords } from '../words.ts';
import { DayChart, PulseChart } from './today-charts.tsx';
import { addDays, currenciesOf, dateOf, totalsOf, useHours, usePulse, useWeekBefore } from './today-data.ts';
import { PlacesRanked } from './today-places.tsx';
import { todayWords } from './today-words.ts';
import '../styles/today.css';

const defaults = { currency: '' };

export function TodayPage() {
  const words = useWords(todayWords);
  const names = useWords(pageNames);
  const format = useFormat();
  const { places, isOpen } = useLiveSales();
  // Their zones are asked for while the stream opens.
  usePlaces();
  const [view, setView] = useQueryState(defaults);
  const currencies = currenciesOf(places ?? []);
  const currency = currencies.includes(view.currency) ? view.currency : currencies[0];
  const shown = (places ?? []).filter((place) => place.currency === currency);
  const date = dateOf(shown);
  const status = <LiveMark isOpen={isOpen} />;
  if (places === undefined)
    return (
      <Page title={words.title} actions={status}>
        <Loading />
      </Page>
    );
  if (currency === undefined || date === undefined)
    return (
      <Page title={words.title} actions={status}>
        <Card>
          <EmptyState title={words.none} icon="pulse">
            {words.noneHint} <Link to="sales">{names.sales}</Link>.{' '}
            <a href={new URL('docs', document.baseURI).href}>{words.send}</a>
          </EmptyState>
        </Card>
      </Page>
    );
  return (
    <Page
      title={words.title}
      lead={<span className="capital">{format.longDay(date)}</span>}
      actions={
        <>
          {status}
          {currencies.length > 1 && (
            <Segments
              label={words.currency}
              value={currency}
              choices={currencies.map((value) => ({ value, label: value }))}
              onChange={(value) => setView({ currency: value })}
            />
          )}
        </>
      }
    >
      <Day currency={currency} date={date} places={shown} />
    </Page>
  );
}

function LiveMark({ isOpen }: { isOpen: boolean }) {
  const words = useWords(todayWords);
  return (
    <span className={isOpen ? 'live live-open' : 'live'} role="status">
      <span className="live-dot" aria-hidden="true" />
      {isOpen ? words.live : words.waiting}
    </span>
  );
}

type DayProperties = {
  currency: string;
  date: string;
  places: ReturnType<typeof useLiveSales>['places'] & {};
};

function Day({ currency, date, places }: DayProperties) {
  const words = useWords(todayWords);
  const [kind, setKind] = useState<'running' | 'byHour'>('running');
  const before = useWeekBefore(date);
  const hours = useHours(date, places);
  const pulse = usePulse(places);
  const rowsBefore = (before.data?.rows ?? []).filter((row) => row.currency === currency);
  return (
    <>
      <Headline {...{ currency, date, places }} rows={rowsBefore} hours={hours.data?.before} />
      <div className="grid-main">
        <Card
          title={kind === 'running' ? words.running : words.byHour}
          actions={
            <Segments
              label={words.view}
              value={kind}
              choices={[
                { value: 'running', label: words.running },
                { value: 'byHour', label: words.byHour },
              ]}
              onChange={setKind}
            />
          }
        >
          <DayChart {...{ currency, date, kind }} hours={hours.data} />
        </Card>
        <Card title={words.pulse} actions={<span className="muted small">{words.pulseHint}</span>}>
          <PulseChart currency={currency} pulse={pulse.data} />
        </Card>
      </div>
      <PlacesRanked {...{ currency, places }} before={rowsBefore} />
    </>
  );
}

type Row = {
  currency: string;
  net: number;
  previous?: { net: number; receipts: number | null; sales: number } | null;
};
type HeadlineProperties = DayProperties & { rows: readonly Row[]; hours: readonly Row[] | undefined };

function Headline({ currency, date, places, rows, hours }: HeadlineProperties) {
  const words = useWords(todayWords);
  const format = useFormat();
  const totals = totalsOf(places);
  const earlier = rows.flatMap(({ previous }) => previous ?? []);
  const sum = (read: (row: (typeof earlier)[number]) => number) =>
    earlier.reduce((total, row) => total + read(row), 0);
  const [net, receipts, sales] = [
    sum((row) => row.net),
    sum((row) => row.receipts ?? 0),
    sum((row) => row.sales),
  ];
  const percent = (now: number | null, then: number) =>
    now === null || then === 0 ? null : ((now - then) / Math.abs(then)) * 100;
  const wholeDay = hours
    ?.filter((row) => row.currency === currency)
    .reduce((total, row) => total + row.net, 0);
  const day = format.shortDay(addDays(date, -7));
  const money = (value: number) => format.money(value, currency);
  const whole = (value: number) => format.wholeMoney(value, currency);
  const part = (value: number) =>
    totals.sales === 0 ? undefined : words.part(format.share(value / totals.sales));
  const average = receipts === 0 ? 0 : sales / receipts;
  return (
    <dl className="headline card">
      <Figure
        isLarge
        label={words.net}
        value={totals.net}
        format={whole}
        note={
          net === 0 ? (
            words.nothingBefore
          ) : (
            <>
              <Change percent={percent(totals.net, net)} /> {words.against(day)}
              {wholeDay !== undefined && wholeDay > 0 && (
                <span className="muted"> · {words.wholeDay(day, whole(wholeDay))}</span>
              )}
            </>
          )
        }
      />
      <Figure
        label={words.receipts}
        value={totals.receipts}
        format={(value) => format.number(Math.round(value))}
        note={<Change percent={percent(totals.receipts, receipts)} />}
      />
      <Figure
        label={words.average}
        value={totals.average_receipt}
        format={money}
        note={<Change percent={percent(totals.average_receipt, average)} />}
      />
      <Figure label={words.tips} value={totals.tips} format={whole} note={part(totals.tips)} />
      <Figure label={words.nds} value={totals.nds} format={whole} note={part(totals.nds)} />
      <Figure label={words.refunds} value={totals.refunds} format={whole} note={part(totals.refunds)} />
    </dl>
  );
}
