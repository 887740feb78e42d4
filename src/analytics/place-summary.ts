import { type Database, inTransaction, type Queryable } from '../base/db.ts';
import { amountToNumber, averageMinor, currencyDigits } from '../base/money.ts';
import type { FiguresQuery, FiguresRow } from '../warehouse/query-figures.ts';
import { type ReadFigures, readFigures } from './read-figures.ts';

export type PlaceSummary = {
  place_id: string;
  place_name: string;
  currency: string;
  total_purchases: number;
  average_receipt: number | null;
  refunds: number;
  net: number;
  taxes_amount: { total_nds: number; total_tips: number };
  category_analytics: Record<string, { total_spent: number; average_receipt: number | null }>;
};

/** The figures of each place and currency, with its categories; both statements read one snapshot. */
export async function summarizePlaces(
  pool: Database,
  statements: ReadFigures,
  query: Pick<FiguresQuery, 'from' | 'to' | 'sources' | 'places'>,
): Promise<PlaceSummary[]> {
  const { whole, categories, names } = await inTransaction(
    pool,
    async (client) => {
      await client.query('lock table cdm.generation in access share mode');
      const total = { ...query, granularity: 'total' } as const;
      const whole = await readFigures(client, statements, { ...total, groupBy: ['place'] });
      const categories = await readFigures(client, statements, {
        ...total,
        groupBy: ['place', 'category'],
      });
      return { whole, categories, names: await readPlaceNames(client, whole) };
    },
    'begin isolation level repeatable read read only',
  );
  return summariesOf(whole, categories, names);
}

/** What the places of rows are called now. */
export async function readPlaceNames(
  client: Queryable,
  rows: readonly FiguresRow[],
): Promise<Map<string, string>> {
  const names = await client.query<{ place_id: string; place_name: string }>({
    text: 'select place_id, place_name from ops.place where place_id = any($1) and place_name is not null',
    values: [rows.map((row) => row.place_id)],
  });
  return new Map(names.rows.map((row) => [row.place_id, row.place_name]));
}

/** The answer of each place and currency from its sums, and from those of its categories. */
export function summariesOf(
  whole: readonly FiguresRow[],
  categories: readonly FiguresRow[],
  names: ReadonlyMap<string, string>,
): PlaceSummary[] {
  const ofPlace = Map.groupBy(categories, (row) => JSON.stringify([row.place_id, row.currency]));
  return whole.map((row) => {
    const digits = currencyDigits(row.currency);
    const money = (minor: number) => amountToNumber(minor, digits);
    const average = (total: number, count: number) => {
      const minor = averageMinor(total, count);
      return minor === null ? null : money(minor);
    };
    const entries = (ofPlace.get(JSON.stringify([row.place_id, row.currency])) ?? []).map(
      (one) =>
        [
          one.category!,
          { total_spent: money(one.sales), average_receipt: average(one.sales, one.receipts) },
        ] as const,
    );
    return {
      place_id: row.place_id!,
      place_name: names.get(row.place_id!) ?? row.place_id!,
      currency: row.currency,
      total_purchases: row.receipts,
      average_receipt: average(row.sales, row.receipts),
      refunds: money(row.refunds),
      net: money(row.sales - row.refunds),
      taxes_amount: { total_nds: money(row.nds), total_tips: money(row.tips) },
      category_analytics: Object.fromEntries(entries),
    };
  });
}
