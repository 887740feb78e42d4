import type { Queryable } from '../base/db.ts';

// Nothing waits for a channel that takes nothing: of one that is on again, new events are sent, and old ones when
// somebody asks for it.
const skipWaiting = `
  update ops.delivery as d
  set state = 'skipped', ended_at = now(), lease_id = null, leased_until = null,
    last_error = case when exists (select from ops.channel as c where c.channel_id = d.channel_id)
      then 'the channel is switched off' else 'there is no such channel' end
  where d.delivery_id in (
    select w.delivery_id from ops.delivery as w
    where w.state = 'waiting' and ($1::text is null or w.channel_id = $1)
      and (w.leased_until is null or w.leased_until < now())
      and not exists (select from ops.channel as c where c.channel_id = w.channel_id and c.enabled)
    for update skip locked)`;

/**
 * Ends what waits for channels that are off or gone: of one channel, or of all. What is being sent ends by itself,
 * and is ended by a later call where it is to be tried again. Answers how many.
 */
export async function skipDeliveries(client: Queryable, channelId?: string): Promise<number> {
  return (await client.query({ text: skipWaiting, values: [channelId ?? null] })).rowCount ?? 0;
}
