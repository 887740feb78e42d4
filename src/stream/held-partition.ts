import type { RecordsBatch } from '@platformatic/kafka';
import type { TopicPartition } from './kafka-topics.ts';
import type { StreamMessage } from './read-message.ts';

/** A partition that this processor reads: what is fetched of it and not loaded yet. */
export type HeldPartition = TopicPartition & {
  /** Where the database says that it stands. */
  stored: number;
  /** Where the next fetch begins. */
  fetched: number;
  /** What has to be stored for the next message to be the next. */
  chain: number;
  messages: StreamMessage[];
  bytes: number;
  /** The offset after the newest message of the log. */
  end: number;
  loading: boolean;
  /** Not ours any more, as soon as what is loading is loaded. */
  dropped: boolean;
  /** Why nothing is read of it. */
  trouble: string | undefined;
};

const controlAttribute = 0b10_0000;

export function holdPartition(partition: TopicPartition, stored: number): HeldPartition {
  return {
    ...partition,
    ...{ stored, fetched: stored, chain: stored, end: stored },
    ...{ messages: [], bytes: 0, loading: false, dropped: false, trouble: undefined },
  };
}

/** Back to what the database says: everything that was fetched is forgotten. */
export function restart(held: HeldPartition, stored: number): void {
  Object.assign(held, { stored, fetched: stored, chain: stored, messages: [], bytes: 0 });
}

/** Takes up what a fetch brought; a broker answers with whole batches, which may begin before what was asked. */
export function takeUp(held: HeldPartition, batches: readonly RecordsBatch[]): number {
  let taken = 0;
  const { topicId, topic, partition } = held;
  for (const batch of batches) {
    const first = Number(batch.firstOffset);
    if ((batch.attributes & controlAttribute) === 0) {
      for (const record of batch.records) {
        const offset = first + record.offsetDelta;
        if (offset < held.fetched) continue;
        const origin = { topicId, topic, partition, offset, from: held.chain };
        held.messages.push({ origin, value: record.value, headers: record.headers });
        held.bytes += record.value?.length ?? 0;
        held.chain = offset + 1;
        taken++;
      }
    }
    held.fetched = Math.max(held.fetched, first + batch.lastOffsetDelta + 1);
  }
  return taken;
}

/** The first messages were loaded. */
export function settleLoaded(held: HeldPartition, count: number): void {
  const loaded = held.messages.splice(0, count);
  held.bytes -= loaded.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
  held.stored = loaded.at(-1)!.origin.offset + 1;
}

/** How many messages are still to be loaded, as far as the last fetch tells. */
export function lagOf(held: HeldPartition): number {
  const done = held.messages.length === 0 ? held.fetched : held.stored;
  return Math.max(held.end - done, 0);
}
