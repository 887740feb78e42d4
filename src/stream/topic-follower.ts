import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type Database, inTransaction } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { KafkaConfig } from '../cluster-config.ts';
import { createAssignment } from './assign-partitions.ts';
import { createFetcher } from './fetch-messages.ts';
import { settleLoaded } from './held-partition.ts';
import { createTopicsClient } from './kafka-topics.ts';
import type { StreamMessage } from './read-message.ts';
import { moveStreamOffsets, OffsetsMoved } from './stream-offsets.ts';

export type TopicFollowerDeps = {
  kafka: KafkaConfig;
  topic: string;
  /** Shares the partitions among its members. */
  group: string;
  pool: Database;
  /** Works on messages in the transaction that moves their offsets; what throws is tried again for ever. */
  take: (client: Client, messages: readonly StreamMessage[]) => Promise<void>;
  /** Something was taken. */
  onTaken: () => void;
  log: Log;
  metrics: Metrics;
};

const batchMessages = 200;
const firstPauseMs = 50;
const longestPauseMs = 5_000;

/** Reads a topic whose messages are few, each exactly once as far as the database goes. */
export function createTopicFollower(deps: TopicFollowerDeps) {
  const { kafka, topic, group, pool, log, metrics } = deps;
  const names = [topic];
  const topics = createTopicsClient(kafka);
  const assignment = createAssignment({
    ...{ pool, topics, names, group, log, metrics, readerId: randomUUID() },
    onChange: wake,
  });
  const fetcher = createFetcher({
    ...{ kafka, topics: names, group, held: assignment.held, log },
    onMessages: wake,
    onOutOfRange: assignment.check,
    onFailure: assignment.doubt,
  });
  let stopped = false;
  let woken = Promise.withResolvers<void>();

  function wake(): void {
    fetcher.pump();
    woken.resolve();
  }

  async function takeNext(): Promise<boolean> {
    const held = [...assignment.held()].find(
      ({ dropped, trouble, messages }) => !dropped && trouble === undefined && messages.length > 0,
    );
    if (held === undefined) return false;
    const messages = held.messages.slice(0, batchMessages);
    held.loading = true;
    try {
      await inTransaction(pool, async (client) => {
        await moveStreamOffsets(client, messages);
        await deps.take(client, messages);
      });
      settleLoaded(held, messages.length);
      assignment.count(held, messages.length);
    } catch (error) {
      // A COMMIT whose answer was lost may have moved the offset.
      assignment.doubtOffset(held);
      throw error;
    } finally {
      held.loading = false;
    }
    deps.onTaken();
    return true;
  }

  async function run(): Promise<void> {
    let pauseMs = firstPauseMs;
    while (!stopped) {
      woken = Promise.withResolvers();
      try {
        const isTaken = await takeNext();
        pauseMs = firstPauseMs;
        if (isTaken) fetcher.pump();
        else if (!stopped) await woken.promise;
      } catch (error) {
        if (!(error instanceof OffsetsMoved)) {
          log.warn({ err: error, topic }, 'messages of a topic are tried again');
          await sleep(pauseMs);
          pauseMs = Math.min(pauseMs * 2, longestPauseMs);
        }
        await assignment.refresh();
      }
    }
  }

  const running = run();
  assignment.start();

  return {
    /** For /readyz: `ok`, or what is wrong. */
    ask: assignment.ask,
    async stop(): Promise<void> {
      stopped = true;
      wake();
      await running;
      await assignment.stop();
      await fetcher.stop();
      await topics.close();
    },
  };
}
