import { setTimeout as sleep } from 'node:timers/promises';
import { compatibilityPartitioner, findErrorBy, Producer } from '@platformatic/kafka';
import type { Clock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { KafkaConfig } from '../cluster-config.ts';
import type { Incoming, Outcome } from '../sales/sale.ts';
import { createVerdictWaiter, type FindVerdicts, type SentDocument } from './await-verdicts.ts';
import { headersOf } from './document-headers.ts';
import { kafkaConnection } from './kafka-connection.ts';
import { explainKafkaTrouble } from './kafka-trouble.ts';
import type { Stream } from './stream.ts';

export type KafkaStreamDeps = {
  kafka: KafkaConfig;
  /** Signs what is told of a document. */
  key: Buffer;
  findVerdicts: FindVerdicts;
  /** Told how many messages were acknowledged, by partition. */
  onSent: (topic: string, partition: number, messages: number) => void;
  clock: Clock;
  log: Log;
};

type Entry = {
  documents: Incoming[];
  sent: SentDocument[];
  left: number;
  deadlineMs: number;
  timer: NodeJS.Timeout;
  settled: boolean;
  resolve: () => void;
  reject: (error: Error) => void;
};
type Item = { entry: Entry; index: number };

/** One send; what goes to one partition is one batch of the log, which max.message.bytes limits. */
const maximumSendBytes = 1_500_000;
const maximumSendDocuments = 2_000;
const headerBytes = 600;
const retryPauseMs = 200;

/**
 * The stream through Kafka: idempotent, acks=all, one send at a time, so the documents of a sale keep their
 * order. What arrives while one is under way forms the next.
 */
export function createKafkaStream(deps: KafkaStreamDeps): Stream & { ask(): Promise<string> } {
  const { clock, kafka, key, log } = deps;
  const topic = kafka.topics.transactions;
  const producer = new Producer({
    ...kafkaConnection(kafka, 'tillstream-collector'),
    idempotent: true,
    // A send that keeps failing comes back to us: callers have deadlines, the library has none.
    retries: 3,
    retryDelay: 200,
    connectTimeout: 2_000,
  });
  const waitForVerdicts = createVerdictWaiter({ find: deps.findVerdicts, clock, log });
  let queue: Item[] = [];
  let sending: Promise<void> | undefined;
  let stopped = false;
  let reason: unknown = new Error('no answer yet');

  function take(limit: number): Item[] {
    queue = queue.filter(({ entry }) => !entry.settled);
    const taken: Item[] = [];
    let bytes = 0;
    for (const item of queue) {
      const size = item.entry.documents[item.index]!.body.length + headerBytes;
      if (taken.length >= limit || (taken.length > 0 && bytes + size > maximumSendBytes)) break;
      taken.push(item);
      bytes += size;
    }
    return taken;
  }

  async function send(items: readonly Item[]): Promise<void> {
    const { topics } = await producer.metadata({ topics: [topic] });
    const { id: topicId, partitionsCount } = topics.get(topic)!;
    const messages = items.map(({ entry, index }) => {
      const document = entry.documents[index]!;
      const place = Buffer.from(placeOf(document));
      const partition = compatibilityPartitioner(undefined as never, place) % partitionsCount;
      return { topic, partition, key: place, value: document.body, headers: headersOf(key, document) };
    });
    const { offsets = [] } = await producer.send({ messages });
    const next = new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
    for (const [order, { partition }] of messages.entries()) {
      const { entry, index } = items[order]!;
      const offset = next.get(partition)!;
      next.set(partition, offset + 1);
      entry.sent[index] = {
        incoming: entry.documents[index]!,
        origin: { topicId, topic, partition, offset },
      };
      entry.left--;
      if (entry.left === 0) settle(entry);
    }
    for (const [partition, list] of Map.groupBy(messages, (message) => message.partition))
      deps.onSent(topic, partition, list.length);
  }

  function settle(entry: Entry, error?: Error): void {
    if (entry.settled) return;
    entry.settled = true;
    clearTimeout(entry.timer);
    if (error === undefined) entry.resolve();
    else entry.reject(error);
  }

  async function run(): Promise<void> {
    let limit = maximumSendDocuments;
    let failures = 0;
    for (;;) {
      // Callers of this turn of the event loop join the send.
      await new Promise(setImmediate);
      const items = take(limit);
      if (items.length === 0) return;
      try {
        await send(items);
        queue = queue.slice(items.length);
        limit = maximumSendDocuments;
        failures = 0;
      } catch (error) {
        reason = error;
        if (isTooLarge(error)) {
          if (items.length === 1) settle(items[0]!.entry, refusedByBroker(topic, error));
          limit = 1;
          continue;
        }
        failures++;
        if (failures === 1 || failures % 20 === 0)
          log.warn(
            { reason: explainKafkaTrouble(error), failures, documents: items.length },
            'Kafka did not take a batch; it is sent again',
          );
        await sleep(retryPauseMs);
      }
    }
  }

  function pump(): void {
    if (sending !== undefined) return;
    sending = run().finally(() => {
      sending = undefined;
      if (queue.some(({ entry }) => !entry.settled)) pump();
    });
  }

  function enqueue(documents: Incoming[], deadlineMs: number): Promise<SentDocument[]> {
    return new Promise((resolve, reject) => {
      const late = () => settle(entry, unavailable(reason));
      const entry: Entry = {
        ...{ documents, deadlineMs, reject, settled: false },
        sent: new Array(documents.length),
        left: documents.length,
        timer: setTimeout(late, Math.max(deadlineMs - clock.nowMs(), 0)),
        resolve: () => resolve(entry.sent),
      };
      for (const index of documents.keys()) queue.push({ entry, index });
      pump();
    });
  }

  return {
    async append(documents, deadlineMs, waitUntilMs): Promise<(Outcome | undefined)[]> {
      if (stopped)
        throw new CodedError('shutting_down', 'the program is stopping; send it again', {
          retryAfterSeconds: 5,
        });
      if (documents.length === 0) return [];
      const sent = await enqueue(documents, deadlineMs);
      if (waitUntilMs === undefined) return documents.map(() => undefined);
      return await waitForVerdicts(sent, waitUntilMs);
    },
    /** For /readyz. */
    async ask() {
      try {
        await producer.metadata({ topics: [topic], metadataMaxAge: 2_000, retries: 0 });
        return 'ok';
      } catch {
        return 'does not answer';
      }
    },
    /** Refuses new documents and waits for those that were taken, each until its deadline. */
    async stop() {
      stopped = true;
      while (sending !== undefined) await sending;
      await producer.close();
    },
  };
}

/** Documents of one place stay together. */
function placeOf(document: Incoming): string {
  if (document.boundPlaceId !== undefined) return document.boundPlaceId;
  return document.sale?.placeId ?? document.resolved.placeId;
}

function isTooLarge(error: unknown): boolean {
  const ids = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'];
  return ids.some((id) => findErrorBy(error as Error, 'apiId', id) !== null);
}

/** Where the brokers are and what they say is for the log, not for those who send. */
function unavailable(cause: unknown): CodedError {
  const message = 'Kafka does not take documents at the moment; send it again';
  return new CodedError('stream_unavailable', message, { cause, retryAfterSeconds: 2 });
}

function refusedByBroker(topic: string, cause: unknown): CodedError {
  const message = `the topic ${topic} takes no message of this size; raise its max.message.bytes to 2097152`;
  return new CodedError('body_too_large', message, { cause });
}
