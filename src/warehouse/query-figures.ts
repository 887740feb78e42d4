import { MartParts } from './query-marts.ts';

export type Granularity = 'total' | 'hour' | 'day' | 'week' | 'month' | 'year';
export type GroupColumn = 'place' | 'product' | 'category' | 'payment_method' | 'source' | 'group';
export type FigureName =
  | 'sales'
  | 'refunds'
  | 'discounts'
  | 'receipts'
  | 'refund_receipts'
  | 'units'
  | 'nds'
  | 'tips';

/** A sale counts if its business date is before `date`, or is `date` and it was made before `instant`. */
type CutOff = { date: string; instant: string };

/**
 * Where a period stops before its end: for most places at `date` and `instant` (RFC 3339), for those named
 * at their own; `from` and `to` are the first and the last of all the dates.
 */
export type Cut = CutOff & { from: string; to: string; places: readonly (CutOff & { placeId: string })[] };

/** One column of the order of the rows. Group columns go by their column in the answer, `place_id`. */
export type OrderColumn = { column: string; descending: boolean };

export type FiguresQuery = {
  granularity: Granularity;
  groupBy: readonly GroupColumn[];
  /** Business dates, both included. */
  from: string;
  to: string;
  places?: readonly string[];
  groups?: readonly string[];
  products?: readonly string[];
  categories?: readonly string[];
  paymentMethods?: readonly string[];
  sources: readonly string[];
  cut?: Cut;
  order?: readonly OrderColumn[];
  limit?: number;
  /** Only rows after this one: its value in each of `orderColumns`, as `positionOf` gives them. */
  after?: readonly PositionValue[];
};

export type FiguresRow = {
  /** First day of the period; null for hours and totals. */
  period: string | null;
  hour_at: Date | null;
  place_id?: string;
  product_id?: string;
  category?: string;
  payment_method?: string;
  source?: string;
  group?: string;
  currency: string;
} & Record<FigureName, number>;

export type Family = 'sales' | 'category' | 'product';
export type PositionValue = string | number | readonly [sales: number, receipts: number];

export const wholeFigures: readonly FigureName[] = [
  'sales',
  'refunds',
  'discounts',
  'receipts',
  'refund_receipts',
  'units',
  'nds',
  'tips',
];
export const lineFigures: readonly FigureName[] = [
  'sales',
  'refunds',
  'receipts',
  'refund_receipts',
  'units',
];

/** Which marts hold a query: those of whole sales, of categories, or of products. */
export function familyOf(query: Pick<FiguresQuery, 'groupBy' | 'products' | 'categories'>): Family {
  if (query.groupBy.includes('product') || query.products !== undefined) return 'product';
  if (query.groupBy.includes('category') || query.categories !== undefined) return 'category';
  return 'sales';
}

/** Whether a cut of the last day can use the five-minute pulse, which knows neither lines nor payment. */
export function cutsByPulse(query: FiguresQuery): boolean {
  return (
    familyOf(query) === 'sales' &&
    query.paymentMethods === undefined &&
    !query.groupBy.includes('payment_method') &&
    query.granularity !== 'hour'
  );
}

/** The columns that tell the rows of an answer apart, in the order in which they sort. */
function keyColumns(query: FiguresQuery): string[] {
  const { groupBy } = query;
  return [
    ...(query.granularity === 'total' ? [] : ['period']),
    ...(groupBy.includes('group') ? ['group'] : []),
    ...(groupBy.includes('place') ? ['place_id'] : []),
    ...(groupBy.includes('product') ? ['product_id'] : []),
    ...(['category', 'payment_method', 'source'] as const).filter((column) => groupBy.includes(column)),
    'currency',
  ];
}

/** The order asked for, made total by the columns that tell the rows apart. */
export function orderColumns(query: FiguresQuery): OrderColumn[] {
  const asked = query.order ?? [];
  const rest = keyColumns(query).filter((key) => !asked.some(({ column }) => column === key));
  return [...asked, ...rest.map((column) => ({ column, descending: false }))];
}

/** Where a row stands in the order of its answer, to go on from there. */
export function positionOf(row: FiguresRow, query: FiguresQuery): PositionValue[] {
  return orderColumns(query).map(({ column }): PositionValue => {
    if (column === 'period') return row.hour_at?.toISOString() ?? row.period!;
    if (column === 'net') return row.sales - row.refunds;
    if (column === 'average_receipt') return [row.sales, row.receipts];
    return row[column as FigureName | 'currency'];
  });
}

/**
 * One statement that reads clean periods from the coarsest marts, dirty ones from the level below, and adds
 * the tail of the journal that is not folded yet, all in one snapshot. Its work is that of the periods and
 * groups it reads and of the tail, not of the number of sales.
 */
export function figuresStatement(query: FiguresQuery): { text: string; values: unknown[] } {
  const family = familyOf(query);
  const figures = family === 'sales' ? wholeFigures : lineFigures;
  const parts = new MartParts({ query, family, figures, byPulse: cutsByPulse(query) });
  const keys = keyColumns(query).map((key) => keyExpression(key, query));
  const sums = wholeFigures.map((figure) =>
    figures.includes(figure) ? `sum(${figure})::bigint as ${figure}` : `0::bigint as ${figure}`,
  );
  const all = parts.all();
  const after = query.after === undefined ? '' : `where ${afterCondition(query, query.after, parts)}`;
  const limit = query.limit === undefined ? '' : `limit ${parts.bind('limit', query.limit)}`;
  // The generation is named first, so that a swap of the marts is waited for before the snapshot is taken.
  const text = `
    with generation as materialized (select max(generation) as number from cdm.generation),
    base as (${all.join('\n      union all ')})
    select * from (
      select ${[...keys.map(({ sql, name }) => `${sql} as ${name}`), ...sums].join(', ')}
      from base ${joinGroups(query, parts)}
      where (select number from generation) is not null
      group by ${keys.map(({ sql }) => sql).join(', ')}
      having ${figures.map((figure) => `sum(${figure}) <> 0`).join(' or ')}
    ) as r ${after}
    order by ${orderColumns(query)
      .map(
        ({ column, descending }) =>
          `${orderExpression(column, descending, query)}${descending ? ' desc' : ''}`,
      )
      .join(', ')} ${limit}`;
  return { text, values: parts.values };
}

function keyExpression(key: string, query: FiguresQuery): { sql: string; name: string } {
  if (key === 'period')
    return query.granularity === 'hour'
      ? { sql: 'base.hour_at', name: 'hour_at' }
      : { sql: 'base.bucket', name: 'period' };
  return key === 'group' ? { sql: 'g."group"', name: '"group"' } : { sql: `base.${key}`, name: key };
}

/** A place's sales count for each of its groups, of which only those asked for are shown. */
function joinGroups(query: FiguresQuery, parts: MartParts): string {
  if (!query.groupBy.includes('group')) return '';
  const asked =
    query.groups === undefined ? '' : ` and g."group" = any(${parts.bind('groups', query.groups)}::text[])`;
  return `join ops.place as p on p.place_id = base.place_id
      join lateral unnest(p.groups) as g("group") on true${asked}`;
}

const average = (sales: string, receipts: string, descending: boolean) =>
  `coalesce(${sales}::numeric / nullif(${receipts}::bigint, 0), '${descending ? '-' : ''}Infinity')`;

function orderExpression(column: string, descending: boolean, query: FiguresQuery): string {
  if (column === 'period') return query.granularity === 'hour' ? 'r.hour_at' : 'r.period';
  if (column === 'net') return 'r.sales - r.refunds';
  if (column === 'average_receipt') return average('r.sales', 'r.receipts', descending);
  if (isText(column)) return `r."${column}" collate "C"`;
  return `r.${column}`;
}

function isText(column: string): boolean {
  return column !== 'period' && !['net', 'average_receipt', ...wholeFigures].includes(column);
}

/** Rows that sort after a position: in the first column that differs they are beyond it. */
function afterCondition(query: FiguresQuery, after: readonly PositionValue[], parts: MartParts): string {
  const equal: string[] = [];
  const choices = orderColumns(query).map(({ column, descending }, index) => {
    const sql = orderExpression(column, descending, query);
    const value = boundValue(column, descending, after[index]!, `after_${index}`, query, parts);
    const choice = [...equal, `${sql} ${descending ? '<' : '>'} ${value}`].join(' and ');
    equal.push(`${sql} = ${value}`);
    return `(${choice})`;
  });
  return choices.join(' or ');
}

function boundValue(
  column: string,
  descending: boolean,
  value: PositionValue,
  name: string,
  query: FiguresQuery,
  parts: MartParts,
): string {
  if (Array.isArray(value))
    return average(
      `${parts.bind(`${name}_sales`, value[0])}::bigint`,
      parts.bind(`${name}_receipts`, value[1]),
      descending,
    );
  const bound = parts.bind(name, value);
  if (column === 'period') return `${bound}::${query.granularity === 'hour' ? 'timestamptz' : 'date'}`;
  return isText(column) ? `${bound}::text collate "C"` : `${bound}::bigint`;
}
