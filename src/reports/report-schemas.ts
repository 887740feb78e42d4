import { type Static, Type } from 'typebox';
import { oneOf } from '../http/one-of.ts';

const NullableText = Type.Union([Type.String(), Type.Null()]);
const NullableNumber = Type.Union([Type.Number(), Type.Null()]);
const NullableInteger = Type.Union([Type.Integer(), Type.Null()]);

const LanguageName = oneOf(['ru', 'en']);
const BasisName = oneOf(['itemised', 'declared']);
const Status = oneOf(['queued', 'writing', 'done']);

const shares = { units: Type.Number(), revenue: Type.Number(), share_percent: NullableNumber };
const ProductFact = Type.Object({ name: Type.String(), ...shares });
const CurrencyFacts = Type.Object({
  currency: Type.String(),
  revenue: Type.Number({ description: 'net of refunds' }),
  sales: Type.Number(),
  refunds: Type.Number(),
  refunds_percent: NullableNumber,
  discounts: Type.Number(),
  units: Type.Number(),
  receipts: NullableInteger,
  average_receipt: NullableNumber,
  comparisons: Type.Array(
    Type.Object({
      kind: Type.String({
        description:
          'previous_day or previous_period, week_before, average_of_7_days_before, same_weekday_average',
      }),
      from: Type.String(),
      to: Type.String(),
      days: Type.Integer(),
      weeks: NullableInteger,
      revenue: Type.Number(),
      receipts: NullableNumber,
      average_receipt: NullableNumber,
      revenue_difference: Type.Number(),
      revenue_change_percent: NullableNumber,
      receipts_change_percent: NullableNumber,
      average_receipt_change_percent: NullableNumber,
    }),
  ),
  top_by_money: Type.Array(ProductFact),
  top_by_units: Type.Array(ProductFact),
  categories: Type.Array(Type.Object({ category: Type.String(), ...shares })),
  unusual_days: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  unusual_products: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  recommendations: Type.Array(Type.Record(Type.String(), Type.Unknown())),
});
const Facts = Type.Object({
  from: Type.String(),
  to: Type.String(),
  days: Type.Integer(),
  place: NullableText,
  basis: BasisName,
  is_unfinished: Type.Boolean(),
  currencies: Type.Array(CurrencyFacts),
});

const reportExample = {
  id: 1,
  date: '2024-01-31T00:00:00Z',
  from: '2024-01-31',
  to: '2024-01-31',
  place_id: 'store-1',
  language: 'en',
  basis: 'declared',
  origin: 'daily_file',
  job_id: '0193a1f0-6d0c-7a52-9a3e-0d6c2f4b8a11',
  status: 'queued',
  start_prompt: 'You are the analyst of a retail chain. …',
  facts: null,
  report: null,
  model: null,
  fallback: null,
  attempts: 0,
  tokens: { prompt: null, completion: null },
  create_date: '2024-02-01T06:00:00.000Z',
  update_date: '2024-02-01T06:00:00.000Z',
};

export const Report = Type.Object(
  {
    id: Type.Integer(),
    date: Type.String({ description: 'midnight UTC of the first day' }),
    from: Type.String({ description: 'first business date' }),
    to: Type.String({ description: 'last business date, included' }),
    place_id: Type.Union([Type.String(), Type.Null()], { description: 'null: all places together' }),
    language: LanguageName,
    basis: Type.Union([BasisName, Type.Null()], {
      description: 'of single sales, or of what daily files declare; null until it is known',
    }),
    origin: oneOf(['daily_file', 'request', 'schedule']),
    job_id: NullableText,
    status: Status,
    start_prompt: Type.String({ description: 'what a model is told; the facts go beside it' }),
    facts: Type.Union([Facts, Type.Null()]),
    report: Type.Union([Type.String(), Type.Null()], { description: 'Markdown; null until it is final' }),
    model: Type.Union([Type.String(), Type.Null()], {
      description: 'which wrote the text; null where the program did',
    }),
    fallback: Type.Union([Type.String(), Type.Null()], {
      description:
        'why the program wrote it although a model was asked: invented_numbers, refused, unavailable, rate_limited, timeout, truncated, model_error',
    }),
    attempts: Type.Integer({ description: 'how often a model was asked' }),
    tokens: Type.Object({ prompt: NullableInteger, completion: NullableInteger }),
    create_date: Type.String(),
    update_date: Type.String(),
  },
  { examples: [reportExample] },
);

export const Reports = Type.Object(
  { results: Type.Array(Report), next_cursor: NullableText },
  { examples: [{ results: [reportExample], next_cursor: null }] },
);

export const Ask = Type.Object(
  {
    date: Type.Optional(Type.String({ description: 'one business date, 2024-01-31' })),
    from: Type.Optional(Type.String({ description: 'first business date' })),
    to: Type.Optional(Type.String({ description: 'last business date, included; up to 366 days' })),
    place_id: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: 256 }), Type.Null()], {
        description: 'all places together where it is left out',
      }),
    ),
    language: Type.Optional(LanguageName),
    basis: Type.Optional(
      Type.Union([BasisName, Type.Null()], {
        description: 'where it is left out: itemised if there are single sales in the period, else declared',
      }),
    ),
  },
  { additionalProperties: false, examples: [{ date: '2024-01-31', place_id: 'store-1', language: 'en' }] },
);
export type Ask = Static<typeof Ask>;

export const Asked = Type.Object(
  { id: Type.Integer(), job_id: NullableText, status: Status },
  { examples: [{ id: 1, job_id: reportExample.job_id, status: 'queued' }] },
);

export const List = Type.Object({
  date: Type.Optional(
    Type.String({ description: 'of the first day: 2024-01-31, or as answered, 2024-01-31T00:00:00Z' }),
  ),
  place_id: Type.Optional(Type.String()),
  cursor: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '100 where not given' })),
});
export type List = Static<typeof List>;
