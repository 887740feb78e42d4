import { type Database, inTransaction, type Queryable } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { ChannelKind } from './channel.ts';
import type { NotificationEvent } from './read-event.ts';

export const deliveryStates = ['waiting', 'delivered', 'failed', 'skipped'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

export type ListedDelivery = {
  delivery_id: number;
  channel_id: string;
  /** Null where the channel is gone. */
  kind: ChannelKind | null;
  event_id: string;
  event: string;
  state: DeliveryState;
  attempt_count: number;
  next_try_at: Date | null;
  last_error: string | null;
  event_at: Date;
  created_at: Date;
  ended_at: Date | null;
};

export type Attempt = {
  attempt: number;
  started_at: Date;
  duration_ms: number | null;
  outcome: 'delivered' | 'retry' | 'failed' | 'stopped' | null;
  status: number | null;
  error: string | null;
};

export type DeliveryQuery = {
  channelId: string | undefined;
  eventId: string | undefined;
  states: readonly DeliveryState[] | undefined;
  before: number | undefined;
  limit: number;
};

const columns = `
  d.delivery_id, d.channel_id, c.kind, d.event_id, d.event, d.state, d.attempt_count,
  case when d.state = 'waiting' then d.next_try_at end as next_try_at, d.last_error, d.event_at, d.created_at, d.ended_at`;

const selectDeliveries = `
  select ${columns} from ops.delivery as d left join ops.channel as c on c.channel_id = d.channel_id
  where ($1::text is null or d.channel_id = $1) and ($2::uuid is null or d.event_id = $2)
    and ($3::text[] is null or d.state = any($3)) and ($4::bigint is null or d.delivery_id < $4)
  order by d.delivery_id desc limit $5`;

/** Newest first. */
export async function listDeliveries(client: Queryable, query: DeliveryQuery): Promise<ListedDelivery[]> {
  const { rows } = await client.query<ListedDelivery>({
    text: selectDeliveries,
    values: [
      query.channelId ?? null,
      query.eventId ?? null,
      query.states ?? null,
      query.before ?? null,
      query.limit,
    ],
  });
  return rows;
}

const selectDelivery = `
  select ${columns}, d.payload from ops.delivery as d left join ops.channel as c on c.channel_id = d.channel_id
  where d.delivery_id = $1`;
const selectAttempts = `
  select attempt, started_at, duration_ms, outcome, status, error from ops.delivery_attempt
  where delivery_id = $1 order by attempt`;

export type FoundDelivery = ListedDelivery & { payload: NotificationEvent; attempts: Attempt[] };

/** With the event and every attempt. Error `not_found`. */
export async function findDelivery(client: Queryable, deliveryId: number): Promise<FoundDelivery> {
  const { rows } = await client.query({ text: selectDelivery, values: [deliveryId] });
  if (rows[0] === undefined) throw new CodedError('not_found', `there is no delivery ${deliveryId}`);
  const attempts = await client.query<Attempt>({ text: selectAttempts, values: [deliveryId] });
  return { ...rows[0], attempts: attempts.rows };
}

// One that is being sent right now is left to it; recipients that have it get it again, since that was asked for.
const resend = `
  update ops.delivery
  set tries = 0, next_try_at = now(), last_error = null,
    settled = case when state = 'waiting' then settled else '{}' end,
    state = 'waiting', ended_at = null
  where delivery_id = $1`;

/**
 * Sends a delivery now and anew, under the id that it had, so that a receiver that has it may know it. Errors:
 * `not_found`; `channel_off` where its channel takes nothing.
 */
export async function resendDelivery(pool: Database, deliveryId: number): Promise<FoundDelivery> {
  return await inTransaction(pool, async (client) => {
    const { channel_id: channelId } = await findDelivery(client, deliveryId);
    const { rows } = await client.query<{ enabled: boolean }>({
      text: 'select enabled from ops.channel where channel_id = $1 for share',
      values: [channelId],
    });
    if (rows[0]?.enabled !== true)
      throw new CodedError(
        'channel_off',
        `the channel ${channelId} is ${rows[0] === undefined ? 'gone' : 'switched off'}; put it again first`,
      );
    await client.query({ text: resend, values: [deliveryId] });
    return await findDelivery(client, deliveryId);
  });
}
