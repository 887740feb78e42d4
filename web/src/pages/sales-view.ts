/** What the sales page shows, as it stands in its address. */
export const salesDefaults = {
  period: '30d',
  from: '',
  to: '',
  granularity: '',
  group: '',
  compare: 'previous',
  measure: 'net',
  view: 'line',
  place: '',
  category: '',
  product: '',
  payment: '',
  source: '',
  currency: '',
  order: '',
};
export type SalesView = typeof salesDefaults;

export const granularities = ['hour', 'day', 'week', 'month', 'year', 'total'] as const;
export const groups = ['', 'place', 'group', 'category', 'product', 'payment_method', 'source'] as const;
export const comparisons = ['', 'previous', 'last_week', 'last_year', 'last_year_weekday'] as const;
export const periods = ['7d', '30d', '90d', '12m', 'all', 'custom'] as const;
export const views = ['line', 'bar', 'table'] as const;
export const moneyMeasures = [
  'net',
  'sales',
  'refunds',
  'average_receipt',
  'discounts',
  'nds',
  'tips',
] as const;
export const wholeMeasures = [
  ...['net', 'sales', 'refunds', 'receipts', 'average_receipt', 'units', 'discounts', 'nds', 'tips'],
] as const;
export type Granularity = (typeof granularities)[number];
export type Group = (typeof groups)[number];

/** The column that tells the groups of an answer apart, and the one with their names. */
export const groupColumns = {
  place: { id: 'place_id', name: 'place_name' },
  group: { id: 'group', name: 'group' },
  category: { id: 'category', name: 'category' },
  product: { id: 'product_id', name: 'product_name' },
  payment_method: { id: 'payment_method', name: 'payment_method' },
  source: { id: 'source', name: 'source' },
} as const;

export type DateRange = { from: string; to: string };

const isoDay = (date: Date) => date.toISOString().slice(0, 10);
const daysOf = { '7d': 7, '30d': 30, '90d': 90 } as Record<string, number>;

/** The business dates of a view; empty for all time. `today` is a date of the reader. */
export function rangeOf(view: Pick<SalesView, 'period' | 'from' | 'to'>, today: string): DateRange {
  if (view.period === 'custom') return { from: view.from, to: view.to };
  const last = new Date(`${today}T00:00:00Z`);
  const days = daysOf[view.period];
  if (days !== undefined)
    return { from: isoDay(new Date(last.getTime() - (days - 1) * 86_400_000)), to: today };
  if (view.period !== '12m') return { from: '', to: '' };
  return { from: isoDay(new Date(Date.UTC(last.getUTCFullYear(), last.getUTCMonth() - 11, 1))), to: today };
}

/** Some 10 to 100 steps fit a drawing. */
export function granularityOf(view: Pick<SalesView, 'granularity'>, range: DateRange): Granularity {
  const asked = granularities.find((one) => one === view.granularity);
  if (asked !== undefined) return asked;
  if (range.from === '' || range.to === '') return 'month';
  const days = (Date.parse(range.to) - Date.parse(range.from)) / 86_400_000 + 1;
  if (days <= 2) return 'hour';
  return days <= 124 ? 'day' : 'month';
}

/** A value with a comma in it stands in double quotes, since a comma parts values. */
export const quoteValue = (value: string) =>
  /[",]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;

/** The question to `/api/analytics/sales`; a comparison needs both dates. */
export function questionOf(view: SalesView, today: string) {
  const range = rangeOf(view, today);
  // Twelve calendar months, the last of them running, are compared with the same a year earlier.
  const compare = view.period === '12m' && view.compare === 'previous' ? 'last_year' : view.compare;
  const hasDates = range.from !== '' && range.to !== '';
  const value = (text: string) => (text === '' ? undefined : quoteValue(text));
  return {
    ...{ granularity: granularityOf(view, range), from: range.from, to: range.to },
    group_by: view.group === '' ? undefined : view.group,
    compare: hasDates && compare !== '' && !isRunningProduct(view, range, today) ? compare : undefined,
    place_id: value(view.place),
    category: value(view.category),
    product_id: value(view.product),
    payment_method: value(view.payment),
    source: value(view.source),
  };
}
/** Products are kept by day, so a day that still runs has nothing to compare with; dates that were chosen are asked as they are. */
export function isRunningProduct(view: SalesView, { to }: DateRange, today: string): boolean {
  const asksProducts = view.group === 'product' || view.product !== '';
  return asksProducts && view.period !== 'custom' && to >= today;
}

export type SalesQuestion = ReturnType<typeof questionOf>;

/** The reader's own date, for periods that end today. */
export function readerToday(): string {
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, '0');
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}
