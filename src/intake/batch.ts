import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import { CodedError, type Problem } from '../base/errors.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Config } from '../config.ts';
import type { Arrival, Incoming } from '../sales/sale.ts';
import type { Stream } from '../stream/stream.ts';
import { type Answer, type Answered, answerSingle, createBatchAnswer } from './answers.ts';
import { readWhole } from './read-body.ts';
import {
  arrayElements,
  countElements,
  endlessLineBytes,
  keptHeadBytes,
  type LongLine,
  splitLines,
} from './split.ts';

export type IntakeDeps = {
  stream: Stream;
  parse: (arrival: Arrival) => Incoming;
  config: Pick<Config, 'intakeTimeoutMs' | 'defaultPlace' | 'defaultCurrency' | 'defaultTimeZone'>;
  clock: Clock;
  metrics: Metrics;
};

/** What all documents of one request have in common. */
export type Sender = Omit<Arrival, 'body' | 'receivedAtMs'>;

export const maximumDocumentBytes = 1024 * 1024;
export const maximumBatchBytes = 64 * 1024 * 1024;
/** One part is one transaction: large enough to make COMMIT cheap, small enough to hold little. */
const partDocuments = 1_000;
const partBytes = 4 * 1024 * 1024;
/** Proxies give up on an answer that takes longer. */
const longestWaitMs = 60_000;
/** Both loaders of the stream have work while the next part is read and parsed. */
const partsInFlight = 4;
/** What a slow stream has sent does not wait for the part to fill. */
const partMs = 1_000;

/** The documents of one request on their way to the stream. `waitMs`: the answer carries the verdicts that come in that time. */
export function createIntake(deps: IntakeDeps, sender: Sender, waitMs: number | undefined) {
  const wait = waitMs !== undefined;
  const waitUntilMs = wait ? deps.clock.nowMs() + Math.min(waitMs, longestWaitMs) : undefined;
  const arrivalOf = (body: Buffer): Arrival => ({ ...sender, receivedAtMs: deps.clock.nowMs(), body });
  /** Since the last part that was sent on. */
  const spentMs = { read: 0, parse: 0 };
  const observe = (stage: 'read' | 'parse' | 'append', ms: number) =>
    deps.metrics.messageSeconds.observe({ role: 'collector', stage }, ms / 1000);

  /** Waiting for a slow sender included. */
  async function* timed(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let started = performance.now();
    for await (const chunk of input) {
      spentMs.read += performance.now() - started;
      yield chunk;
      started = performance.now();
    }
  }

  /** Of what is too large, the first 4 KiB are kept. */
  function refuse(body: Buffer, code: string, message: string): Incoming {
    const head = Buffer.from(body.subarray(0, keptHeadBytes));
    const kept = `${message}; its first ${head.length} bytes are kept`;
    const problem: Problem = { pointer: '', code, message: kept };
    return { ...arrivalOf(head), verdict: 'rejected', problems: [problem], settled: true };
  }

  function tooLarge(body: Buffer, size: number, limit: number): Incoming {
    return refuse(body, 'body_too_large', `${size} bytes or more, over the limit of ${limit}`);
  }

  function read(body: Buffer | LongLine): Incoming {
    if (!Buffer.isBuffer(body)) return tooLarge(body.head, body.tooLong, maximumDocumentBytes);
    if (body.length > maximumDocumentBytes) return tooLarge(body, body.length, maximumDocumentBytes);
    const started = performance.now();
    const incoming = deps.parse(arrivalOf(body));
    spentMs.parse += performance.now() - started;
    return incoming;
  }

  /** Resolves once all of them are durable. */
  async function append(documents: Incoming[]): Promise<Answered[]> {
    const started = performance.now();
    observe('read', spentMs.read);
    observe('parse', spentMs.parse);
    spentMs.read = spentMs.parse = 0;
    const deadlineMs = deps.clock.nowMs() + deps.config.intakeTimeoutMs;
    const outcomes = await deps.stream.append(documents, deadlineMs, waitUntilMs);
    observe('append', performance.now() - started);
    const labels = { role: 'collector', topic: 'http', direction: 'in' };
    const counts = { valid: 0, rejected: 0, ignored: 0 };
    for (const document of documents) counts[document.sale === undefined ? document.verdict : 'valid']++;
    for (const [verdict, count] of Object.entries(counts))
      if (count > 0) deps.metrics.messages.inc({ ...labels, verdict }, count);
    return documents.map((incoming, index) => ({ incoming, outcome: outcomes[index] }));
  }

  async function single(incoming: Incoming): Promise<Answer> {
    const [answered] = await append([incoming]);
    return answerSingle(answered!, wait);
  }

  /**
   * Parts enter the stream one after the other, which keeps the documents of one sale in their order; a few are
   * on their way while the next is read and parsed. A failure names how many documents before it are durable.
   */
  async function many(
    chunks: AsyncIterable<(Buffer | LongLine)[]> | Iterable<Iterable<Buffer>>,
  ): Promise<Answer> {
    const answer = createBatchAnswer(wait);
    let part: Incoming[] = [];
    let bytes = 0;
    let sending: Promise<void> = Promise.resolve();
    let endless = false;
    let failure: { error: unknown } | undefined;
    const inFlight: Promise<void>[] = [];
    /** Resolves when there is room for another part, which is what holds a fast sender back. */
    const flush = (): Promise<void> => {
      const stored = part.length === 0 ? Promise.resolve([]) : append(part);
      part = [];
      bytes = 0;
      const before = sending;
      sending = Promise.all([before, stored]).then(([, answered]) => answer.add(answered));
      sending.catch((error: unknown) => {
        failure ??= { error };
      });
      inFlight.push(sending);
      return inFlight.length < partsInFlight ? Promise.resolve() : inFlight.shift()!;
    };
    const timer = setInterval(() => {
      if (part.length > 0) flush().catch(() => {});
    }, partMs);
    try {
      for await (const bodies of chunks) {
        for (const body of bodies) {
          // A slow sender is told at its next document, not at its last.
          if (failure !== undefined) throw failure.error;
          const incoming = read(body);
          part.push(incoming);
          bytes += incoming.body.length;
          if (part.length >= partDocuments || bytes >= partBytes) {
            await flush();
            // A part that failed at once is heard of before the next is on its way.
            await turn();
          }
          endless ||= !Buffer.isBuffer(body) && body.endless;
        }
      }
      await flush();
      await sending;
      if (endless) throw endlessLine();
    } catch (error) {
      await sending.catch(() => {});
      throw withDurable(error, answer.count());
    } finally {
      clearInterval(timer);
    }
    if (answer.count() === 0) throw emptyBatch();
    return answer.answer();
  }

  /** `application/json`: one document, or an array of them. */
  async function whole(input: AsyncIterable<Buffer>): Promise<Answer> {
    const limits = { document: maximumDocumentBytes, batch: maximumBatchBytes };
    const started = performance.now();
    const { body, size, isArray, limit, complete } = await readWhole(input, limits);
    spentMs.read += performance.now() - started;
    if (!complete) return await single(tooLarge(body, size, limit));
    if (!isArray) return await single(read(body));
    const count = countElements(body);
    if (count === 0) throw emptyBatch();
    if (count > 0) return await many([arrayElements(body)]);
    if (body.length <= maximumDocumentBytes) return await single(read(body));
    return await single(refuse(body, 'not_json', 'not JSON: the array does not close'));
  }

  /** `application/x-ndjson`: a document a line, as many as there are. */
  const lines = (input: AsyncIterable<Buffer>) => many(splitLines(timed(input), maximumDocumentBytes));

  return { whole, lines };
}

function endlessLine(): CodedError {
  const message = `a line is over ${endlessLineBytes} bytes, and nothing after it was read`;
  return new CodedError('body_too_large', message);
}

function emptyBatch(): CodedError {
  return new CodedError('invalid_document', 'there is no document in the body', {
    errors: [{ pointer: '', code: 'empty_batch', message: 'send at least one document' }],
  });
}

/** The first `durable` documents of the batch are stored; sending all of them again only makes duplicates. */
function withDurable(error: unknown, durable: number): unknown {
  if (!(error instanceof CodedError)) return error;
  const message = `${error.message}; the first ${durable} documents of the batch are stored, and sending all of them again is safe`;
  return new CodedError(error.code, message, {
    cause: error.cause ?? error,
    members: { ...error.members, durable },
    ...(error.errors === undefined ? {} : { errors: error.errors }),
    ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
  });
}
