import type { Database } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { type HeldPartition, holdPartition, lagOf, restart } from './held-partition.ts';
import type { LogRange, TopicPartition, TopicsClient } from './kafka-topics.ts';
import { createReaders, shareOf } from './share-partitions.ts';
import { beginStreamOffset, partitionKey, readStreamOffsets } from './stream-offsets.ts';

export type AssignmentDeps = {
  pool: Database;
  topics: TopicsClient;
  names: readonly string[];
  readerId: string;
  /** Deals the partitions out among its readers; named in the metrics. */
  group: string;
  log: Log;
  metrics: Metrics;
  /** Partitions came, went or can be read again. */
  onChange: () => void;
};

const beatMs = 1_000;
const notPlaced = -1;
/** The list of partitions is read anew so often, and after any failure. */
const beatsPerList = 10;

/** Which partitions this processor reads, and where each stands: looked at each second. */
export function createAssignment(deps: AssignmentDeps) {
  const { pool, topics, log, metrics, readerId, group } = deps;
  const readers = createReaders({ pool, readerId, group });
  const labelsOf = ({ topic, partition }: TopicPartition) => ({ group, topic, partition: String(partition) });
  const held = new Map<string, HeldPartition>();
  /** Their offset in the database may not be what is thought. */
  const doubted = new Set<HeldPartition>();
  let partitions: TopicPartition[] = [];
  let beats = 0;
  let listDoubted = true;
  let before = new Set<string>();
  let state = 'waits for its first partitions';
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> | undefined;
  let stopped = false;

  /** Resolves after a look that began after the call. */
  async function refresh(): Promise<void> {
    if (working !== undefined) await working;
    working ??= look().finally(() => {
      working = undefined;
    });
    await working;
  }

  async function look(): Promise<void> {
    try {
      const alive = await readers.beat();
      if (listDoubted || beats++ % beatsPerList === 0) {
        partitions = (await topics.partitions(deps.names)).sort(byName);
        listDoubted = false;
        for (const partition of partitions) {
          const known = held.get(partitionKey(partition));
          if (known !== undefined) known.leader = partition.leader;
        }
      }
      await holdShare(shareOf(partitions, alive, readerId), alive.length);
      const troubled = [...held.values()].filter(({ trouble }) => trouble !== undefined);
      await place([...new Set([...doubted, ...troubled])].filter(({ loading }) => !loading));
      state = troubled.find(({ trouble }) => trouble !== undefined)?.trouble ?? 'ok';
    } catch (error) {
      const reason = (error as Error).message;
      if (state === 'ok')
        log.warn({ err: error }, 'partitions and offsets could not be looked at; tried again');
      state = `waits: ${reason}`;
      listDoubted = true;
    }
    tell();
    deps.onChange();
  }

  /** What was another's a moment ago is taken up a beat later, so that the two rarely meet. */
  async function holdShare(share: readonly TopicPartition[], readersAlive: number): Promise<void> {
    const mine = new Map(share.map((partition) => [partitionKey(partition), partition]));
    for (const [key, partition] of held) {
      if (mine.has(key)) continue;
      partition.dropped = true;
      held.delete(key);
      doubted.delete(partition);
      forget(partition);
    }
    const ready = share.filter(
      (partition) =>
        !held.has(partitionKey(partition)) && (readersAlive === 1 || before.has(partitionKey(partition))),
    );
    before = new Set(mine.keys());
    const fresh = ready.map((partition) => holdPartition(partition, notPlaced));
    try {
      await place(fresh);
    } finally {
      for (const partition of fresh)
        if (partition.stored !== notPlaced) held.set(partitionKey(partition), partition);
    }
  }

  /** A broker that is away holds up its own partitions only. */
  async function place(list: readonly HeldPartition[]): Promise<void> {
    let failure: unknown;
    for (const group of Map.groupBy(list, ({ leader }) => leader).values())
      await placeTogether(group).catch((error) => {
        failure ??= error;
      });
    if (failure !== undefined) throw failure;
  }

  /** Reads where partitions stand and whether their logs still reach there. */
  async function placeTogether(list: readonly HeldPartition[]): Promise<void> {
    const ranges = await topics.ranges(list);
    let stored = await readStreamOffsets(pool, list);
    for (const [index, partition] of list.entries())
      if (!stored.has(partitionKey(partition)))
        await beginStreamOffset(pool, partition, ranges[index]!.first);
    if (stored.size < list.length) stored = await readStreamOffsets(pool, list);
    for (const [index, partition] of list.entries()) {
      const next = stored.get(partitionKey(partition))!;
      doubted.delete(partition);
      restart(partition, next);
      judge(partition, next, ranges[index]!);
    }
  }

  function judge(partition: HeldPartition, next: number, range: LogRange): void {
    const isWithin = next >= range.first && next <= range.end;
    const trouble = isWithin ? undefined : describeGap(partition, next, range);
    if (trouble !== undefined && partition.trouble === undefined)
      log.error(
        { code: 'offset_out_of_range', topic: partition.topic, partition: partition.partition },
        trouble,
      );
    partition.trouble = trouble;
    partition.end = range.end;
  }

  function tell(): void {
    for (const partition of held.values()) {
      const labels = labelsOf(partition);
      metrics.streamLag.set(labels, lagOf(partition));
      metrics.streamStopped.set(labels, partition.trouble === undefined ? 0 : 1);
    }
  }

  function forget(partition: HeldPartition): void {
    metrics.streamLag.remove(labelsOf(partition));
    metrics.streamStopped.remove(labelsOf(partition));
  }

  function tick(): void {
    void refresh().then(() => {
      if (!stopped) timer = setTimeout(tick, beatMs);
    });
  }

  return {
    held: () => held.values(),
    start: tick,
    refresh,
    ask: async () => state,
    /** A fetch was told that the offset is not within the log. */
    check(partition: HeldPartition): void {
      partition.trouble ??= 'is looked at';
      doubted.add(partition);
    },
    doubtOffset(partition: HeldPartition): void {
      // Nothing of it is read on until it is known where it stands.
      restart(partition, partition.stored);
      partition.trouble ??= 'is looked at';
      if (!partition.dropped) doubted.add(partition);
    },
    doubt(error: Error): void {
      if (!listDoubted) log.debug({ err: error }, 'a fetch failed');
      listDoubted = true;
    },
    count(partition: HeldPartition, messages: number): void {
      metrics.streamMessages.inc({ ...labelsOf(partition), direction: 'in' }, messages);
      if (!partition.dropped) metrics.streamLag.set(labelsOf(partition), lagOf(partition));
    },
    async stop(): Promise<void> {
      stopped = true;
      clearTimeout(timer);
      await working;
      for (const partition of held.values()) forget(partition);
      held.clear();
      await readers.leave().catch(() => {});
    },
  };
}

function byName(one: TopicPartition, other: TopicPartition): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1;
  return one.partition - other.partition;
}

/** What is told where documents were removed from a log before they were loaded. */
export function describeGap(
  { topic, topicId, partition }: Pick<TopicPartition, 'topic' | 'topicId' | 'partition'>,
  next: number,
  { first, end }: LogRange,
): string {
  const target = next < first ? first : end;
  return (
    `offset_out_of_range: partition ${partition} of ${topic} stands at ${next}, and its log goes from ${first} to ${end}: ` +
    `${next < first ? 'messages were removed before they were loaded' : 'messages that were loaded are gone from the log'}. ` +
    `Bring the log back, or go on at ${target}: update stg.stream_offset set next_offset = ${target} ` +
    `where topic_id = '${topicId}' and partition = ${partition}`
  );
}
