import { addDays } from '../base/time.ts';
import type { Table } from '../http/answer-form.ts';
import type { Cell } from '../http/csv.ts';
import type { CellKind, TableColumn } from '../http/parquet.ts';
import type { FiguresQuery, Granularity } from '../warehouse/query-figures.ts';
import type { SalesAnswer } from './answer-sales.ts';
import { figureColumns, rowColumns } from './sales-rows.ts';

/** What is not named here is text, and a figure that is not is money. */
const kinds: Record<string, CellKind> = { receipts: 'count', refund_receipts: 'count', units: 'quantity' };

/** The Monday of an ISO week, `2015-W01`: the week with the fourth of January is the first. */
function mondayOf(week: string): string {
  const fourth = Temporal.PlainDate.from(`${week.slice(0, 4)}-01-04`);
  return addDays(fourth.toString(), 1 - fourth.dayOfWeek + 7 * (Number(week.slice(6)) - 1));
}

/** In a Parquet file a period is the day on which it begins, an hour the instant, so that either sorts and joins. */
function typedPeriod(granularity: Granularity, period: string): string {
  if (granularity === 'week') return mondayOf(period);
  return granularity === 'hour' ? period : `${period}-01-01`.slice(0, 10);
}

/**
 * The rows of an answer as a table. The columns follow from the question, so a file without rows has the same
 * header. `typed` has periods as dates and times, otherwise they are the texts of the answer.
 */
export function salesTable(answer: SalesAnswer, query: FiguresQuery, typed: boolean): Table {
  const { granularity } = query;
  const names = rowColumns(query);
  const figures = new Set<string>(figureColumns(query));
  const compared = answer.compare === undefined ? [] : figureColumns(query);
  const columns: TableColumn[] = [
    ...names.map((name): TableColumn => {
      if (name === 'period') return { name, kind: granularity === 'hour' ? 'instant' : 'date' };
      return { name, kind: kinds[name] ?? (figures.has(name) ? 'money' : 'text') };
    }),
    ...compared.map((name): TableColumn => ({ name: `previous_${name}`, kind: kinds[name] ?? 'money' })),
    ...compared.map((name): TableColumn => ({ name: `change_percent_${name}`, kind: 'number' })),
  ];
  function* cells(): Generator<Cell[]> {
    for (const row of answer.rows) {
      const flat = row as unknown as Record<string, Cell>;
      yield [
        ...names.map((name) =>
          name === 'period' && typed ? typedPeriod(granularity, row.period!) : flat[name],
        ),
        ...compared.map((name) => row.previous?.[name]),
        ...compared.map((name) => row.change_percent?.[name]),
      ];
    }
  }
  return { columns, pages: [cells()] };
}
