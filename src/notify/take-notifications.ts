import { binaryColumn, blamesDocument, type Client, sqlState } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';
import { type Notification, readNotification } from './read-event.ts';

/** A notification as it came. */
export type Incoming = {
  /** As JSON was read. */
  value: unknown;
  /** Its number among those of its entity. */
  entitySeq: number;
  /** For the log. */
  from: Record<string, unknown>;
};

export type TakeDeps = { log: Log; metrics: Metrics };

type Row = {
  notification: Notification;
  channelId: string;
  entitySeq: number;
  from: Record<string, unknown>;
};

// What cannot be sent is there too, and says why: whoever misses an event finds it.
const insertDeliveries = `
  insert into ops.delivery (event_id, channel_id, event, entity_key, entity_seq, payload, event_at, state, last_error, ended_at)
  select i.event_id, i.channel_id, i.event, i.entity_key, i.entity_seq, i.payload, i.event_at,
    case when c.enabled then 'waiting' else 'skipped' end,
    case when c.enabled then null when c.enabled is null then 'there is no such channel' else 'the channel is switched off' end,
    case when c.enabled then null else now() end
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::jsonb[], $7::timestamptz[])
    as i(event_id, channel_id, event, entity_key, entity_seq, payload, event_at)
  left join ops.channel as c on c.channel_id = i.channel_id
  on conflict (event_id, channel_id) do nothing`;

/**
 * Makes one delivery of each event and channel, in the caller's transaction; those that are there already stay
 * as they are. What cannot be read or stored is logged, counted and left out. Answers how many were made.
 */
export async function takeNotifications(
  client: Client,
  incoming: readonly Incoming[],
  { log, metrics }: TakeDeps,
): Promise<number> {
  const startedMs = performance.now();
  const rows: Row[] = [];
  const refuse = (from: Record<string, unknown>, why: string) => {
    metrics.notifications.inc({ result: 'unreadable' });
    log.error({ ...from, why }, 'a notification cannot be read; it is left out');
  };
  for (const { value, entitySeq, from } of incoming) {
    const read = readNotification(value);
    if (read === 'ignored') metrics.notifications.inc({ result: 'ignored' });
    else if ('wrong' in read) refuse(from, read.wrong);
    else {
      metrics.notifications.inc({ result: 'taken' });
      for (const channelId of read.channels) rows.push({ notification: read, channelId, entitySeq, from });
    }
  }
  if (rows.length === 0) return 0;
  await client.query('savepoint whole');
  try {
    return await insertRows(client, rows);
  } catch (error) {
    if (!blamesEvent(error)) throw error;
    await client.query('rollback to savepoint whole');
  } finally {
    observeStage(metrics, 'notifier', 'take', startedMs);
  }
  // One of them is at fault: each for itself, so that the others are not held up.
  let made = 0;
  for (const row of rows) {
    await client.query('savepoint one');
    try {
      made += await insertRows(client, [row]);
    } catch (error) {
      if (!blamesEvent(error)) throw error;
      await client.query('rollback to savepoint one');
      refuse(row.from, (error as Error).message);
    }
  }
  return made;
}

/** Beside bad data: JSON that is nested more deeply than the database reads (class 54). */
const blamesEvent = (error: unknown) => blamesDocument(error) || sqlState(error)?.startsWith('54') === true;

async function insertRows(client: Client, rows: readonly Row[]): Promise<number> {
  const { rowCount } = await client.query({
    name: 'insert-deliveries',
    text: insertDeliveries,
    values: [
      rows.map(({ notification }) => notification.event.event_id),
      binaryColumn('text', rows, ({ channelId }) => channelId),
      binaryColumn('text', rows, ({ notification }) => notification.event.type),
      binaryColumn('text', rows, ({ notification }) => notification.entityKey),
      binaryColumn('int8', rows, ({ entitySeq }) => entitySeq),
      binaryColumn('jsonb', rows, ({ notification }) => notification.payload),
      binaryColumn('timestamptz', rows, ({ notification }) => Date.parse(notification.event.created_at)),
    ],
  });
  return rowCount ?? 0;
}
