import type { Queryable } from '../base/db.ts';
import { MartParts } from './query-marts.ts';

export type ReconciliationQuery = {
  /** One business date. */
  date: string;
  places?: readonly string[];
  /** Sources whose figures are declared for a whole day, and those that itemise every sale. */
  declared: readonly string[];
  itemised: readonly string[];
  /** Leaves out what agrees. */
  differencesOnly: boolean;
};

/** The last row of the page before. */
export type ReconciliationPosition = readonly [placeId: string, productId: string, currency: string];

/** Lines before discounts, less refunds. Units in thousandths, amounts in minor units of `currency`. */
export type ReconciledFigures = {
  declared_units: number;
  declared_amount: number;
  itemised_units: number;
  itemised_amount: number;
};
export type ReconciledTotal = ReconciledFigures & { currency: string };
export type ReconciledRow = ReconciledTotal & {
  place_id: string;
  place_name: string | null;
  product_id: string;
  product_name: string | null;
};

const figures = ['sales', 'refunds', 'units'] as const;

/** Declared and itemised side by side, from the marts of products and the tail that is not folded yet. */
function pivot(query: ReconciliationQuery, keys: readonly string[]) {
  const sources = [...query.declared, ...query.itemised];
  const parts = new MartParts({
    query: {
      granularity: 'total',
      groupBy: ['place', 'product'],
      from: query.date,
      to: query.date,
      sources,
      ...(query.places === undefined ? {} : { places: query.places }),
    },
    family: 'product',
    figures,
    byPulse: false,
  });
  const base = parts.all().join('\n      union all ');
  const declared = `source = any(${parts.bind('declared', query.declared)}::text[])`;
  const sum = (figure: string, of: string) => `coalesce(sum(${figure}) filter (where ${of}), 0)::bigint`;
  // The generation is named first, so that a swap of the marts is waited for before the snapshot is taken.
  const text = `
    with generation as materialized (select max(generation) as number from cdm.generation),
    base as (${base}),
    sides as (
      select ${keys.join(', ')},
        ${sum('units', declared)} as declared_units, ${sum('sales - refunds', declared)} as declared_amount,
        ${sum('units', `not ${declared}`)} as itemised_units,
        ${sum('sales - refunds', `not ${declared}`)} as itemised_amount
      from base
      where (select number from generation) is not null
      group by ${keys.join(', ')}
      having ${figures.map((figure) => `sum(${figure}) <> 0`).join(' or ')}
    )`;
  return { parts, text };
}

/** The whole day, one row a currency. */
export async function readReconciledTotals(
  client: Queryable,
  query: ReconciliationQuery,
): Promise<ReconciledTotal[]> {
  const { parts, text } = pivot(query, ['currency']);
  const { rows } = await client.query<ReconciledTotal>({
    text: `${text} select * from sides order by currency`,
    values: parts.values,
  });
  return rows;
}

/** A page of the products, by place, product and currency. */
export async function readReconciledRows(
  client: Queryable,
  query: ReconciliationQuery,
  page: { limit: number; after?: ReconciliationPosition },
): Promise<ReconciledRow[]> {
  const { parts, text } = pivot(query, ['place_id', 'product_id', 'currency']);
  const order = 's.place_id collate "C", s.product_id collate "C", s.currency collate "C"';
  const conditions = ['true'];
  if (query.differencesOnly)
    conditions.push('(s.declared_units <> s.itemised_units or s.declared_amount <> s.itemised_amount)');
  if (page.after !== undefined) {
    const after = page.after.map((value, index) => `${parts.bind(`after_${index}`, value)}::text`);
    conditions.push(`(${order}) > (${after.join(', ')})`);
  }
  // Names are looked up for the rows of the page alone.
  const { rows } = await client.query<ReconciledRow>({
    text: `${text},
    page as (
      select s.* from sides as s where ${conditions.join(' and ')}
      order by ${order} limit ${parts.bind('limit', page.limit)}
    )
    select s.*, l.place_name, p.product_name
    from page as s
    left join ops.place as l on l.place_id = s.place_id
    left join ops.product as p on p.product_id = s.product_id
    order by ${order}`,
    values: parts.values,
  });
  return rows;
}
