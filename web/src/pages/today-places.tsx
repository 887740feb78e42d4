import { useEffect, useRef, useState } from 'react';
import { useFormat } from '../format.ts';
import type { LivePlace } from '../live-sales.ts';
import { Change, useMovingNumber } from '../parts/figure.tsx';
import { Card } from '../parts/page.tsx';
import { Table } from '../parts/table.tsx';
import { Link, pathOf } from '../router.tsx';
import { useWords } from '../words.ts';
import { todayWords } from './today-words.ts';

type Properties = {
  currency: string;
  places: readonly LivePlace[];
  before: readonly { place_id?: string; previous?: { net: number } | null }[];
};

const shownAtFirst = 10;

/** Ranked by what they sold; a row lights up when something was sold there. */
export function PlacesRanked({ currency, places, before }: Properties) {
  const words = useWords(todayWords);
  const format = useFormat();
  const [all, setAll] = useState(false);
  const ranked = [...places].sort((a, b) => b.net - a.net);
  const most = ranked[0]?.net ?? 0;
  const earlier = new Map(before.map(({ place_id, previous }) => [place_id, previous?.net]));
  const changeOf = ({ place_id, net }: LivePlace) => {
    const then = earlier.get(place_id);
    return then === undefined || then === 0 ? null : ((net - then) / Math.abs(then)) * 100;
  };
  return (
    <Card
      title={words.places}
      actions={
        ranked.length > shownAtFirst && (
          <button type="button" className="link" onClick={() => setAll(!all)}>
            {all ? words.fewer : words.all(ranked.length)}
          </button>
        )
      }
    >
      <Table
        label={words.places}
        rows={all ? ranked : ranked.slice(0, shownAtFirst)}
        rowKey={({ place_id }) => place_id}
        columns={[
          {
            name: 'place',
            title: words.place,
            cell: ({ place_id, place_name }) => (
              <Link to={`${pathOf('sales')}?${new URLSearchParams({ place: place_id })}`}>{place_name}</Link>
            ),
          },
          {
            name: 'share',
            title: '',
            cell: ({ net }) => <ShareBar share={most <= 0 ? 0 : Math.max(0, net / most)} />,
          },
          {
            name: 'net',
            title: words.sold,
            numeric: true,
            cell: ({ net }) => <MovingMoney amount={net} currency={currency} />,
          },
          {
            name: 'change',
            title: words.change,
            numeric: true,
            cell: (row) => <Change percent={changeOf(row)} />,
          },
          {
            name: 'receipts',
            title: words.receipts,
            numeric: true,
            cell: ({ receipts }) => format.number(receipts),
          },
          {
            name: 'average',
            title: words.average,
            numeric: true,
            cell: ({ average_receipt }) =>
              average_receipt === null ? '–' : format.money(average_receipt, currency),
          },
        ]}
      />
    </Card>
  );
}

function ShareBar({ share }: { share: number }) {
  return (
    <span className="share-bar" aria-hidden="true">
      <span style={{ width: `${share * 100}%` }} />
    </span>
  );
}

const litMs = 1_200;

function MovingMoney({ amount, currency }: { amount: number; currency: string }) {
  const format = useFormat();
  const shown = useMovingNumber(amount);
  const before = useRef(amount);
  const [lit, setLit] = useState(false);
  useEffect(() => {
    if (before.current === amount) return;
    before.current = amount;
    setLit(true);
    const timer = setTimeout(() => setLit(false), litMs);
    return () => clearTimeout(timer);
  }, [amount]);
  return <span className={lit ? 'moving moving-lit' : 'moving'}>{format.money(shown, currency)}</span>;
}
