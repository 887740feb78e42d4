import { randomUUID } from 'node:crypto';
import { binaryColumn, type Database } from '../base/db.ts';
import type { Channel, Target } from './channel.ts';
import type { NotificationEvent } from './read-event.ts';

export type Claimed = Target &
  Pick<Channel, 'channel_id' | 'secret' | 'language'> & {
    delivery_id: number;
    lease_id: string;
    event_id: string;
    payload: NotificationEvent;
    settled: string[];
    event_at: Date;
    /** When the channel was put as it is. */
    channel_updated_at: Date;
    /** In all, and since it was last asked for, this one included. */
    attempt_count: number;
    tries: number;
  };

export type ClaimLimits = { perChannel: number; all: number; leaseMs: number };

// Of each channel as many as it has room for, so that one that hangs holds up no other; of an entity none before
// the earlier ones came to their end. Whoever else claims passes these rows by. A lease that ran out belongs to a
// notifier that was killed, or is as good as.
const claimDue = `
  with open as (
    select c.channel_id, $3::integer - coalesce(b.sending, 0) as room
    from ops.channel as c
    left join unnest($1::text[], $2::int4[]) as b(channel_id, sending) on b.channel_id = c.channel_id
    where c.enabled and coalesce(b.sending, 0) < $3
  ),
  picked as materialized (
    select p.delivery_id
    from open as o
    cross join lateral (
      select d.delivery_id from ops.delivery as d
      where d.channel_id = o.channel_id and d.state = 'waiting' and d.next_try_at <= now()
        and (d.leased_until is null or d.leased_until < now())
        and not exists (
          select from ops.delivery as earlier
          where earlier.channel_id = d.channel_id and earlier.entity_key = d.entity_key
            and earlier.entity_seq < d.entity_seq and earlier.state = 'waiting')
      order by d.next_try_at, d.delivery_id
      limit o.room
      for update skip locked
    ) as p
    limit $4
  ),
  claimed as (
    update ops.delivery as d
    set lease_id = $5, leased_until = now() + $6 * interval '1 millisecond', attempt_count = d.attempt_count + 1,
      tries = d.tries + 1
    from picked as p where d.delivery_id = p.delivery_id
    returning d.delivery_id, d.channel_id, d.lease_id, d.event_id, d.payload, d.settled, d.event_at, d.attempt_count, d.tries
  ),
  noted as (
    insert into ops.delivery_attempt (delivery_id, attempt) select delivery_id, attempt_count from claimed
  )
  select d.*, c.kind, c.settings, c.secret, c.language, c.updated_at as channel_updated_at
  from claimed as d join ops.channel as c on c.channel_id = d.channel_id
  order by d.delivery_id`;

/** Takes up what is due, each under a lease. `sending` says how many of each channel are under way here. */
export async function claimDeliveries(
  pool: Database,
  sending: ReadonlyMap<string, number>,
  limits: ClaimLimits,
): Promise<Claimed[]> {
  const busy = [...sending];
  const { rows } = await pool.query<Claimed>({
    name: 'claim-deliveries',
    text: claimDue,
    values: [
      binaryColumn('text', busy, ([channelId]) => channelId),
      binaryColumn('int4', busy, ([, count]) => count),
      limits.perChannel,
      limits.all,
      randomUUID(),
      limits.leaseMs,
    ],
  });
  return rows;
}
