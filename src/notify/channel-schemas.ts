import { Type } from 'typebox';
import { oneOf } from '../http/one-of.ts';
import { channelKinds } from './channel.ts';
import { deliveryStates } from './deliveries.ts';

const languages = ['ru', 'en'] as const;

const Nullable = Type.Union([Type.String(), Type.Null()]);
const sent = { kind: 'webhook', url: 'https://example.com/hooks/tillstream' };

export const ChannelPut = Type.Object(
  {
    kind: oneOf(channelKinds),
    url: Type.Optional(
      Type.String({
        maxLength: 2000,
        description: 'of a webhook, or of an incoming webhook of Slack (kept secret; left out: as it was)',
      }),
    ),
    secret: Type.Optional(
      Type.String({
        maxLength: 300,
        description: 'signs a webhook: whsec_…; left out: as it was, or made and shown once',
      }),
    ),
    new_secret: Type.Optional(Type.Boolean({ description: 'make another secret, shown once' })),
    to: Type.Optional(Type.Array(Type.String(), { maxItems: 50, description: 'addresses of an email' })),
    from: Type.Optional(
      Type.String({ maxLength: 320, description: 'of an email; SMTP_FROM where left out' }),
    ),
    chat_id: Type.Optional(
      Type.Union([Type.String(), Type.Integer()], { description: 'of Telegram: a number, or @ and a name' }),
    ),
    bot_token: Type.Optional(Type.String({ description: 'of Telegram; left out: as it was' })),
    language: Type.Optional(oneOf(languages, 'of texts; REPORT_LANGUAGE where left out')),
    enabled: Type.Optional(Type.Boolean({ description: 'false: nothing is sent, and nothing waits' })),
  },
  { additionalProperties: false, examples: [sent] },
);

export const channelExample = {
  channel_id: 'ops',
  ...sent,
  language: 'ru',
  enabled: true,
  has_secret: true,
  disabled_reason: null,
  failing_since: null,
  last_error: null,
  last_delivered_at: '2026-01-31T09:00:01.000Z',
  waiting: 0,
  created_at: '2026-01-31T08:00:00.000Z',
  updated_at: '2026-01-31T08:00:00.000Z',
};
const channelMembers = {
  channel_id: Type.String(),
  kind: oneOf(channelKinds),
  url: Type.Optional(Type.String()),
  to: Type.Optional(Type.Array(Type.String())),
  from: Type.Optional(Nullable),
  chat_id: Type.Optional(Type.String()),
  host: Type.Optional(Type.String({ description: 'of Slack: where its secret address leads' })),
  language: oneOf(languages),
  enabled: Type.Boolean(),
  has_secret: Type.Boolean(),
  disabled_reason: Type.Union([Type.String(), Type.Null()], {
    description: 'why it was switched off by itself',
  }),
  failing_since: Type.Union([Type.String(), Type.Null()], {
    description: 'since when nothing comes through',
  }),
  last_error: Nullable,
  last_delivered_at: Nullable,
  waiting: Type.Integer({ description: 'deliveries that are not sent yet' }),
  created_at: Type.String(),
  updated_at: Type.String(),
};
export const ChannelAnswer = Type.Object(channelMembers, { examples: [channelExample] });
export const ChannelSaved = Type.Object(
  {
    ...channelMembers,
    secret: Type.Union([Type.String(), Type.Null()], {
      description: 'where it was made just now; never again',
    }),
  },
  { examples: [{ ...channelExample, secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDuYN5tNkXfVg=' }] },
);
export const ChannelPage = Type.Object(
  { results: Type.Array(Type.Object(channelMembers)), next_cursor: Nullable },
  { examples: [{ results: [channelExample], next_cursor: null }] },
);
export const TestAnswer = Type.Object(
  {
    delivered: Type.Boolean(),
    status: Type.Union([Type.Integer(), Type.Null()], { description: 'of HTTP or SMTP' }),
    error: Nullable,
    duration_ms: Type.Integer(),
  },
  { examples: [{ delivered: true, status: 200, error: null, duration_ms: 84 }] },
);

export const deliveryExample = {
  delivery_id: 17,
  channel_id: 'ops',
  kind: 'webhook',
  event_id: '3f0c3d52-8f5e-4c39-9d7f-5a1d7f1f9a52',
  event: 'alert.fired',
  state: 'waiting',
  attempt_count: 1,
  next_try_at: '2026-01-31T09:00:11.000Z',
  last_error: 'the receiver answered 500',
  event_at: '2026-01-31T09:00:00.000Z',
  created_at: '2026-01-31T09:00:00.500Z',
  ended_at: null,
};
const deliveryMembers = {
  delivery_id: Type.Integer(),
  channel_id: Type.String(),
  kind: Type.Union([Type.String(), Type.Null()], { description: 'null where the channel is gone' }),
  event_id: Type.String(),
  event: Type.String(),
  state: oneOf(deliveryStates, 'skipped where its channel is off or gone'),
  attempt_count: Type.Integer(),
  next_try_at: Nullable,
  last_error: Nullable,
  event_at: Type.String(),
  created_at: Type.String(),
  ended_at: Nullable,
};
const attemptExample = {
  attempt: 1,
  started_at: '2026-01-31T09:00:00.700Z',
  duration_ms: 120,
  outcome: 'retry',
  status: 500,
  error: 'the receiver answered 500',
};
const Attempt = Type.Object({
  attempt: Type.Integer(),
  started_at: Type.String(),
  duration_ms: Type.Union([Type.Integer(), Type.Null()]),
  outcome: Type.Union([Type.String(), Type.Null()], {
    description:
      'delivered, retry, failed, stopped (the notifier ended); null while it is made, or nobody saw its end',
  }),
  status: Type.Union([Type.Integer(), Type.Null()], { description: 'of HTTP or SMTP' }),
  error: Nullable,
});
export const DeliveryPage = Type.Object(
  { results: Type.Array(Type.Object(deliveryMembers)), next_cursor: Nullable },
  { examples: [{ results: [deliveryExample], next_cursor: null }] },
);
export const DeliveryAnswer = Type.Object(
  {
    ...deliveryMembers,
    message_id: Type.String({ description: 'the webhook-id under which it is sent each time' }),
    payload: Type.Record(Type.String(), Type.Unknown(), { description: 'the event' }),
    attempts: Type.Array(Attempt),
  },
  {
    examples: [
      {
        ...deliveryExample,
        message_id: 'msg_5b3c1de0-2f43-5a3f-8d0e-0f3ab4f4a1f5',
        payload: { event_id: deliveryExample.event_id, type: 'alert.fired', rule_name: 'Low sales' },
        attempts: [attemptExample],
      },
    ],
  },
);
