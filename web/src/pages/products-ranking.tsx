import { useFormat } from '../format.ts';
import { Change } from '../parts/figure.tsx';
import { Card } from '../parts/page.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Link } from '../router.tsx';
import { useWords } from '../words.ts';
import { type By, idOf, nameOf, type Range, type SalesRow, useMoves } from './products-data.ts';
import { productsWords } from './products-words.ts';
import { readerToday } from './sales-view.ts';

type Properties = { by: By; currency: string; rows: readonly SalesRow[] };

const shownRows = 10;
const shownMoves = 5;

/** The best and the worst by net; one list where there are few. */
export function Ranking({ by, currency, rows }: Properties) {
  const words = useWords(productsWords);
  const columns = useColumns(by, currency);
  const shared = { columns, rowKey: (row: SalesRow) => idOf(row, by) };
  const isShort = rows.length <= shownRows * 2;
  return (
    <div className={isShort ? '' : 'grid-halves'}>
      <Card title={words.top}>
        <Table label={words.top} {...shared} rows={isShort ? rows : rows.slice(0, shownRows)} />
      </Card>
      {!isShort && (
        <Card title={words.bottom}>
          <Table label={words.bottom} {...shared} rows={rows.slice(-shownRows).toReversed()} />
        </Card>
      )}
    </div>
  );
}

function useColumns(by: By, currency: string): Column<SalesRow>[] {
  const words = useWords(productsWords);
  const format = useFormat();
  return [
    {
      name: 'name',
      title: words.name,
      cell: (row) => (
        <Link to={`sales?${new URLSearchParams({ [by]: idOf(row, by) })}`}>{nameOf(row, by)}</Link>
      ),
    },
    { name: 'net', title: words.net, numeric: true, cell: ({ net }) => format.money(net, currency) },
    { name: 'units', title: words.units, numeric: true, cell: ({ units }) => format.number(units) },
    {
      name: 'receipts',
      title: words.receipts,
      numeric: true,
      cell: ({ receipts }) => (receipts === null ? '–' : format.number(receipts)),
    },
  ];
}

const moveOf = ({ net, previous }: SalesRow) => net - (previous?.net ?? 0);

/** What gained and what lost most money against the period before. */
export function Moves({ by, currency, range }: Omit<Properties, 'rows'> & { range: NonNullable<Range> }) {
  const words = useWords(productsWords);
  const moved = useMoves(by, range, readerToday());
  const rows = (moved.data?.rows ?? []).filter((row) => row.currency === currency);
  const compared = rows.filter(({ previous }) => previous !== undefined && previous !== null);
  const moves = compared.toSorted((a, b) => moveOf(b) - moveOf(a));
  const rising = moves.filter((row) => moveOf(row) > 0).slice(0, shownMoves);
  const falling = moves
    .filter((row) => moveOf(row) < 0)
    .slice(-shownMoves)
    .toReversed();
  return (
    <div className="grid-halves">
      {(['rising', 'falling'] as const).map((direction) => (
        <Card
          key={direction}
          title={words[direction]}
          actions={<span className="muted small">{words.against}</span>}
        >
          <MoveList {...{ by, currency }} rows={direction === 'rising' ? rising : falling} />
        </Card>
      ))}
    </div>
  );
}

function MoveList({ by, currency, rows }: Properties) {
  const words = useWords(productsWords);
  const format = useFormat();
  if (rows.length === 0) return <p className="muted">{words.noneMoves}</p>;
  const most = Math.max(...rows.map((row) => Math.abs(moveOf(row))));
  return (
    <ul className="moves">
      {rows.map((row) => (
        <li key={idOf(row, by)}>
          <span className="moves-name">{nameOf(row, by)}</span>
          <span className={moveOf(row) < 0 ? 'share-bar share-bar-bad' : 'share-bar'} aria-hidden="true">
            <span style={{ width: `${(Math.abs(moveOf(row)) / most) * 100}%` }} />
          </span>
          <span className="numeric">{format.wholeMoney(moveOf(row), currency)}</span>
          <Change percent={row.change_percent?.net} />
        </li>
      ))}
    </ul>
  );
}
