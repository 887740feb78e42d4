import type { Database } from '../base/db.ts';
import type { Metrics } from '../base/metrics.ts';
import { channelKinds } from './channel.ts';
import { skipDeliveries } from './skip-deliveries.ts';

const countWaiting = `
  select c.kind, count(*)::integer as waiting, extract(epoch from now() - min(d.event_at))::float8 as oldest
  from ops.delivery as d join ops.channel as c on c.channel_id = d.channel_id
  where d.state = 'waiting' group by c.kind`;
const countFailing = `
  select kind, count(*)::integer as failing from ops.channel
  where failing_since is not null or disabled_reason is not null group by kind`;

/** Looked at now and then: what waits, which channels fail; and what waits for nobody is ended. */
export async function watchDeliveries(pool: Database, metrics: Metrics): Promise<0> {
  await skipDeliveries(pool);
  const waiting = await pool.query<{ kind: string; waiting: number; oldest: number }>(countWaiting);
  const failing = await pool.query<{ kind: string; failing: number }>(countFailing);
  for (const kind of channelKinds) {
    const found = waiting.rows.find((row) => row.kind === kind);
    metrics.deliveriesWaiting.set({ kind }, found?.waiting ?? 0);
    metrics.deliveryOldestSeconds.set({ kind }, found?.oldest ?? 0);
    metrics.channelsFailing.set({ kind }, failing.rows.find((row) => row.kind === kind)?.failing ?? 0);
  }
  return 0;
}
