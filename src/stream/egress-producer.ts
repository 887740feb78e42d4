import { Producer, stringSerializers } from '@platformatic/kafka';
import type { KafkaConfig } from '../cluster-config.ts';
import { kafkaConnection } from './kafka-connection.ts';

/** One message to others. Messages with one key keep their order. */
export type OutgoingMessage = {
  topic: string;
  key: string;
  value: string;
  /** `event-id` is the same each time a message is sent again. */
  headers: { 'event-id': string; event: string; 'entity-seq': string };
};

/** Of one request; a broker takes 1 MiB where nothing else is set. */
const requestBytes = 700 * 1024;
const timeoutMs = 5_000;
/** Of one answer; longer than the client's own tries take as a rule. */
const answerMs = 8_000;

/** The broker takes no message of this size; it is to be left out. */
export class MessageTooLarge extends Error {
  readonly eventId: string;
  constructor(eventId: string, cause: unknown) {
    super('the broker takes no message of this size', { cause });
    this.eventId = eventId;
  }
}

/**
 * Sends under one transactional id: the broker refuses whoever was connected under it before, for good, and
 * takes back what that one had not committed. A producer that failed is of no use any more.
 */
export async function openEgressProducer(kafka: KafkaConfig, transactionalId: string) {
  const producer = new Producer({
    ...kafkaConnection(kafka, 'tillstream-egress'),
    transactionalId,
    idempotent: true,
    serializers: stringSerializers,
    timeout: timeoutMs,
    connectTimeout: timeoutMs,
    retries: 2,
  });
  const begin = (first: { producerId?: bigint; producerEpoch?: number } = {}) =>
    within(producer.beginTransaction(first));
  const close = () => within(producer.close(true)).catch(() => {});
  let next: Awaited<ReturnType<typeof begin>> | undefined;
  try {
    // The first transaction takes the id over. Without these numbers the client would claim to be the first
    // producer that the broker ever had, and be refused as an old one.
    next = await begin({ producerId: -1n, producerEpoch: -1 });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    /** All of them, acknowledged by every replica in sync, or none. */
    async send(messages: readonly OutgoingMessage[]): Promise<void> {
      const transaction = next ?? (await begin());
      next = undefined;
      for (const part of inRequests(messages)) {
        try {
          await within(transaction.send({ messages: [...part] }));
        } catch (error) {
          if (part.length === 1 && isTooLarge(error))
            throw new MessageTooLarge(part[0]!.headers['event-id'], error);
          throw error;
        }
      }
      await within(transaction.commit());
    },
    close,
  };
}

/** The client may try again for ever; the transaction that waits for it in the database may not. */
async function within<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`Kafka did not answer within ${answerMs} ms`)),
    answerMs,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export type EgressProducer = Awaited<ReturnType<typeof openEgressProducer>>;

function* inRequests(messages: readonly OutgoingMessage[]): Generator<OutgoingMessage[]> {
  let part: OutgoingMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = Buffer.byteLength(message.value);
    if (part.length > 0 && bytes + size > requestBytes) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(message);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

function isTooLarge(error: unknown): boolean {
  const { apiId, errors, cause } = error as { apiId?: string; errors?: unknown[]; cause?: unknown };
  if (apiId === 'MESSAGE_TOO_LARGE' || apiId === 'RECORD_LIST_TOO_LARGE') return true;
  return [...(errors ?? []), ...(cause === undefined ? [] : [cause])].some(isTooLarge);
}
