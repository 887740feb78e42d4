import { Type } from 'typebox';
import { oneOf } from '../http/one-of.ts';
import { type AlertRule, alertLanguages, ruleKinds } from './alert-rule.ts';
import { driverKinds } from './explanation.ts';

const Nullable = Type.Union([Type.String(), Type.Null()]);
const NullableNumber = Type.Union([Type.Number(), Type.Null()]);
const optionalText = (description: string) =>
  Type.Optional(Type.Union([Type.String({ maxLength: 256 }), Type.Null()], { description }));
const optionalNumber = (description: string) =>
  Type.Optional(Type.Union([Type.Number(), Type.Null()], { description }));
const optionalInteger = (minimum: number, maximum: number, description: string) =>
  Type.Optional(Type.Union([Type.Integer({ minimum, maximum }), Type.Null()], { description }));

const scopes = ['each_place', 'all_places'] as const;
const yearMinutes = 366 * 24 * 60;
const members = {
  name: Type.String({ minLength: 1, maxLength: 200 }),
  kind: oneOf(ruleKinds),
  metric: optionalText(
    'threshold and change: sales, refunds, net, discounts, receipts, refund_receipts, units, average_receipt, nds or tips; refunds: refund_amount or refund_rate; lag: lag, stream_lag or fold_lag',
  ),
  scope: Type.Optional(
    Type.Union([oneOf(scopes), Type.Null()], {
      description: 'without place_id: each place for itself (as where it is left out), or all together',
    }),
  ),
  place_id: optionalText('one place; without it the rule holds for each'),
  product_id: optionalText('one product'),
  category: optionalText('one category'),
  currency: optionalText('of a metric in money; without it each currency is judged by itself'),
  window_minutes: optionalInteger(
    5,
    100_000,
    'multiples of 5 for a place, of 60 for a category, of 1440 for a product',
  ),
  below: optionalNumber('fires while the figure is lower; of a change the percent, -30 being a drop by 30 %'),
  above: optionalNumber('fires while the figure is higher; of a change the percent; of a lag seconds'),
  weeks: optionalInteger(3, 26, 'change and silence: how many past weeks are looked at, 6 where left out'),
  sensitivity: Type.Optional(
    Type.Union([Type.Number({ minimum: 1, maximum: 20 }), Type.Null()], {
      description: 'change: how many times the usual spread it has to be off, 5 where left out',
    }),
  ),
  cooldown_minutes: optionalInteger(
    0,
    yearMinutes,
    'the same thing does not fire again so long after it was resolved',
  ),
  channels: Type.Optional(
    Type.Union([Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 20 }), Type.Null()]),
  ),
  language: Type.Optional(
    Type.Union([oneOf(alertLanguages), Type.Null()], { description: 'of the explanation' }),
  ),
  muted_until: optionalText('nothing fires before, RFC 3339'),
  enabled: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
};
const sent = {
  ...{ name: 'Low sales', kind: 'threshold', metric: 'net', place_id: 'store-1', window_minutes: 60 },
  ...{ below: 1000, cooldown_minutes: 60, channels: ['ops'] },
};
export const Body = Type.Object(members, { additionalProperties: false, examples: [sent] });

const shown = {
  ...{ rule_id: 1, ...sent, scope: 'each_place', product_id: null, category: null, currency: null },
  ...{ above: null, weeks: 6, sensitivity: 5, language: 'en', muted_until: null, enabled: true },
  ...{ created_at: '2026-01-31T09:00:00.000Z', updated_at: '2026-01-31T09:00:00.000Z' },
};
export const Rule = Type.Object(
  {
    ...{ rule_id: Type.Integer(), name: Type.String(), kind: oneOf(ruleKinds), metric: Type.String() },
    ...{ scope: oneOf(scopes), place_id: Nullable, product_id: Nullable, category: Nullable },
    ...{ currency: Nullable, window_minutes: Type.Integer(), below: NullableNumber, above: NullableNumber },
    ...{ weeks: Type.Integer(), sensitivity: Type.Number(), cooldown_minutes: Type.Integer() },
    ...{ channels: Type.Array(Type.String()), language: oneOf(alertLanguages), muted_until: Nullable },
    ...{ enabled: Type.Boolean(), created_at: Type.String(), updated_at: Type.String() },
  },
  { examples: [shown] },
);
export const Rules = Type.Object(
  { results: Type.Array(Rule), next_cursor: Nullable },
  { examples: [{ results: [shown], next_cursor: null }] },
);

/** A rule as an answer shows it. */
export function shownRule({ all_places, ...rule }: AlertRule) {
  return {
    ...rule,
    scope: all_places ? scopes[1] : scopes[0],
    muted_until: rule.muted_until?.toISOString() ?? null,
    created_at: rule.created_at.toISOString(),
    updated_at: rule.updated_at.toISOString(),
  };
}

const DriverSchema = Type.Object({
  kind: oneOf(driverKinds),
  id: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  value: Type.Number(),
  baseline: NullableNumber,
  change: Type.Number({ description: 'its part of the difference between value and baseline' }),
});
export const ExplanationSchema = Type.Object({ text: Type.String(), drivers: Type.Array(DriverSchema) });
export const explanationExample = {
  text: 'Net of Arbat from 12:00 to 13:00 was 1240 RUB, under the limit of 1500. Receipts: 31 instead of 82; average receipt: 40 instead of 39.8.',
  drivers: [
    { kind: 'receipts', value: 31, baseline: 82, change: -2029.8 },
    { kind: 'average_receipt', value: 40, baseline: 39.8, change: 6.2 },
  ],
};

export const PreviewQuery = Type.Object({
  from: Type.Optional(
    Type.String({ format: 'date-time', description: 'a week before its end where left out' }),
  ),
  to: Type.Optional(Type.String({ format: 'date-time', description: 'now where left out' })),
});
export type PreviewQuery = { from?: string; to?: string };
const series = {
  ...{ at: '2026-01-31T13:00:00.000Z', value: 1240, baseline: 3263.6 },
  ...{ lower: null, upper: null },
};
export const Preview = Type.Object(
  {
    place_id: Nullable,
    place_name: Nullable,
    currency: Nullable,
    series: Type.Array(
      Type.Object({
        at: Type.String(),
        value: NullableNumber,
        baseline: NullableNumber,
        lower: NullableNumber,
        upper: NullableNumber,
      }),
      { description: 'of one place and currency: that with most alerts, else with the largest figures' },
    ),
    alerts: Type.Array(
      Type.Object({
        ...{ fired_at: Type.String(), resolved_at: Nullable, place_id: Nullable, place_name: Nullable },
        ...{ currency: Nullable, value: Type.Number(), baseline: NullableNumber },
        explanation: ExplanationSchema,
      }),
    ),
  },
  {
    examples: [
      {
        ...{ place_id: 'store-1', place_name: 'Arbat', currency: 'RUB', series: [series] },
        alerts: [
          {
            ...{ fired_at: '2026-01-31T13:00:00.000Z', resolved_at: '2026-01-31T13:40:00.000Z' },
            ...{ place_id: 'store-1', place_name: 'Arbat', currency: 'RUB', value: 1240, baseline: 3263.6 },
            explanation: explanationExample,
          },
        ],
      },
    ],
  },
);
