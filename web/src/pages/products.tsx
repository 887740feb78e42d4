import { type Format, useFormat } from '../format.ts';
import { Segments } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { Answer, EmptyState } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { useQueryState } from '../router.tsx';
import { useWords } from '../words.ts';
import {
  type By,
  type Kind,
  kinds,
  periodOf,
  type Range,
  type SalesRow,
  stepPeriod,
  useRanking,
} from './products-data.ts';
import { Moves, Ranking } from './products-ranking.tsx';
import { Shares, Trend } from './products-shares.tsx';
import { productsWords } from './products-words.ts';
import { readerToday } from './sales-view.ts';
import '../styles/products.css';

const defaults = { by: 'category', kind: 'month', date: '', currency: '' };

export function ProductsPage() {
  const words = useWords(productsWords);
  const [view, setView] = useQueryState(defaults);
  const by: By = view.by === 'product' ? 'product' : 'category';
  const kind = kinds.find((one) => one === view.kind) ?? 'month';
  const date = /^\d{4}-\d\d-\d\d$/.test(view.date) ? view.date : readerToday();
  const range = periodOf(kind, date);
  const ranking = useRanking(by, range);
  return (
    <Page
      title={words.title}
      actions={
        <>
          <Segments
            label={words.by}
            value={by}
            choices={(['category', 'product'] as const).map((value) => ({ value, label: words.bys[value] }))}
            onChange={(value) => setView({ by: value })}
          />
          <Segments
            label={words.kind}
            value={kind}
            choices={kinds.map((value) => ({ value, label: words.kinds[value] }))}
            onChange={(value) => setView({ kind: value })}
          />
        </>
      }
    >
      <Stepper {...{ kind, date, range }} onStep={(next) => setView({ date: next })} />
      <Answer of={ranking}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Card>
              <EmptyState title={words.none} icon="box">
                {words.noneHint}{' '}
                <button type="button" className="link" onClick={() => setView({ kind: 'all' })}>
                  {words.kinds.all}
                </button>
              </EmptyState>
            </Card>
          ) : (
            <Found
              {...{ by, kind, range, rows }}
              currency={view.currency}
              onCurrency={(currency) => setView({ currency })}
            />
          )
        }
      </Answer>
    </Page>
  );
}

type FoundProperties = {
  by: By;
  kind: Kind;
  range: Range;
  rows: readonly SalesRow[];
  currency: string;
  onCurrency: (currency: string) => void;
};

function Found({ by, kind, range, rows, currency: wanted, onCurrency }: FoundProperties) {
  const words = useWords(productsWords);
  const units = Map.groupBy(rows, (row) => row.currency);
  const sum = (currency: string) => units.get(currency)!.reduce((total, row) => total + row.units, 0);
  const currencies = [...units.keys()].sort((a, b) => sum(b) - sum(a));
  const currency = currencies.includes(wanted) ? wanted : currencies[0]!;
  const own = units.get(currency)!;
  return (
    <>
      {currencies.length > 1 && (
        <div className="toolbar">
          <Segments
            label={words.currency}
            value={currency}
            choices={currencies.map((value) => ({ value, label: value }))}
            onChange={onCurrency}
          />
        </div>
      )}
      <div className="grid-halves">
        <Shares {...{ by, range }} />
        <Trend {...{ by, kind, range, currency }} rows={own} />
      </div>
      {range !== undefined && <Moves {...{ by, currency, range }} />}
      <Ranking {...{ by, currency }} rows={own} />
    </>
  );
}

type StepperProperties = { kind: Kind; date: string; range: Range; onStep: (date: string) => void };

function Stepper({ kind, date, range, onStep }: StepperProperties) {
  const words = useWords(productsWords);
  const format = useFormat();
  if (range === undefined) return null;
  return (
    <div className="stepper">
      <button
        type="button"
        className="button button-plain"
        aria-label={words.earlier}
        onClick={() => onStep(stepPeriod(kind, date, -1))}
      >
        <Icon name="left" />
      </button>
      <strong role="status">{describe(kind, range, format)}</strong>
      <button
        type="button"
        className="button button-plain"
        aria-label={words.later}
        disabled={range.to >= readerToday()}
        onClick={() => onStep(stepPeriod(kind, date, 1))}
      >
        <Icon name="right" />
      </button>
    </div>
  );
}

function describe(kind: Kind, range: NonNullable<Range>, format: Format): string {
  if (kind === 'year') return range.from.slice(0, 4);
  if (kind === 'month') return format.period(range.from.slice(0, 7));
  return `${format.shortDay(range.from)} – ${format.day(range.to)}`;
}
