import type { ReactNode } from 'react';
import { defineWords, useWords } from '../words.ts';
import { Icon } from './icon.tsx';

export type Column<Row> = {
  /** Also the name under which the table is ordered by it. */
  name: string;
  title: string;
  cell: (row: Row) => ReactNode;
  /** Figures stand at the right. */
  numeric?: boolean;
  sortable?: boolean;
};
/** `sales` or, descending, `-sales`. */
export type Order = string;

type Properties<Row> = {
  /** What the table shows, for screen readers. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  order?: Order;
  onOrder?: (order: Order) => void;
  /** Marks a row, such as one that is selected. */
  rowClass?: (row: Row) => string | undefined;
};

const tableWords = defineWords({
  en: { sortBy: (title: string) => `Order by ${title}` },
  ru: { sortBy: (title) => `Упорядочить: ${title}` },
});

/** Rows under a head that stays in sight; it scrolls sideways where the screen is narrow. */
export function Table<Row>({ label, columns, rows, rowKey, order, onOrder, rowClass }: Properties<Row>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section className="table-scroll" aria-label={label} tabIndex={0}>
      <table>
        <caption className="visually-hidden">{label}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.name}
                scope="col"
                className={column.numeric === true ? 'numeric' : undefined}
                aria-sort={sortOf(column.name, order)}
              >
                {column.sortable === true && onOrder !== undefined ? (
                  <SortButton column={column} order={order} onOrder={onOrder} />
                ) : (
                  column.title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)} className={rowClass?.(row)}>
              {columns.map((column) => (
                <td key={column.name} className={column.numeric === true ? 'numeric' : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function sortOf(name: string, order: Order | undefined): 'ascending' | 'descending' | undefined {
  if (order === name) return 'ascending';
  return order === `-${name}` ? 'descending' : undefined;
}

type SortProperties<Row> = { column: Column<Row>; order: Order | undefined; onOrder: (order: Order) => void };

/** Figures are first wanted from the highest, texts from the first letter. */
function SortButton<Row>({ column, order, onOrder }: SortProperties<Row>) {
  const words = useWords(tableWords);
  const { name, title, numeric } = column;
  const first = numeric === true ? `-${name}` : name;
  const second = numeric === true ? name : `-${name}`;
  const sort = sortOf(name, order);
  return (
    <button
      type="button"
      className="sort"
      title={words.sortBy(title)}
      onClick={() => onOrder(order === first ? second : first)}
    >
      {title}
      {sort !== undefined && <Icon name={sort === 'ascending' ? 'up' : 'down'} />}
    </button>
  );
}
