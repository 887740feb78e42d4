import { type Database, inTransaction } from '../base/db.ts';
import { amountToNumber, currencyDigits } from '../base/money.ts';
import {
  type ReconciledFigures,
  type ReconciledRow,
  type ReconciliationPosition,
  type ReconciliationQuery,
  readReconciledRows,
  readReconciledTotals,
} from '../warehouse/query-reconciliation.ts';

/** Declared less itemised; units and money as decimal numbers of the row's currency. */
export type Reconciled = ReconciledFigures & { units_difference: number; amount_difference: number };
export type ReconciliationRow = {
  place_id: string;
  place_name: string;
  product_id: string;
  product_name: string;
  currency: string;
} & Reconciled;

export type Reconciliation = {
  date: string;
  totals: ({ currency: string } & Reconciled)[];
  rows: ReconciliationRow[];
  next: ReconciliationPosition | undefined;
};

export const reconciledColumns = [
  'declared_units',
  'itemised_units',
  'units_difference',
  'declared_amount',
  'itemised_amount',
  'amount_difference',
] as const;

/** What was declared for a day against what was itemised, in total and product by product, in one snapshot. */
export async function reconcile(
  pool: Database,
  query: ReconciliationQuery,
  page: { limit: number; after?: ReconciliationPosition },
): Promise<Reconciliation> {
  const { totals, rows } = await inTransaction(
    pool,
    async (client) => {
      await client.query('lock table cdm.generation in access share mode');
      const totals = await readReconciledTotals(client, query);
      return { totals, rows: await readReconciledRows(client, query, { ...page, limit: page.limit + 1 }) };
    },
    'begin isolation level repeatable read read only',
  );
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  return {
    date: query.date,
    totals: totals.map((total) => ({ currency: total.currency, ...figuresOf(total) })),
    rows: shown.map(rowOf),
    next: last === undefined ? undefined : [last.place_id, last.product_id, last.currency],
  };
}

function rowOf(row: ReconciledRow): ReconciliationRow {
  return {
    place_id: row.place_id,
    place_name: row.place_name ?? row.place_id,
    product_id: row.product_id,
    product_name: row.product_name ?? row.product_id,
    currency: row.currency,
    ...figuresOf(row),
  };
}

/** Subtracted as integers, so that the difference of two sums is exact. */
function figuresOf(row: ReconciledFigures & { currency: string }): Reconciled {
  const digits = currencyDigits(row.currency);
  const money = (minor: number) => amountToNumber(minor, digits);
  return {
    declared_units: row.declared_units / 1000,
    itemised_units: row.itemised_units / 1000,
    units_difference: (row.declared_units - row.itemised_units) / 1000,
    declared_amount: money(row.declared_amount),
    itemised_amount: money(row.itemised_amount),
    amount_difference: money(row.declared_amount - row.itemised_amount),
  };
}
