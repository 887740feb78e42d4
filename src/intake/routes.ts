import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { CodedError } from '../base/errors.ts';
import { decoded, discardRest } from '../http/request-bytes.ts';
import type { App } from '../http/server.ts';
import { Order, orderExample } from '../sales/order.ts';
import { Receipt, receiptExample } from '../sales/receipt.ts';
import type { Source } from '../sales/sale.ts';
import { Transaction, transactionExample } from '../sales/transaction.ts';
import type { Answer } from './answers.ts';
import { createIntake, type IntakeDeps, type Sender } from './batch.ts';

const Errors = Type.Array(
  Type.Object({ pointer: Type.String(), code: Type.String(), message: Type.String() }),
);
const oneOf = (transactionId: TSchema, example: string) =>
  Type.Object(
    {
      transaction_id: transactionId,
      status: Type.String(),
      verdict: Type.Optional(Type.String()),
      errors: Type.Optional(Errors),
    },
    { examples: [{ transaction_id: example, status: 'accepted' }] },
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
    results_left_out: Type.Optional(
      Type.Integer({ description: 'counted, but too many to list; the journal has them' }),
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

type Kind = {
  path: string;
  source: Source;
  tag: string;
  document: TSchema;
  example: unknown;
  description: string;
  transactionId: TSchema;
  exampleId: string;
};

const kinds: readonly Kind[] = [
  {
    path: '/api/checks/',
    source: 'receipt',
    tag: 'receipts',
    document: Receipt,
    example: receiptExample,
    description: '',
    transactionId: Type.String(),
    exampleId: receiptExample.transaction_id,
  },
  {
    path: '/api/transactions/',
    source: 'transaction',
    tag: 'transactions',
    document: Transaction,
    example: transactionExample,
    description: ' Category and name of the product are those of the product catalogue.',
    transactionId: Type.String(),
    exampleId: transactionExample.transaction_id,
  },
  {
    path: '/api/orders/',
    source: 'order',
    tag: 'orders',
    document: Order,
    example: orderExample,
    description:
      ' Messages of one order may come in any order: the latest `update_ts` holds, and only CLOSED counts. ' +
      '`transaction_id` of the answer is the `object_id`; it is null where a message of another `object_type`, ' +
      'which is kept and not counted, has none.',
    transactionId: Type.Union([Type.String(), Type.Null()]),
    exampleId: String(orderExample.object_id),
  },
];

/** Receipts, transactions, orders: one, a JSON array, or NDJSON. The documents are read byte for byte. */
export function registerIntakeRoutes(app: App, deps: IntakeDeps): void {
  for (const kind of kinds) registerKind(app, deps, kind);
}

function registerKind(app: App, deps: IntakeDeps, kind: Kind): void {
  const one = oneOf(kind.transactionId, kind.exampleId);
  app.post(kind.path, {
    config: { access: { roles: ['collector'], bound: 'limited' }, rawBody: true },
    // The schema describes; the document itself is checked by the same schema once it is journaled.
    validatorCompiler: () => () => true,
    schema: {
      summary: `Send ${kind.tag}: one, an array, or NDJSON (application/x-ndjson); gzip is undone`,
      description: `Answers once everything is durable. \`Prefer: wait=5\` waits for the verdict.${kind.description}`,
      tags: [kind.tag],
      body: {
        content: {
          'application/json': {
            schema: Type.Union([kind.document, Type.Array(kind.document)], { examples: [kind.example] }),
          },
          'application/x-ndjson': {
            schema: Type.String({
              description: 'a document on each line, as many as there are',
              examples: [JSON.stringify(kind.example)],
            }),
          },
        },
      },
      response: {
        202: Type.Union([one, Many], {
          examples: [{ transaction_id: kind.exampleId, status: 'accepted' }],
        }),
        200: one,
        201: one,
      },
    },
    handler: async (request, reply): Promise<never> => {
      const answer = await receive(deps, kind.source, request as unknown as FastifyRequest);
      if (answer.waited) reply.header('preference-applied', 'wait');
      const type = answer.status >= 400 ? 'application/problem+json' : 'application/json; charset=utf-8';
      reply.code(answer.status as 202).type(type);
      return answer.body as never;
    },
  });
}

/** RFC 7240: `wait` seconds, or undefined. */
export function waitSeconds(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const match = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,4})/i.exec([header].flat().join(','));
  return match === null ? undefined : Number(match[1]);
}

const lineTypes = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];

async function receive(deps: IntakeDeps, source: Source, request: FastifyRequest): Promise<Answer> {
  const { headers } = request;
  const raw = (request.body as Readable | undefined) ?? request.raw;
  const seconds = waitSeconds(headers.prefer);
  const waitMs = seconds === undefined ? undefined : seconds * 1000;
  const intake = createIntake(deps, senderOf(deps, source, request), waitMs);
  try {
    const type = (headers['content-type'] ?? 'application/json').split(';')[0]!.trim().toLowerCase();
    const input = decoded(raw, headers['content-encoding']);
    if (lineTypes.includes(type)) return await intake.lines(input);
    if (type === 'application/json' || type.endsWith('+json')) return await intake.whole(input);
    const message = `${type} is not read here; send application/json or application/x-ndjson`;
    throw new CodedError('unsupported_media_type', message);
  } finally {
    if (!raw.readableEnded) await discardRest(raw);
  }
}

function senderOf({ config }: IntakeDeps, source: Source, { principal }: FastifyRequest): Sender {
  return {
    source,
    contentType: 'application/json',
    resolved: {
      placeId: principal.placeId ?? config.defaultPlace,
      currency: config.defaultCurrency,
      timeZone: config.defaultTimeZone,
    },
    tokenId: principal.tokenId,
    ...(principal.placeId === undefined ? {} : { boundPlaceId: principal.placeId }),
  };
}
