import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type Database, sqlState } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';
import type { KafkaConfig } from '../cluster-config.ts';
import type { Incoming, Outcome } from '../sales/sale.ts';
import { createAssignment } from './assign-partitions.ts';
import { createFetcher } from './fetch-messages.ts';
import { type HeldPartition, settleLoaded } from './held-partition.ts';
import { createTopicsClient } from './kafka-topics.ts';
import type { StreamMessage } from './read-message.ts';
import { moveStreamOffsets, OffsetsMoved } from './stream-offsets.ts';

export type KafkaConsumerDeps = {
  kafka: KafkaConfig;
  pool: Database;
  /** Loads a batch in one transaction, or in several where documents have to be told apart; `first` opens each. */
  load: (
    batch: Incoming[],
    first: (client: Client, batch: readonly Incoming[]) => Promise<void>,
  ) => Promise<Outcome[]>;
  /** Resolves once the warehouse has room for so many documents, false at the deadline (epoch milliseconds). */
  admit: (count: number, deadlineMs: number) => Promise<boolean>;
  read: (message: StreamMessage) => Incoming;
  log: Log;
  metrics: Metrics;
};

const group = 'tillstream-processor';
const batchDocuments = 2_000;
const batchBytes = 16 * 1024 * 1024;
/** One batch is written while the other is read; each with partitions of its own. */
const lanes = 2;
/** A transaction costs as much as some fifty documents, so fewer wait for the one under way to end. */
const secondLaneDocuments = 256;
const admitMs = 1_000;
const firstPauseMs = 50;
const longestPauseMs = 2_000;

type Taken = { held: HeldPartition; messages: StreamMessage[] };

/**
 * Reads the topics into the warehouse, each message exactly once: where a partition stands is moved in the
 * transaction that loads its messages.
 */
export function createKafkaConsumer(deps: KafkaConsumerDeps) {
  const { kafka, log, metrics, pool } = deps;
  const names = [kafka.topics.transactions, kafka.topics.orders];
  const topics = createTopicsClient(kafka);
  const readerId = randomUUID();
  const assignment = createAssignment({
    ...{ pool, topics, names, readerId, group, log, metrics },
    onChange: wake,
  });
  const fetcher = createFetcher({
    ...{ kafka, topics: names, group, held: assignment.held, log },
    onMessages: wake,
    onOutOfRange: assignment.check,
    onFailure: assignment.doubt,
  });
  let stopped = false;
  let busy = 0;
  let turn = 0;
  const asleep = new Set<() => void>();

  function wake(): void {
    fetcher.pump();
    for (const resume of asleep) resume();
    asleep.clear();
  }

  /** The next messages of partitions that no other lane has in hand, of each as many in turn. */
  function take(): Taken[] {
    const ready = [...assignment.held()].filter(
      ({ loading, dropped, trouble, messages }) =>
        !loading && !dropped && trouble === undefined && messages.length > 0,
    );
    const waiting = ready.reduce((sum, { messages }) => sum + messages.length, 0);
    if (waiting === 0 || (busy > 0 && waiting < secondLaneDocuments)) return [];
    turn++;
    const taken: Taken[] = [];
    let [documents, bytes] = [0, 0];
    for (let index = 0; index < ready.length; index++) {
      const held = ready[(index + turn) % ready.length]!;
      const share = Math.max(Math.ceil(batchDocuments / ready.length), batchDocuments - waiting);
      const messages: StreamMessage[] = [];
      for (const message of held.messages.slice(0, share)) {
        const size = message.value?.length ?? 0;
        if (documents >= batchDocuments || (documents > 0 && bytes + size > batchBytes)) break;
        messages.push(message);
        documents++;
        bytes += size;
      }
      if (messages.length > 0) taken.push({ held, messages });
    }
    return taken;
  }

  async function admitted(count: number): Promise<boolean> {
    while (!stopped) if (await deps.admit(count, Date.now() + admitMs)) return true;
    return false;
  }

  async function load(taken: readonly Taken[]): Promise<void> {
    const started = performance.now();
    const documents = taken.flatMap(({ messages }) => messages.map(deps.read));
    observeStage(metrics, 'processor', 'read', started);
    if (!(await admitted(documents.length))) return;
    await deps.load(documents, moveStreamOffsets);
    for (const { held, messages } of taken) {
      settleLoaded(held, messages.length);
      assignment.count(held, messages.length);
    }
  }

  async function runLane(): Promise<void> {
    let pauseMs = firstPauseMs;
    while (!stopped) {
      const taken = take();
      if (taken.length === 0) {
        await new Promise<void>((resolve) => asleep.add(resolve));
        continue;
      }
      for (const { held } of taken) held.loading = true;
      busy++;
      try {
        await load(taken);
        pauseMs = firstPauseMs;
      } catch (error) {
        // Some of it may be loaded: a batch that was told apart, or a COMMIT whose answer was lost.
        for (const { held } of taken) {
          assignment.doubtOffset(held);
          held.loading = false;
        }
        if (!(error instanceof OffsetsMoved)) {
          log.warn({ err: error, sqlstate: sqlState(error) }, 'a batch of the stream is tried again');
          await sleep(pauseMs);
          pauseMs = Math.min(pauseMs * 2, longestPauseMs);
        }
        await assignment.refresh();
      } finally {
        busy--;
        for (const { held } of taken) held.loading = false;
        wake();
      }
    }
  }

  const running = Promise.all(Array.from({ length: lanes }, runLane));
  assignment.start();

  return {
    /** For /readyz: `ok`, or what is wrong. */
    ask: assignment.ask,
    /** Finishes what is loading, gives the partitions back and leaves. */
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

export type KafkaConsumer = ReturnType<typeof createKafkaConsumer>;
