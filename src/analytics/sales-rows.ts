import { amountToNumber, averageMinor, currencyDigits } from '../base/money.ts';
import { formatInstant } from '../base/time.ts';
import {
  type FiguresQuery,
  type FiguresRow,
  familyOf,
  type Granularity,
  type GroupColumn,
} from '../warehouse/query-figures.ts';

export type Figures = {
  sales: number;
  refunds: number;
  net: number;
  discounts: number;
  receipts: number | null;
  units: number;
  average_receipt: number | null;
  nds?: number;
  tips?: number;
  refund_receipts?: number;
};

export type SalesRow = Figures & {
  period?: string;
  place_id?: string;
  place_name?: string;
  product_id?: string;
  product_name?: string;
  category?: string;
  payment_method?: string;
  source?: string;
  group?: string;
  currency: string;
  previous?: Figures | null;
  change_percent?: Record<string, number | null>;
};

/** The column of an answer that tells the groups apart. */
export const groupIdColumns: Record<GroupColumn, string> = {
  group: 'group',
  place: 'place_id',
  product: 'product_id',
  category: 'category',
  payment_method: 'payment_method',
  source: 'source',
};

/** The figures of a row, in their order; what only a whole receipt has is left out of products and categories. */
export function figureColumns(query: FiguresQuery): readonly (typeof compared)[number][] {
  return familyOf(query) === 'sales' ? compared : compared.slice(0, 7);
}

/** All columns of a row, in their order. */
export function rowColumns(query: FiguresQuery): string[] {
  const { groupBy } = query;
  const groups = (Object.keys(groupIdColumns) as GroupColumn[]).filter((column) => groupBy.includes(column));
  return [
    ...(query.granularity === 'total' ? [] : ['period']),
    ...groups.flatMap((column) =>
      column === 'place' || column === 'product' ? [`${column}_id`, `${column}_name`] : [column],
    ),
    'currency',
    ...figureColumns(query),
  ];
}

/** Receipts of several products or categories may be the same ones, so they are not added up. */
export function receiptsAddUp(query: FiguresQuery): boolean {
  const family = familyOf(query);
  if (family === 'sales') return true;
  const oneCategory = query.groupBy.includes('category') || query.categories?.length === 1;
  if (family === 'category') return oneCategory;
  const oneProduct = query.groupBy.includes('product') || query.products?.length === 1;
  return oneProduct && (oneCategory || query.categories === undefined);
}

export function figuresOf(row: FiguresRow, query: FiguresQuery, addUp: boolean): Figures {
  const digits = currencyDigits(row.currency);
  const money = (minor: number) => amountToNumber(minor, digits);
  const average = addUp ? averageMinor(row.sales, row.receipts) : null;
  return {
    sales: money(row.sales),
    refunds: money(row.refunds),
    net: money(row.sales - row.refunds),
    discounts: money(row.discounts),
    receipts: addUp ? row.receipts : null,
    units: row.units / 1000,
    average_receipt: average === null ? null : money(average),
    ...(familyOf(query) === 'sales'
      ? { nds: money(row.nds), tips: money(row.tips), refund_receipts: row.refund_receipts }
      : {}),
  };
}

/** ISO 8601 week of a Monday, `2015-W01`. */
function isoWeek(monday: string): string {
  const thursday = Temporal.PlainDate.from(monday).add({ days: 3 });
  return `${String(thursday.yearOfWeek).padStart(4, '0')}-W${String(thursday.weekOfYear).padStart(2, '0')}`;
}

function formatPeriod(
  granularity: Granularity,
  period: string | null,
  hourAt: Date | null,
  zone: string,
): string | undefined {
  if (granularity === 'total') return undefined;
  if (granularity === 'hour') return formatInstant(hourAt!.getTime(), zone);
  if (granularity === 'week') return isoWeek(period!);
  if (granularity === 'month') return period!.slice(0, 7);
  if (granularity === 'year') return period!.slice(0, 4);
  return period!;
}

export type Names = { places: ReadonlyMap<string, string>; products: ReadonlyMap<string, string> };

/** One row in the shape of the answer. */
export function shapeRow(
  row: FiguresRow,
  query: FiguresQuery,
  names: Names,
  zoneAt: (placeId: string | undefined, epochMs: number) => string,
): SalesRow {
  const zone = row.hour_at === null ? '' : zoneAt(row.place_id, row.hour_at.getTime());
  const period = formatPeriod(query.granularity, row.period, row.hour_at, zone);
  return {
    ...(period === undefined ? {} : { period }),
    ...(row.group === undefined ? {} : { group: row.group }),
    ...(row.place_id === undefined
      ? {}
      : { place_id: row.place_id, place_name: names.places.get(row.place_id) ?? row.place_id }),
    ...(row.product_id === undefined
      ? {}
      : { product_id: row.product_id, product_name: names.products.get(row.product_id) ?? row.product_id }),
    ...(row.category === undefined ? {} : { category: row.category }),
    ...(row.payment_method === undefined ? {} : { payment_method: row.payment_method }),
    ...(row.source === undefined ? {} : { source: row.source }),
    currency: row.currency,
    ...figuresOf(row, query, receiptsAddUp(query)),
  };
}

const compared = [
  'sales',
  'refunds',
  'net',
  'discounts',
  'receipts',
  'units',
  'average_receipt',
  'nds',
  'tips',
  'refund_receipts',
] as const;

/** Per figure, to one decimal; null where there is nothing to compare with. */
export function changePercent(now: Figures, before: Figures | null): Record<string, number | null> {
  const changes: Record<string, number | null> = {};
  for (const name of compared) {
    const value = now[name];
    if (value === undefined) continue;
    const base = before?.[name];
    changes[name] =
      value === null || base === undefined || base === null || base === 0
        ? null
        : Math.round(((value - base) / Math.abs(base)) * 1000) / 10;
  }
  return changes;
}
