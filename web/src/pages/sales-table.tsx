import { useFormat } from '../format.ts';
import { Change } from '../parts/figure.tsx';
import { Answer, EmptyState } from '../parts/notice.tsx';
import { Pager, useCursor } from '../parts/pager.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { useWords } from '../words.ts';
import { type SalesRow, useTable } from './sales-data.ts';
import { type Group, groupColumns, type SalesQuestion } from './sales-view.ts';
import { salesWords } from './sales-words.ts';

type Properties = { question: SalesQuestion; order: string; onOrder: (order: string) => void };

const money = ['net', 'sales', 'refunds', 'average_receipt', 'discounts', 'nds', 'tips'] as const;
const figures = [
  'net',
  'receipts',
  'average_receipt',
  'units',
  'sales',
  'refunds',
  'discounts',
  'nds',
  'tips',
] as const;

/** Every row of the answer, page by page; ordered by the program, so over all pages. */
export function SalesTable({ question, order, onOrder }: Properties) {
  const words = useWords(salesWords);
  const asked = JSON.stringify([question, order]);
  const [cursor, setCursor] = useCursor(asked);
  const table = useTable(question, order, cursor);
  const columns = useColumns(question);
  return (
    <Answer of={table}>
      {({ rows, next_cursor }) =>
        rows.length === 0 ? (
          <EmptyState title={words.none}>{words.noneHint}</EmptyState>
        ) : (
          <>
            <Table
              label={words.views.table}
              {...{ rows, order, onOrder }}
              columns={columns(rows[0]!)}
              rowKey={(row) =>
                [row.period, row.currency, ...Object.values(groupColumns).map(({ id }) => row[id])].join(' ')
              }
            />
            <Pager cursor={cursor} next={next_cursor} onMove={setCursor} />
          </>
        )
      }
    </Answer>
  );
}

/** Those that the rows have: figures of whole receipts alone have VAT and tips. */
function useColumns(question: SalesQuestion): (first: SalesRow) => Column<SalesRow>[] {
  const words = useWords(salesWords);
  const format = useFormat();
  const group = question.group_by as Exclude<Group, ''> | undefined;
  const show = (row: SalesRow, name: (typeof figures)[number]) => {
    const value = row[name];
    if (value === null || value === undefined) return '–';
    return (money as readonly string[]).includes(name)
      ? format.money(value, row.currency)
      : format.number(value);
  };
  return (first) => [
    ...(first.period === undefined
      ? []
      : [
          {
            ...{ name: 'period', title: words.periodColumn, sortable: true },
            cell: ({ period }: SalesRow) => format.period(period!),
          },
        ]),
    ...(group === undefined
      ? []
      : [
          {
            ...{ name: groupColumns[group].id, title: words[columnWords[group]], sortable: true },
            cell: (row: SalesRow) => row[groupColumns[group].name],
          },
        ]),
    ...figures
      .filter((name) => first[name] !== undefined)
      .map((name) => ({
        ...{ name, title: words.measures[name], numeric: true, sortable: first[name] !== null },
        cell: (row: SalesRow) => show(row, name),
      })),
    ...(first.change_percent === undefined
      ? []
      : [
          {
            ...{ name: 'change', title: words.change, numeric: true },
            cell: ({ change_percent }: SalesRow) => <Change percent={change_percent?.net} />,
          },
        ]),
  ];
}

const columnWords = {
  place: 'place',
  group: 'group',
  category: 'category',
  product: 'product',
  payment_method: 'payment',
  source: 'source',
} as const;
