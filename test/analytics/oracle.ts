import { places, type TestSale } from './fixture.ts';

/**
 * What the answer to a question must be, summed plainly from the sales. Shares no code with the program but
 * the data types: business dates, hours, weeks and averages are worked out here again.
 */
export type Question = {
  granularity: string;
  groupBy: string[];
  from?: string;
  to?: string;
  filters: Record<string, string[]>;
  /** Further condition on a sale. */
  counts?: (sale: TestSale) => boolean;
  /** Changes the business date before it becomes a period. */
  moveDate?: (date: string) => string;
};

export function businessDate(sale: TestSale): string {
  const late = sale.local.slice(11, 16) < places[sale.place]!.dayStart;
  const day = Temporal.PlainDate.from(sale.local.slice(0, 10));
  return (late ? day.subtract({ days: 1 }) : day).toString();
}

export function instantOf(sale: TestSale): Temporal.ZonedDateTime {
  return Temporal.PlainDateTime.from(sale.local).toZonedDateTime(places[sale.place]!.zone);
}

function periodOf(sale: TestSale, question: Question, zone: string): string {
  const moved = (question.moveDate ?? ((date: string) => date))(businessDate(sale));
  const date = Temporal.PlainDate.from(moved);
  switch (question.granularity) {
    case 'total':
      return '';
    case 'hour': {
      const hour = instantOf(sale).with({ minute: 0, second: 0 }).withTimeZone(zone);
      return hour.toString({ timeZoneName: 'never', smallestUnit: 'second' });
    }
    case 'week':
      return `${date.yearOfWeek}-W${String(date.weekOfYear).padStart(2, '0')}`;
    case 'month':
      return date.toString().slice(0, 7);
    case 'year':
      return date.toString().slice(0, 4);
    default:
      return date.toString();
  }
}

const digitsOf = (currency: string) => (currency === 'JPY' ? 0 : 2);
const whole = ['nds', 'tips', 'refund_receipts'];

type Sum = Record<string, number> & { counted: number };

export function answerOf(
  sales: readonly TestSale[],
  question: Question,
): Map<string, Record<string, unknown>> {
  const { groupBy, filters } = question;
  const ofProducts = groupBy.includes('product') || filters.product_id !== undefined;
  const ofCategories = groupBy.includes('category') || filters.category !== undefined;
  const one = (name: string, filter: string) => groupBy.includes(name) || filters[filter]?.length === 1;
  // A receipt stands in a row once for sure only if the row is about one category, or one product.
  const adds = ofProducts
    ? one('product', 'product_id') && (filters.category === undefined || one('category', 'category'))
    : !ofCategories || one('category', 'category');
  const asked = (filter: string, value: string) => filters[filter]?.includes(value) ?? true;
  const involved = Object.keys(places).filter(
    (place) =>
      asked('place_id', place) &&
      (filters.group === undefined || places[place]!.groups.some((group) => asked('group', group))),
  );
  const zones = new Set(involved.map((place) => places[place]!.zone));
  const sums = new Map<string, Sum>();
  for (const sale of sales) {
    const date = businessDate(sale);
    if (date < (question.from ?? '') || date > (question.to ?? '9')) continue;
    if (!involved.includes(sale.place) || !asked('payment_method', sale.payment)) continue;
    if (!(filters.source ?? ['receipt', 'transaction', 'order']).includes(sale.source)) continue;
    if (question.counts?.(sale) === false) continue;
    const zone = groupBy.includes('place')
      ? places[sale.place]!.zone
      : zones.size === 1
        ? [...zones][0]!
        : 'UTC';
    const lines = sale.lines.filter(
      (line) => asked('product_id', line.product) && asked('category', line.category),
    );
    const parts = ofProducts || ofCategories ? lines : [undefined];
    const groups = groupBy.includes('group')
      ? places[sale.place]!.groups.filter((group) => asked('group', group))
      : [undefined];
    const counted = new Set<string>();
    for (const group of groups) {
      for (const line of parts) {
        const values: Record<string, string | undefined> = {
          group,
          place: sale.place,
          product: line?.product,
          category: line?.category,
          payment_method: sale.payment,
          source: sale.source,
        };
        const key = keyOf(
          periodOf(sale, question, zone),
          groupBy.map((name) => values[name]!),
          sale.currency,
        );
        const sum = sums.get(key) ?? emptySum();
        sums.set(key, sum);
        addTo(sum, sale, line, !counted.has(key));
        counted.add(key);
      }
    }
  }
  const rows = [...sums].filter(([, sum]) => Object.values(sum).some((value) => value !== 0));
  return new Map(rows.map(([key, sum]) => [key, figures(sum, key, adds, ofProducts || ofCategories)]));
}

function emptySum(): Sum {
  const names = ['sales', 'refunds', 'discounts', 'receipts', 'units', 'refund_receipts', 'nds', 'tips'];
  return { ...Object.fromEntries(names.map((name) => [name, 0])), counted: 0 };
}

function addTo(sum: Sum, sale: TestSale, line: TestSale['lines'][number] | undefined, first: boolean): void {
  const pieces = line?.pieces ?? sale.lines.reduce((all, one) => all + one.pieces, 0);
  const sign = sale.refund ? -1 : 1;
  sum[sale.refund ? 'refunds' : 'sales']! += line?.amountMinor ?? sale.totalMinor;
  sum.units! += sign * pieces;
  if (first) sum[sale.refund ? 'refund_receipts' : 'receipts']! += 1;
  if (line !== undefined) return;
  sum.nds! += sign * sale.ndsMinor;
  sum.tips! += sign * sale.tipsMinor;
  if (!sale.refund) sum.discounts! += sale.discountMinor;
}

export function keyOf(period: string, groups: readonly string[], currency: string): string {
  return [period, ...groups, currency].join(' | ');
}

function figures(sum: Sum, key: string, adds: boolean, ofLines: boolean): Record<string, unknown> {
  const unit = 10 ** digitsOf(key.split(' | ').at(-1)!);
  const { sales, refunds, discounts, receipts, units, refund_receipts, nds, tips } = sum as Record<
    string,
    number
  >;
  const mean = receipts === 0 ? null : Math.floor((2 * sales! + receipts!) / (2 * receipts!));
  const all: Record<string, unknown> = {
    sales: sales! / unit,
    refunds: refunds! / unit,
    net: (sales! - refunds!) / unit,
    discounts: discounts! / unit,
    receipts: adds ? receipts : null,
    units,
    average_receipt: adds && mean !== null ? mean / unit : null,
    nds: nds! / unit,
    tips: tips! / unit,
    refund_receipts,
  };
  if (ofLines) for (const name of whole) delete all[name];
  return all;
}

const columns: Record<string, string> = { place: 'place_id', product: 'product_id' };

/** The rows of an answer by the same key, figures only. */
export function rowsOf(
  body: { rows: Record<string, unknown>[] },
  groupBy: readonly string[],
): Map<string, Record<string, unknown>> {
  const rows = new Map<string, Record<string, unknown>>();
  for (const row of body.rows) {
    const groups = groupBy.map((name) => String(row[columns[name] ?? name]));
    const key = keyOf(String(row.period ?? ''), groups, String(row.currency));
    if (rows.has(key)) throw new Error(`two rows for ${key}`);
    const { period, group, place_id, place_name, product_id, product_name, category, ...rest } = row;
    const { payment_method, source, currency, previous, change_percent, ...only } = rest;
    rows.set(key, only);
  }
  return rows;
}
