import { type Client, type Database, inTransaction } from '../base/db.ts';
import { randomId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { type EgressProducer, MessageTooLarge, type OutgoingMessage } from './egress-producer.ts';
import { readInOrder } from './follow.ts';

/** How far a sink was sent: in the order of followers, see DESIGN of the journal. */
export type EgressPlace = { epoch: number; xid: string; position: number };

export type EgressBatch = {
  /** Of one entity in its own order, and none that a later one was sent before. */
  messages: OutgoingMessage[];
  /** Where the batch ends; undefined where nothing is new. */
  end: EgressPlace | undefined;
  rows: number;
};

/** What is told to others, read in order. */
export type EgressSource = {
  sink: 'orders' | 'outbox';
  read(client: Client, after: EgressPlace): Promise<EgressBatch>;
};

export type EgressDeps = {
  pool: Database;
  sources: readonly EgressSource[];
  openProducer: () => Promise<EgressProducer>;
  log: Log;
  metrics: Metrics;
  /** Another sender that was seen so lately is left alone. */
  standBackMs?: number;
};

/** Advisory lock: one sender at a time. */
const egressLock = 7107;
const usualStandBackMs = 10_000;
const seenEveryMs = 2_000;

const readSender = `
  select sender, sender is null or sender = $1 or seen_at < now() - $2 * interval '1 millisecond' as is_free
  from ops.egress_sender`;
const readCursors = 'select sink, epoch, xid::text as xid, position from ops.egress_cursor';
const moveCursor = `
  update ops.egress_cursor set epoch = $2, xid = $3::xid8, position = $4 where sink = $1`;

/**
 * Sends what the sources tell, at least once and in their order, from one process at a time. A broker that
 * does not answer only delays: the cursors move after it has acknowledged.
 *
 * A process may stop between reading and sending, for as long as it likes, while another takes over. It
 * cannot send after that: taking over begins with a new epoch of the transactional id, so the broker refuses
 * the old one; and who opens a producer asks the database again before the first message, which fails where
 * the lock was lost meanwhile.
 */
export function createEgress(deps: EgressDeps) {
  const me = randomId('egress');
  const standBackMs = deps.standBackMs ?? usualStandBackMs;
  const tooLarge = new Set<string>();
  let producer: EgressProducer | undefined;
  let seenAtMs = Number.NEGATIVE_INFINITY;

  async function dropProducer(): Promise<void> {
    const dropped = producer;
    producer = undefined;
    await dropped?.close();
  }

  /** Answers how many rows were sent; 0 also where another process sends. */
  async function step(): Promise<number> {
    try {
      return await inTransaction(deps.pool, sendBatch);
    } catch (error) {
      await dropProducer();
      if (error instanceof MessageTooLarge) {
        tooLarge.add(error.eventId);
        deps.log.error(
          { err: error, event: error.eventId },
          'a message is left out; raise max.message.bytes of its topic',
        );
      }
      throw error;
    }
  }

  async function sendBatch(client: Client): Promise<number> {
    // 1. One sender at a time; whoever sent before is given time to go on.
    const { rows: locked } = await client.query(`select pg_try_advisory_xact_lock(${egressLock}) as held`);
    if (!locked[0].held) return 0;
    const { rows } = await client.query<{ sender: string | null; is_free: boolean }>({
      text: readSender,
      values: [me, standBackMs],
    });
    if (!rows[0]!.is_free) {
      await dropProducer();
      return 0;
    }
    // 2. Whoever sent before is refused by the broker from here on.
    if (rows[0]!.sender !== me) await dropProducer();
    producer ??= await deps.openProducer();
    // 3. Read after that: were the lock lost by now, so were the session, and this would fail.
    const { rows: cursors } = await client.query<EgressPlace & { sink: string }>(readCursors);
    const batches: { sink: string; batch: EgressBatch }[] = [];
    for (const { sink, read } of deps.sources) {
      const after = cursors.find((cursor) => cursor.sink === sink)!;
      batches.push({ sink, batch: await readInOrder(client, () => read(client, after)) });
    }
    const messages = batches
      .flatMap(({ batch }) => batch.messages)
      .filter(({ headers }) => !tooLarge.has(headers['event-id']));
    // 4. The cursors move with what was acknowledged.
    if (messages.length > 0) await producer.send(messages);
    for (const { sink, batch } of batches)
      if (batch.end !== undefined)
        await client.query({
          text: moveCursor,
          values: [sink, batch.end.epoch, batch.end.xid, batch.end.position],
        });
    const count = batches.reduce((sum, { batch }) => sum + batch.rows, 0);
    if (rows[0]!.sender !== me || count > 0 || performance.now() - seenAtMs > seenEveryMs)
      await beSeen(client);
    countSent(messages);
    return count;
  }

  async function beSeen(client: Client): Promise<void> {
    await client.query({ text: 'update ops.egress_sender set sender = $1, seen_at = now()', values: [me] });
    seenAtMs = performance.now();
  }

  function countSent(messages: readonly OutgoingMessage[]): void {
    for (const { topic } of messages)
      deps.metrics.messages.inc({ role: 'processor', topic, direction: 'out', verdict: 'sent' });
  }

  return {
    step,
    /** After the last step: the next sender need not wait. */
    async stop(): Promise<void> {
      await dropProducer();
      await deps.pool
        .query({ text: 'update ops.egress_sender set sender = null where sender = $1', values: [me] })
        .catch(() => {});
    },
  };
}

/** Keeps the order of the list but for entities: each one's messages stand by its own number, from low to high. */
export function inEntityOrder<T>(
  list: readonly T[],
  entityOf: (one: T) => string,
  seqOf: (one: T) => number,
): T[] {
  const groups = [...Map.groupBy(list, entityOf).values()];
  return groups.flatMap((group) => group.sort((a, b) => seqOf(a) - seqOf(b)));
}
