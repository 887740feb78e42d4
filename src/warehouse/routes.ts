import { Type } from 'typebox';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import { readSealedBefore } from '../database/sealed-journal.ts';
import type { App } from '../http/server.ts';
import type { Arrival, Incoming } from '../sales/sale.ts';
import type { Stream } from '../stream/stream.ts';
import { parsed } from './find-sale.ts';
import { checkReplay, isReplayable, replayDocuments } from './replay.ts';
import { noSuchRow, readStored, searchJournal } from './search-journal.ts';

export type WarehouseRoutesDeps = {
  pool: Database;
  stream: Stream;
  parse: (arrival: Arrival) => Incoming;
  config: Config;
  clock: Clock;
};

const Problem = Type.Object({ pointer: Type.String(), code: Type.String(), message: Type.String() });
const Entry = Type.Object({
  position: Type.String(),
  received_at: Type.String(),
  source: Type.String(),
  transaction_id: Type.Union([Type.String(), Type.Null()]),
  verdict: Type.String(),
  place_id: Type.Union([Type.String(), Type.Null()]),
  problems: Type.Array(Problem),
  seen_count: Type.Integer(),
  last_seen_at: Type.String(),
  replay_of: Type.Union([Type.String(), Type.Null()]),
});
const rejectedEntry = {
  position: '42',
  received_at: '2024-02-07T09:35:01.000Z',
  source: 'receipt',
  transaction_id: 'r-7',
  verdict: 'rejected',
  place_id: 'store-1',
  problems: [{ pointer: '/total_amount', code: 'too_many_decimals', message: 'RUB has 2 decimals' }],
  seen_count: 3,
  last_seen_at: '2024-02-07T10:00:00.000Z',
  replay_of: null,
};
const Page = Type.Object(
  {
    results: Type.Array(Entry),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
    sealed_before: Type.Union([Type.String(), Type.Null()], {
      description: 'of what arrived before, only each sale as it stood then is found; the rest was let go',
    }),
  },
  { examples: [{ results: [rejectedEntry], next_cursor: null, sealed_before: null }] },
);
const Position = Type.String({ pattern: '^[0-9]{1,18}$' });
const Query = Type.Object({
  verdict: Type.Optional(Type.String({ description: 'one or several, separated by commas' })),
  source: Type.Optional(Type.String()),
  place_id: Type.Optional(Type.String()),
  transaction_id: Type.Optional(Type.String()),
  from: Type.Optional(Type.String({ format: 'date-time', description: 'received at or after' })),
  to: Type.Optional(Type.String({ format: 'date-time', description: 'received before' })),
  problem: Type.Optional(Type.String({ description: "a problem's code" })),
  cursor: Type.Optional(Position),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
});
const Replayed = Type.Object(
  {
    results: Type.Array(
      Type.Object({
        replay_of: Type.String(),
        position: Type.String(),
        verdict: Type.String(),
        errors: Type.Optional(Type.Array(Problem)),
      }),
    ),
    next_cursor: Type.Null(),
  },
  { examples: [{ results: [{ replay_of: '42', position: '57', verdict: 'accepted' }], next_cursor: null }] },
);

function ownPlace(bound: string | undefined, asked: string | undefined): string | undefined {
  if (bound !== undefined && asked !== undefined && asked !== bound) {
    throw new CodedError('foreign_place', `the token is bound to the place ${bound}`);
  }
  return bound ?? asked;
}

/** The journal: search, one document, replay. */
export function registerWarehouseRoutes(app: App, deps: WarehouseRoutesDeps): void {
  const { pool } = deps;
  app.get('/api/journal', {
    config: { access: { roles: ['operator'], bound: 'limited' } },
    schema: {
      summary: 'Search every document that arrived, newest first',
      tags: ['journal'],
      querystring: Query,
      response: { 200: Page },
    },
    handler: async (request) => {
      const query = request.query as {
        verdict?: string;
        place_id?: string;
        limit?: number;
        cursor?: string;
        [name: string]: unknown;
      };
      const limit = query.limit ?? 100;
      const text = (name: string) =>
        typeof query[name] === 'string' ? { value: query[name] as string } : undefined;
      const place = ownPlace(request.principal.placeId, query.place_id);
      const entries = await searchJournal(pool, {
        ...(query.verdict === undefined ? {} : { verdict: query.verdict.split(',') }),
        ...(place === undefined ? {} : { placeId: place }),
        ...(text('source') && { source: text('source')!.value }),
        ...(text('transaction_id') && { sourceId: text('transaction_id')!.value }),
        ...(text('from') && { from: text('from')!.value }),
        ...(text('to') && { to: text('to')!.value }),
        ...(text('problem') && { problem: text('problem')!.value }),
        ...(query.cursor === undefined ? {} : { before: query.cursor }),
        limit: limit + 1,
      });
      const results = entries.slice(0, limit);
      const sealedBefore = (await readSealedBefore(pool))?.toISOString() ?? null;
      const next = entries.length > limit ? results.at(-1)!.position : null;
      return { results, next_cursor: next, sealed_before: sealedBefore };
    },
  });

  app.get('/api/journal/:position', {
    config: { access: { roles: ['operator'], bound: 'limited' } },
    schema: {
      summary: 'One journal row with its document',
      tags: ['journal'],
      params: Type.Object({ position: Position }),
      response: {
        200: Type.Object(
          {
            position: Type.String(),
            verdict: Type.String(),
            source: Type.String(),
            place_id: Type.Union([Type.String(), Type.Null()]),
            content_type: Type.String(),
            document: Type.Unknown(),
            text: Type.Union([Type.String(), Type.Null()]),
            transaction_id: Type.Union([Type.String(), Type.Null()]),
            received_at: Type.String(),
            problems: Type.Array(Problem),
            replay_of: Type.Union([Type.String(), Type.Null()]),
            replayable: Type.Boolean({ description: 'it may be loaded again' }),
          },
          {
            examples: [
              {
                position: '42',
                verdict: 'rejected',
                source: 'receipt',
                place_id: 'store-1',
                content_type: 'application/json',
                document: { transaction_id: 'r-7' },
                text: '{"transaction_id":"r-7"}',
                transaction_id: 'r-7',
                received_at: '2024-02-07T09:35:01.000Z',
                problems: rejectedEntry.problems,
                replay_of: null,
                replayable: true,
              },
            ],
          },
        ),
      },
    },
    handler: async (request) => {
      const { position } = request.params as { position: string };
      const [stored] = await readStored(pool, [position]);
      const bound = request.principal.placeId;
      if (stored === undefined || (bound !== undefined && stored.placeId !== bound))
        throw await noSuchRow(pool, position);
      return {
        position: stored.position,
        verdict: stored.verdict,
        source: stored.source,
        place_id: stored.placeId,
        content_type: stored.contentType,
        document: parsed(stored.body),
        text: stored.body?.toString('utf8') ?? null,
        transaction_id: stored.sourceId,
        received_at: new Date(stored.receivedAtMs).toISOString(),
        problems: stored.problems,
        replay_of: stored.replayOf,
        replayable: isReplayable(stored),
      };
    },
  });

  registerReplayRoutes(app, deps);
}

function registerReplayRoutes(app: App, deps: WarehouseRoutesDeps): void {
  const access = { roles: ['operator'], bound: 'limited' } as const;
  const replay = async (
    bound: string | undefined,
    tokenId: string,
    positions: string[],
    document?: unknown,
  ) => {
    const results = await replayDocuments(deps, {
      positions,
      tokenId,
      deadlineMs: deps.clock.nowMs() + deps.config.intakeTimeoutMs,
      ...(bound === undefined ? {} : { boundPlaceId: bound }),
      ...(document === undefined ? {} : { document: Buffer.from(JSON.stringify(document)) }),
    });
    return { results, next_cursor: null };
  };

  app.post('/api/journal/:position/replay', {
    config: { access },
    schema: {
      summary: 'Load a rejected or conflicting document again, as it was or corrected',
      tags: ['journal'],
      params: Type.Object({ position: Position }),
      body: Type.Optional(
        Type.Union([
          Type.Object(
            { document: Type.Optional(Type.Unknown()) },
            { examples: [{ document: { transaction_id: 'r-7', total_amount: 10.99 } }] },
          ),
          Type.Null(),
        ]),
      ),
      response: { 200: Replayed },
    },
    handler: async (request) => {
      const { position } = request.params as { position: string };
      const body = request.body as { document?: unknown } | null | undefined;
      return await replay(request.principal.placeId, request.principal.tokenId, [position], body?.document);
    },
  });

  app.post('/api/journal/:position/check', {
    config: { access },
    schema: {
      summary: 'What would be wrong with a corrected document; nothing is stored',
      tags: ['journal'],
      params: Type.Object({ position: Position }),
      body: Type.Object(
        { document: Type.Unknown() },
        { examples: [{ document: { transaction_id: 'r-7', total_amount: 10.99 } }] },
      ),
      response: {
        200: Type.Object(
          { valid: Type.Boolean(), errors: Type.Array(Problem) },
          { examples: [{ valid: true, errors: [] }] },
        ),
      },
    },
    handler: async (request) => {
      const { position } = request.params as { position: string };
      const { document } = request.body as { document: unknown };
      const { tokenId, placeId } = request.principal;
      const errors = await checkReplay(deps, {
        ...{ positions: [position], document: Buffer.from(JSON.stringify(document)), tokenId, deadlineMs: 0 },
        ...(placeId === undefined ? {} : { boundPlaceId: placeId }),
      });
      return { valid: errors.length === 0, errors };
    },
  });

  app.post('/api/journal/replay', {
    config: { access },
    schema: {
      summary: 'Load many documents again, as they were',
      tags: ['journal'],
      body: Type.Object(
        { positions: Type.Array(Position, { minItems: 1, maxItems: 1000 }) },
        { examples: [{ positions: ['42', '43'] }] },
      ),
      response: { 200: Replayed },
    },
    handler: async (request) => {
      const { positions } = request.body as { positions: string[] };
      return await replay(request.principal.placeId, request.principal.tokenId, positions);
    },
  });
}
