import type { FiguresQuery } from '../warehouse/query-figures.ts';
import type { SalesAnswer } from './answer-sales.ts';
import { figureColumns, rowColumns } from './sales-rows.ts';

type Cell = string | number | null | undefined;

/** The columns follow from the question, so a file without rows has the same header. */
export function salesCells(
  answer: SalesAnswer,
  query: FiguresQuery,
): { header: string[]; cells: Iterable<Cell[]> } {
  const columns = rowColumns(query);
  const compared = answer.compare === undefined ? [] : figureColumns(query);
  const header = [
    ...columns,
    ...compared.map((name) => `previous_${name}`),
    ...compared.map((name) => `change_percent_${name}`),
  ];
  function* cells(): Generator<Cell[]> {
    for (const row of answer.rows) {
      const flat = row as unknown as Record<string, Cell>;
      yield [
        ...columns.map((name) => flat[name]),
        ...compared.map((name) => row.previous?.[name]),
        ...compared.map((name) => row.change_percent?.[name]),
      ];
    }
  }
  return { header, cells: cells() };
}
