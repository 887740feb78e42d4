import { Consumer } from '@platformatic/kafka';
import type { Log } from '../base/log.ts';
import type { KafkaConfig } from '../cluster-config.ts';
import { type HeldPartition, takeUp } from './held-partition.ts';
import { kafkaConnection } from './kafka-connection.ts';

export type FetcherDeps = {
  kafka: KafkaConfig;
  topics: readonly string[];
  /** For the broker's log. */
  group: string;
  held: () => Iterable<HeldPartition>;
  /** Something was taken up. */
  onMessages: () => void;
  /** A stored offset is not within the log any more. */
  onOutOfRange: (held: HeldPartition) => void;
  /** A broker did not answer, or is not the leader any more. */
  onFailure: (error: Error) => void;
  log: Log;
};

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;

const maximumWaitMs = 250;
const fetchBytes = 8 * 1024 * 1024;
const partitionFetchBytes = 1024 * 1024;
/** So much of a partition, and of all of them, is held before the broker is asked for more. */
const heldPartitionBytes = 4 * 1024 * 1024;
const heldBytes = 48 * 1024 * 1024;
const pauseAfterFailureMs = 250;
const offsetOutOfRange = 1;

/** Keeps one request open at each broker that leads partitions with room; `pump` after anything has changed. */
export function createFetcher(deps: FetcherDeps) {
  const consumer = new Consumer({
    ...kafkaConnection(deps.kafka, deps.group),
    // Partitions are dealt out by the database, so the group is never joined.
    groupId: deps.group,
    retries: 0,
    connectTimeout: 2_000,
  });
  consumer.topics.trackAll(...deps.topics);
  const running = new Map<number, Promise<void>>();
  let stopped = false;

  function wanted(): Map<number, HeldPartition[]> {
    const held = [...deps.held()];
    if (held.reduce((sum, { bytes }) => sum + bytes, 0) >= heldBytes) return new Map();
    const open = held.filter(
      ({ trouble, dropped, bytes }) => trouble === undefined && !dropped && bytes < heldPartitionBytes,
    );
    return Map.groupBy(open, ({ leader }) => leader);
  }

  async function fetchFrom(node: number, partitions: readonly HeldPartition[]): Promise<void> {
    const asked = new Map(partitions.map((held) => [held, held.fetched]));
    let response: FetchResponse;
    try {
      response = await consumer.fetch({
        node,
        topics: [...Map.groupBy(partitions, ({ topicId }) => topicId)].map(([topicId, list]) => ({
          topicId,
          partitions: list.map(({ partition, fetched }) => ({
            partition,
            currentLeaderEpoch: -1,
            fetchOffset: BigInt(fetched),
            lastFetchedEpoch: -1,
            partitionMaxBytes: partitionFetchBytes,
          })),
        })),
        maxWaitTime: maximumWaitMs,
        minBytes: 1,
        maxBytes: fetchBytes,
      });
    } catch (error) {
      // Where one partition is refused the answer still says which. What the client asks before, such as who leads
      // the topic, may be refused as well, and that answer is of another shape.
      const partial = (error as { response?: Partial<FetchResponse> }).response?.responses;
      const isTold = partial !== undefined && takeAnswer(partial, asked);
      if (!isTold) deps.onFailure(error as Error);
      await new Promise((resolve) => setTimeout(resolve, pauseAfterFailureMs));
      return;
    }
    takeAnswer(response.responses, asked);
  }

  /** Answers whether an error in it was of a kind that is dealt with here. */
  function takeAnswer(
    responses: FetchResponse['responses'],
    asked: ReadonlyMap<HeldPartition, number>,
  ): boolean {
    let isTold = false;
    let taken = 0;
    for (const { topicId, partitions } of responses)
      for (const { partitionIndex, errorCode, highWatermark, records } of partitions) {
        const held = find(asked.keys(), topicId, partitionIndex);
        // Restarted while the request was open: what came is not what is needed now.
        if (held === undefined || held.dropped || held.fetched !== asked.get(held)) continue;
        if (errorCode === offsetOutOfRange) {
          isTold = true;
          deps.onOutOfRange(held);
        }
        if (errorCode !== 0) continue;
        held.end = Number(highWatermark);
        taken += takeUp(held, records ?? []);
      }
    if (taken > 0) deps.onMessages();
    return isTold;
  }

  function pump(): void {
    if (stopped) return;
    for (const [node, partitions] of wanted()) {
      if (running.has(node)) continue;
      running.set(
        node,
        fetchFrom(node, partitions).finally(() => {
          running.delete(node);
          pump();
        }),
      );
    }
  }

  return {
    pump,
    async stop() {
      stopped = true;
      await Promise.all(running.values());
      await consumer.close();
    },
  };
}

function find(partitions: Iterable<HeldPartition>, topicId: string, partition: number) {
  for (const held of partitions) if (held.topicId === topicId && held.partition === partition) return held;
  return undefined;
}
