import type { Queryable } from '../base/db.ts';

// Nothing waits for a channel that takes nothing: of one that is on again, new events are sent, and old ones when
// somebody asks for it.
const skipWaiting = `
  update ops.delivery as d
  set state = 'skipped', ended_at = now(), lease_id = null, leased_until = null,
    last_error = case when exists (select from ops.channel as c where c.channel_id = d.channel_id)
      then 'the channel is switched off' else 'there is no such channel' end
  where d.state = 'waiting' and ($1::text is null or d.channel_id = $1)
    and not exists (select from ops.channel as c where c.channel_id = d.channel_id and c.enabled)`;

/** Ends what waits for channels that are off or gone: of one channel, or of all. Answers how many. */
export async function skipDeliveries(client: Queryable, channelId?: string): Promise<number> {
  return (await client.query({ text: skipWaiting, values: [channelId ?? null] })).rowCount ?? 0;
}
