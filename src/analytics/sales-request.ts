import { CodedError, type Problem } from '../base/errors.ts';
import { epochDay } from '../base/time.ts';
import type { FiguresQuery, Granularity, GroupColumn } from '../warehouse/query-figures.ts';

export const granularities: readonly Granularity[] = ['total', 'hour', 'day', 'week', 'month', 'year'];
export const groupColumns: readonly GroupColumn[] = [
  'place',
  'product',
  'category',
  'payment_method',
  'source',
  'group',
];
export const comparisons = ['previous', 'last_week', 'last_year', 'last_year_weekday'] as const;
export type Comparison = (typeof comparisons)[number];

/** Declared totals of daily files are asked for by name; by default only itemised sales count. */
export const itemisedSources: readonly string[] = ['receipt', 'transaction', 'order'];

/** The query string of `/api/analytics/sales`, as it came. */
export type SalesParameters = {
  granularity?: string;
  group_by?: string | string[];
  from?: string;
  to?: string;
  place_id?: string | string[];
  product_id?: string | string[];
  category?: string | string[];
  payment_method?: string | string[];
  source?: string | string[];
  group?: string | string[];
  order?: string;
  limit?: number;
  cursor?: string;
  compare?: string;
  same_places?: boolean;
};

export type SalesRequest = {
  query: FiguresQuery;
  compare: Comparison | undefined;
  samePlaces: boolean;
  limit: number;
  offset: number;
};

const orderable = [
  'period',
  'currency',
  'sales',
  'refunds',
  'net',
  'discounts',
  'receipts',
  'units',
  'average_receipt',
  'refund_receipts',
  'nds',
  'tips',
];
const idColumns: Record<GroupColumn, string> = {
  place: 'place_id',
  product: 'product_id',
  category: 'category',
  payment_method: 'payment_method',
  source: 'source',
  group: 'group',
};
export const earliest = '1900-01-01';
export const latest = '2999-12-31';
const defaultLimit = 10_000;
const longestHourlyDays = 366;

function list(value: string | string[] | undefined): string[] | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value : [value];
}

/** Reads and checks the query string. A place the token is bound to limits it; another place is refused. */
export function readSalesRequest(
  parameters: SalesParameters,
  boundPlaceId: string | undefined,
): SalesRequest {
  const errors: Problem[] = [];
  const wrong = (name: string, code: string, message: string) =>
    errors.push({ pointer: `/query/${name}`, code, message });
  const granularity = (parameters.granularity ?? 'total') as Granularity;
  if (!granularities.includes(granularity))
    wrong('granularity', 'unknown_value', `is one of ${granularities.join(', ')}`);
  const groupBy = (list(parameters.group_by) ?? [])
    .flatMap((part) => part.split(','))
    .filter((part) => part !== '') as GroupColumn[];
  const unknown = groupBy.filter((column) => !groupColumns.includes(column));
  if (unknown.length > 0)
    wrong('group_by', 'unknown_value', `${unknown.join(', ')}: group by ${groupColumns.join(', ')}`);
  const from = readDate(parameters.from, earliest, 'from', wrong);
  const to = readDate(parameters.to, latest, 'to', wrong);
  if (errors.length === 0 && from > to) wrong('from', 'out_of_range', 'is after to');
  const order = readOrder(parameters.order, groupBy, wrong);
  const compare = parameters.compare as Comparison | undefined;
  if (compare !== undefined && !comparisons.includes(compare))
    wrong('compare', 'unknown_value', `is one of ${comparisons.join(', ')}`);
  if (compare !== undefined && (parameters.from === undefined || parameters.to === undefined))
    wrong('compare', 'missing', 'a comparison needs from and to');
  const samePlaces = parameters.same_places === true;
  if (samePlaces && compare === undefined) wrong('same_places', 'missing', 'same_places needs compare');
  const offset = readCursor(parameters.cursor, wrong);
  if (errors.length > 0)
    throw new CodedError(
      'invalid_parameters',
      errors.map((one) => `${one.pointer} ${one.message}`).join('; '),
      { errors },
    );

  const query: FiguresQuery = {
    granularity,
    groupBy,
    from,
    to,
    sources: list(parameters.source) ?? itemisedSources,
    order,
    ...optional('places', limitPlaces(list(parameters.place_id), boundPlaceId)),
    ...optional('products', list(parameters.product_id)),
    ...optional('categories', list(parameters.category)),
    ...optional('paymentMethods', list(parameters.payment_method)),
    ...optional('groups', list(parameters.group)),
  };
  checkAnswerable(query, compare);
  return { query, compare, samePlaces, limit: parameters.limit ?? defaultLimit, offset };
}

function optional<K extends string>(key: K, value: string[] | undefined): Partial<Record<K, string[]>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, string[]>>);
}

export function limitPlaces(
  asked: string[] | undefined,
  boundPlaceId: string | undefined,
): string[] | undefined {
  if (boundPlaceId === undefined) return asked;
  if (asked?.some((place) => place !== boundPlaceId))
    throw new CodedError('foreign_place', `the token is bound to the place ${boundPlaceId}`);
  return [boundPlaceId];
}

type Wrong = (name: string, code: string, message: string) => void;

export function readDate(text: string | undefined, fallback: string, name: string, wrong: Wrong): string {
  if (text === undefined || text === '') return fallback;
  const valid =
    /^\d{4}-\d\d-\d\d$/.test(text) && text >= earliest && text <= latest && !Number.isNaN(epochDay(text));
  if (valid && new Date(`${text}T00:00:00Z`).toISOString().startsWith(text)) return text;
  wrong(name, 'invalid_date', 'is not a date such as 2015-01-31');
  return fallback;
}

function readOrder(text: string | undefined, groupBy: readonly GroupColumn[], wrong: Wrong) {
  if (text === undefined) return [];
  const allowed = [...orderable, ...groupBy.map((column) => idColumns[column])];
  return text.split(',').map((part) => {
    const descending = part.startsWith('-');
    const column = descending ? part.slice(1) : part;
    if (!allowed.includes(column))
      wrong('order', 'unknown_value', `${column}: order by ${allowed.join(', ')}, with - for descending`);
    return { column, descending };
  });
}

function readCursor(cursor: string | undefined, wrong: Wrong): number {
  if (cursor === undefined) return 0;
  const offset = Buffer.from(cursor, 'base64url').toString('latin1');
  if (/^\d{1,15}$/.test(offset)) return Number(offset);
  wrong('cursor', 'invalid_cursor', 'is not a next_cursor of an earlier answer');
  return 0;
}

export function encodeCursor(offset: number): string {
  return Buffer.from(String(offset), 'latin1').toString('base64url');
}

const canBeAsked = [
  'whole receipts by total, hour, day, week, month or year; by place, group, payment_method and source',
  'categories by total, hour, day, week, month or year; by place, group, payment_method and source',
  'products by total, day, week, month or year; by place, group, category, payment_method and source',
];

/** Refuses what no mart holds; it is never approximated. */
function checkAnswerable(query: FiguresQuery, compare: Comparison | undefined): void {
  const refuse = (message: string) => {
    throw new CodedError('not_answerable', message, { members: { can_be_asked: canBeAsked } });
  };
  const ofProducts = query.groupBy.includes('product') || query.products !== undefined;
  if (query.granularity === 'hour' && ofProducts) refuse('products are kept by day, not by hour');
  if (query.granularity === 'hour' && epochDay(query.to) - epochDay(query.from) > longestHourlyDays) {
    refuse(`hours are answered for up to ${longestHourlyDays} days; give from and to`);
  }
  if (compare === 'last_year' && query.granularity === 'week')
    refuse('weeks of another year do not begin on the same dates; use compare=last_year_weekday');
  if (compare === 'last_year' && query.granularity === 'hour')
    refuse('hours are compared with previous, last_week or last_year_weekday');
}
