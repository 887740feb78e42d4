import { CodedError } from '../base/errors.ts';
import { epochDay } from '../base/time.ts';
import {
  type FiguresQuery,
  familyOf,
  type Granularity,
  type GroupColumn,
  type OrderColumn,
} from '../warehouse/query-figures.ts';
import { decodeCursor, questionOf } from './page-cursor.ts';
import { limitPlaces, type Parameter, ParameterReader } from './read-parameters.ts';
import { figureColumns, groupIdColumns, receiptsAddUp } from './sales-rows.ts';

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
export const allSources = [...itemisedSources, 'daily'];

/** The query string of `/api/analytics/sales`, as it came. */
export type SalesParameters = {
  granularity?: string;
  group_by?: Parameter;
  from?: string;
  to?: string;
  place_id?: Parameter;
  product_id?: Parameter;
  category?: Parameter;
  payment_method?: Parameter;
  source?: Parameter;
  group?: Parameter;
  order?: Parameter;
  limit?: number;
  cursor?: string;
  compare?: string;
  same_places?: boolean;
};

export type SalesRequest = {
  query: FiguresQuery;
  compare: Comparison | undefined;
  samePlaces: boolean;
  /** Undefined where none was given. */
  limit: number | undefined;
  /** Names the question in cursors. */
  question: string;
};

const longestHourlyDays = 366;

/**
 * Reads and checks the query string: 422 `invalid_parameters` naming everything that is wrong,
 * 422 `not_answerable` for what no mart holds, 403 `foreign_place` where a bound token names another place.
 */
export function readSalesRequest(
  parameters: SalesParameters,
  boundPlaceId: string | undefined,
): SalesRequest {
  const reader = new ParameterReader();
  const granularity = reader.choice('granularity', parameters.granularity, granularities) ?? 'total';
  const groupBy = reader.choices('group_by', parameters.group_by, groupColumns) ?? [];
  const compare = reader.choice('compare', parameters.compare, comparisons);
  if (compare !== undefined && (parameters.from === undefined || parameters.to === undefined))
    reader.wrong('compare', 'missing', 'a comparison needs from and to');
  const samePlaces = parameters.same_places === true;
  if (samePlaces && compare === undefined)
    reader.wrong('same_places', 'missing', 'same_places needs compare');
  const asked = reader.list('place_id', parameters.place_id);
  const query: FiguresQuery = {
    granularity,
    groupBy,
    ...reader.range(parameters),
    sources: reader.choices('source', parameters.source, allSources) ?? itemisedSources,
    ...optional('products', reader.list('product_id', parameters.product_id)),
    ...optional('categories', reader.list('category', parameters.category)),
    ...optional('paymentMethods', reader.list('payment_method', parameters.payment_method)),
    ...optional('groups', reader.list('group', parameters.group)),
  };
  const order = readOrder(parameters.order, query, reader);
  reader.check();
  const limited = { ...query, order, ...optional('places', limitPlaces(asked, boundPlaceId)) };
  checkAnswerable(limited, compare);
  const question = questionOf(limited, compare, samePlaces);
  if (parameters.cursor === undefined)
    return { query: limited, compare, samePlaces, limit: parameters.limit, question };
  const after = decodeCursor(parameters.cursor, question, limited);
  if (after === undefined)
    reader.wrong('cursor', 'invalid_cursor', 'is not a next_cursor of an earlier answer to this question');
  reader.check();
  return { query: { ...limited, after: after! }, compare, samePlaces, limit: parameters.limit, question };
}

function optional<K extends string>(key: K, value: string[] | undefined): Partial<Record<K, string[]>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, string[]>>);
}

/** Any column that the rows have, but not a figure that is null in all of them. */
function readOrder(value: Parameter, query: FiguresQuery, reader: ParameterReader): OrderColumn[] {
  const addUp = receiptsAddUp(query);
  const allowed = [
    ...(query.granularity === 'total' ? [] : ['period']),
    ...query.groupBy.map((column) => groupIdColumns[column]),
    'currency',
    ...figureColumns(query).filter((name) => addUp || (name !== 'receipts' && name !== 'average_receipt')),
  ];
  const order = new Map<string, OrderColumn>();
  for (const part of reader.list('order', value) ?? []) {
    const descending = part.startsWith('-');
    const column = descending ? part.slice(1) : part;
    if (!allowed.includes(column))
      reader.wrong('order', 'unknown_value', `${column}: these rows can be ordered by ${allowed.join(', ')}`);
    if (!order.has(column)) order.set(column, { column, descending });
  }
  return [...order.values()];
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
  if (query.granularity === 'hour' && familyOf(query) === 'product')
    refuse('products are kept by day, not by hour');
  if (query.granularity === 'hour' && epochDay(query.to) - epochDay(query.from) >= longestHourlyDays)
    refuse(`hours are answered for up to ${longestHourlyDays} days; give from and to`);
  if (compare === 'last_year' && query.granularity === 'week')
    refuse('weeks of another year do not begin on the same dates; use compare=last_year_weekday');
  if (compare === 'last_year' && query.granularity === 'hour')
    refuse('hours are compared with previous, last_week or last_year_weekday');
}
