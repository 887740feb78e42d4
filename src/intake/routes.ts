import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { trimBytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { CodedError, type Problem } from '../base/errors.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Config } from '../config.ts';
import type { App } from '../http/server.ts';
import { Receipt, receiptExample } from '../sales/receipt.ts';
import type { Arrival, Incoming, Outcome, Resolved, Source } from '../sales/sale.ts';
import type { Stream } from '../stream/stream.ts';
import { type Answer, answerBatch, answerSingle } from './answers.ts';
import { decoded, readWhole } from './read-body.ts';
import { keptHeadBytes, splitArray, splitLines } from './split.ts';

export type IntakeDeps = {
  stream: Stream;
  parse: (arrival: Arrival) => Incoming;
  config: Config;
  clock: Clock;
  metrics: Metrics;
};

export const maximumDocumentBytes = 1024 * 1024;
const maximumBatchBytes = 64 * 1024 * 1024;
const chunkDocuments = 1_000;
const chunkBytes = 4 * 1024 * 1024;

/** One document with what became of it; `outcome` is undefined where the verdict comes later. */
export type Answered = { incoming: Incoming; outcome: Outcome | undefined };

const Errors = Type.Array(
  Type.Object({ pointer: Type.String(), code: Type.String(), message: Type.String() }),
);
const One = Type.Object(
  {
    transaction_id: Type.String(),
    status: Type.String(),
    verdict: Type.Optional(Type.String()),
    errors: Type.Optional(Errors),
  },
  { examples: [{ transaction_id: receiptExample.transaction_id, status: 'accepted' }] },
);
const Many = Type.Object(
  {
    accepted: Type.Integer(),
    rejected: Type.Integer(),
    results: Type.Array(
      Type.Object({
        index: Type.Integer(),
        transaction_id: Type.Union([Type.String(), Type.Null()]),
        status: Type.String(),
        verdict: Type.Optional(Type.String()),
        errors: Type.Optional(Errors),
      }),
    ),
  },
  {
    examples: [
      {
        accepted: 1,
        rejected: 1,
        results: [
          { index: 0, transaction_id: 'r-1', status: 'accepted' },
          {
            index: 1,
            transaction_id: null,
            status: 'rejected',
            errors: [{ pointer: '/items', code: 'missing', message: 'items is required' }],
          },
        ],
      },
    ],
  },
);

/** Till receipts: one, a JSON array, or NDJSON. The documents are read byte for byte. */
export function registerIntakeRoutes(app: App, deps: IntakeDeps): void {
  app.post('/api/checks/', {
    config: { access: { roles: ['collector'], bound: 'limited' }, rawBody: true },
    // The schema describes; the document itself is checked by the same schema once it is journaled.
    validatorCompiler: () => () => true,
    schema: {
      summary: 'Send receipts: one, an array, or NDJSON (application/x-ndjson); gzip is undone',
      description: 'Answers once everything is durable. `Prefer: wait=5` waits for the verdict.',
      tags: ['receipts'],
      body: Type.Union([Receipt, Type.Array(Receipt)], { examples: [receiptExample] }),
      response: {
        202: Type.Union([One, Many], {
          examples: [{ transaction_id: receiptExample.transaction_id, status: 'accepted' }],
        }),
        200: One,
        201: One,
      },
    },
    handler: async (request, reply): Promise<never> => {
      const answer = await receive(deps, 'receipt', request as unknown as FastifyRequest);
      return (await send(reply as unknown as FastifyReply, answer)) as never;
    },
  });
}

async function send(reply: FastifyReply, answer: Answer): Promise<unknown> {
  if (answer.waited) reply.header('preference-applied', 'wait');
  const type = answer.status >= 400 ? 'application/problem+json' : 'application/json; charset=utf-8';
  return await reply.code(answer.status).type(type).send(JSON.stringify(answer.body));
}

/** RFC 7240: `wait` seconds, or undefined. */
export function waitSeconds(header: string | string[] | undefined): number | undefined {
  const match = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,4})/i.exec([header].flat().join(','));
  return match === null ? undefined : Number(match[1]);
}

async function receive(deps: IntakeDeps, source: Source, request: FastifyRequest): Promise<Answer> {
  const intake = new Intake(deps, source, request);
  const type = (request.headers['content-type'] ?? 'application/json').split(';')[0]!.trim().toLowerCase();
  const input = decoded(
    (request.body as Readable | undefined) ?? request.raw,
    request.headers['content-encoding'],
  );
  if (type === 'application/x-ndjson' || type === 'application/ndjson' || type === 'application/jsonl')
    return await intake.lines(input);
  if (type === 'application/json' || type.endsWith('+json')) return await intake.whole(input);
  throw new CodedError(
    'unsupported_media_type',
    `${type} is not read here; send application/json or application/x-ndjson`,
  );
}

/** One request's documents on their way to the stream. */
class Intake {
  private readonly deps: IntakeDeps;
  private readonly source: Source;
  private readonly request: FastifyRequest;
  private readonly resolved: Resolved;
  private readonly wait: number | undefined;

  constructor(deps: IntakeDeps, source: Source, request: FastifyRequest) {
    const { config } = deps;
    this.deps = deps;
    this.source = source;
    this.request = request;
    this.resolved = {
      placeId: request.principal.placeId ?? config.defaultPlace,
      currency: config.defaultCurrency,
      timeZone: config.defaultTimeZone,
    };
    this.wait = waitSeconds(request.headers.prefer);
  }

  async whole(input: AsyncIterable<Buffer>): Promise<Answer> {
    const read = await readWhole(input, maximumBatchBytes);
    const body = trimBytes(read.body);
    const isArray = body[0] === 0x5b;
    if (!read.complete || (!isArray && read.size > maximumDocumentBytes)) {
      const limit = isArray ? maximumBatchBytes : maximumDocumentBytes;
      await this.append([this.tooLarge(read.body, read.size, limit)]);
      throw new CodedError('body_too_large', `the body is over ${limit} bytes; send NDJSON for more`);
    }
    if (!isArray) {
      const [answered] = await this.append([this.deps.parse(this.arrival(read.body))]);
      return answerSingle(answered!, this.wait);
    }
    const elements = splitArray(body);
    if (elements === null) {
      const [answered] = await this.append([this.deps.parse(this.arrival(body))]);
      return answerSingle(answered!, this.wait);
    }
    if (elements.length === 0)
      throw new CodedError('invalid_document', 'the array is empty', {
        errors: [{ pointer: '', code: 'empty_batch', message: 'send at least one document' }],
      });
    const answered: Answered[] = [];
    for (let start = 0; start < elements.length; start += chunkDocuments) {
      const documents = elements.slice(start, start + chunkDocuments).map((element) => this.read(element));
      answered.push(...(await this.appendPart(documents, answered.length)));
    }
    return answerBatch(answered, this.wait);
  }

  async lines(input: AsyncIterable<Buffer>): Promise<Answer> {
    const answered: Answered[] = [];
    let documents: Incoming[] = [];
    let bytes = 0;
    const flush = async () => {
      for (const one of await this.appendPart(documents, answered.length)) {
        // What is answered needs no body: a stream of millions is held as its results only.
        answered.push({ incoming: { ...one.incoming, body: Buffer.alloc(0) }, outcome: one.outcome });
      }
      documents = [];
      bytes = 0;
    };
    for await (const line of splitLines(input, maximumDocumentBytes)) {
      const incoming = Buffer.isBuffer(line)
        ? this.read(Buffer.from(line))
        : this.tooLarge(line.head, line.tooLong, maximumDocumentBytes);
      documents.push(incoming);
      bytes += incoming.body.length;
      if (documents.length >= chunkDocuments || bytes >= chunkBytes) await flush();
    }
    if (documents.length > 0) await flush();
    if (answered.length === 0)
      throw new CodedError('invalid_document', 'there is no line in the body', {
        errors: [{ pointer: '', code: 'empty_batch', message: 'send at least one document' }],
      });
    return answerBatch(answered, this.wait);
  }

  private read(body: Buffer): Incoming {
    if (body.length > maximumDocumentBytes) return this.tooLarge(body, body.length, maximumDocumentBytes);
    return this.deps.parse(this.arrival(body));
  }

  private arrival(body: Buffer): Arrival {
    const { principal } = this.request;
    return {
      source: this.source,
      receivedAtMs: this.deps.clock.nowMs(),
      contentType: 'application/json',
      body,
      resolved: this.resolved,
      tokenId: principal.tokenId,
      ...(principal.placeId === undefined ? {} : { boundPlaceId: principal.placeId }),
    };
  }

  private tooLarge(body: Buffer, size: number, limit: number): Incoming {
    const problem: Problem = {
      pointer: '',
      code: 'body_too_large',
      message: `${size} bytes or more, over the limit of ${limit}; its first ${keptHeadBytes} are kept`,
    };
    return {
      ...this.arrival(Buffer.from(body.subarray(0, keptHeadBytes))),
      verdict: 'rejected',
      problems: [problem],
    };
  }

  private async append(documents: Incoming[]): Promise<Answered[]> {
    const { stream, clock, config, metrics } = this.deps;
    const outcomes = await stream.append(documents, clock.nowMs() + config.intakeTimeoutMs);
    let rejected = 0;
    for (const incoming of documents) if (incoming.sale === undefined) rejected++;
    const labels = { role: 'collector', topic: 'http', direction: 'in' };
    if (rejected > 0) metrics.messages.inc({ ...labels, verdict: 'rejected' }, rejected);
    if (rejected < documents.length)
      metrics.messages.inc({ ...labels, verdict: 'valid' }, documents.length - rejected);
    return documents.map((incoming, index) => ({ incoming, outcome: outcomes[index] }));
  }

  /** A part of a batch; the answer to a failure says how many documents before it are safe. */
  private async appendPart(documents: Incoming[], durable: number): Promise<Answered[]> {
    try {
      return await this.append(documents);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      throw new CodedError(
        error.code,
        `${error.message}; the first ${durable} documents are stored, and sending all of them again is safe`,
        {
          cause: error,
          members: { durable },
          ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
        },
      );
    }
  }
}
