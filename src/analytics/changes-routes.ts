import { type Static, Type } from 'typebox';
import { amountToNumber, currencyDigits } from '../base/money.ts';
import { asOfDescription, type ReadSide, shownAsOf } from '../database/read-side.ts';
import type { App } from '../http/server.ts';
import {
  type Change,
  type ChangePlace,
  type Changes,
  type ChangesDeps,
  type ChangesQuery,
  type Counted,
  readChanges,
} from './changes.ts';
import { limitPlaces, type Parameter, ParameterReader } from './read-parameters.ts';
import { allSources } from './sales-request.ts';

const NullableText = Type.Union([Type.String(), Type.Null()]);
const Several = (description: string) =>
  Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { description }));
const Half = Type.Object({
  sales: Type.Number(),
  refunds: Type.Number(),
  net: Type.Number(),
  receipts: Type.Integer(),
  refund_receipts: Type.Integer(),
});
const Elsewhere = Type.Union([Type.Object({ place_id: Type.String(), date: Type.String() }), Type.Null()]);
const reasons = ['late', 'corrected', 'cancelled', 'refund', 'reattributed'] as const;

const Answer = Type.Object(
  {
    date: Type.String(),
    since: Type.Union([Type.String(), Type.Null()], {
      description: 'the snapshot that reported the day; null before the first',
    }),
    totals: Type.Array(
      Type.Object({
        place_id: Type.String(),
        source: Type.String(),
        currency: Type.String(),
        reported: Type.Number(),
        difference: Type.Number(),
        now: Type.Number(),
      }),
      { description: 'net of what changed, of all pages together' },
    ),
    results: Type.Array(
      Type.Object({
        position: Type.String({ description: 'in the journal' }),
        received_at: Type.String(),
        source: Type.String(),
        source_id: NullableText,
        place_id: Type.String(),
        currency: Type.String(),
        verdict: Type.String(),
        reason: Type.String({ description: `one of ${reasons.join(', ')}` }),
        before: Type.Union([Half, Type.Null()], { description: 'what the sale counted for on that day' }),
        after: Type.Union([Half, Type.Null()]),
        difference: Type.Number({ description: 'of net' }),
        moved_from: Elsewhere,
        moved_to: Elsewhere,
      }),
    ),
    next_cursor: NullableText,
    as_of: Type.Optional(Type.String({ description: asOfDescription })),
  },
  {
    examples: [
      {
        date: '2024-02-07',
        since: '2024-02-08T00:00:00.412Z',
        totals: [
          {
            place_id: 'store-1',
            source: 'receipt',
            currency: 'RUB',
            reported: 5362.5,
            difference: -27.47,
            now: 5335.03,
          },
        ],
        results: [
          {
            position: '5021',
            received_at: '2024-02-08T09:12:44.101Z',
            source: 'receipt',
            source_id: 'r-1009',
            place_id: 'store-1',
            currency: 'RUB',
            verdict: 'corrected',
            reason: 'corrected',
            before: { sales: 54.94, refunds: 0, net: 54.94, receipts: 1, refund_receipts: 0 },
            after: { sales: 27.47, refunds: 0, net: 27.47, receipts: 1, refund_receipts: 0 },
            difference: -27.47,
            moved_from: null,
            moved_to: null,
          },
        ],
        next_cursor: null,
      },
    ],
  },
);

const Query = Type.Object({
  date: Type.Optional(Type.String({ description: 'business date, 2024-02-07; has to be given' })),
  place_id: Several('only these places'),
  source: Several(`of ${allSources.join(', ')}; all of them where none is given`),
  since: Type.Optional(
    Type.String({
      description:
        'as reported by the newest snapshot at or before this time, 2024-02-08T00:30:00Z; where not given, by the first one after the day had ended, or the newest while it runs',
    }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: '1000 where not given' })),
  cursor: Type.Optional(Type.String({ maxLength: 4000 })),
});

const usualLimit = 1_000;

/** Why the figures of a day are others than those that were reported, sale by sale. */
export function registerChangesRoutes(app: App, deps: ChangesDeps & { reads: ReadSide }): void {
  app.get('/api/analytics/changes', {
    config: { access: { roles: ['analyst'], bound: 'limited' } },
    schema: {
      summary: "Why a day's figures changed since they were reported, sale by sale",
      description:
        'Every change of a sale that was not in the snapshot which reported the day: one that came late, was corrected or cancelled, a refund, or one that moved with its place, product or settings.',
      tags: ['analytics'],
      querystring: Query,
      response: { 200: Answer },
    },
    handler: async (request) => {
      const { placeId } = request.principal;
      const query = readRequest(request.query as Static<typeof Query>, placeId);
      return await deps.reads.read(async (reader) => {
        const found = await readChanges(reader.pool, deps, query);
        return { ...answerOf(query, found, placeId), ...shownAsOf(reader) };
      });
    },
  });
}

function readRequest(parameters: Static<typeof Query>, boundPlaceId: string | undefined): ChangesQuery {
  const reader = new ParameterReader();
  const date = reader.requiredDate('date', parameters.date);
  const asked = reader.list('place_id', parameters.place_id as Parameter);
  const sources = reader.choices('source', parameters.source as Parameter, allSources);
  const since = reader.instant('since', parameters.since);
  const { cursor } = parameters;
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  if (cursor !== undefined && after === undefined)
    reader.wrong('cursor', 'invalid_cursor', 'is not a next_cursor of an earlier answer');
  reader.check();
  const places = limitPlaces(asked, boundPlaceId);
  return {
    date,
    limit: parameters.limit ?? usualLimit,
    ...(places === undefined ? {} : { places }),
    ...(sources === undefined ? {} : { sources }),
    ...(since === undefined ? {} : { since }),
    ...(after === undefined ? {} : { after }),
  };
}

function answerOf(
  query: ChangesQuery,
  found: Changes,
  boundPlaceId: string | undefined,
): Static<typeof Answer> {
  const last = found.changes.at(-1);
  return {
    date: query.date,
    since: found.since?.toISOString() ?? null,
    totals: found.totals.map(({ reported, now, ...total }) => {
      const money = moneyOf(total.currency);
      return { ...total, reported: money(reported), difference: money(now - reported), now: money(now) };
    }),
    results: found.changes.map((change) => resultOf(change, boundPlaceId)),
    next_cursor:
      found.more && last !== undefined
        ? encodeCursor({ position: last.position, placeId: last.place_id, currency: last.currency })
        : null,
  };
}

function resultOf(change: Change, boundPlaceId: string | undefined) {
  const { before, after, elsewhere_place: place, elsewhere_date: date, ...rest } = change;
  const money = moneyOf(change.currency);
  // Whoever may see one place is not told of another.
  const isShown = boundPlaceId === undefined || place === boundPlaceId;
  const elsewhere = place === null || date === null || !isShown ? null : { place_id: place, date };
  return {
    ...rest,
    received_at: new Date(change.received_at).toISOString(),
    reason: reasonOf(change),
    before: before && halfOf(before, money),
    after: after && halfOf(after, money),
    difference: money(netOf(after) - netOf(before)),
    moved_from: before === null ? elsewhere : null,
    moved_to: after === null ? elsewhere : null,
  };
}

/** An order that closes late comes late, whatever was known of it before. */
function reasonOf({ verdict, before, after, elsewhere_date: elsewhere }: Change): (typeof reasons)[number] {
  if (verdict === 'reattributed') return 'reattributed';
  if (before === null && elsewhere === null)
    return after !== null && after.refund_receipts > 0 ? 'refund' : 'late';
  return after === null && elsewhere === null ? 'cancelled' : 'corrected';
}

const moneyOf = (currency: string) => (minor: number) => amountToNumber(minor, currencyDigits(currency));
const netOf = (counted: Counted | null) => (counted === null ? 0 : counted.sales - counted.refunds);

function halfOf(counted: Counted, money: (minor: number) => number): Static<typeof Half> {
  const { sales, refunds, ...receipts } = counted;
  return { sales: money(sales), refunds: money(refunds), net: money(sales - refunds), ...receipts };
}

function encodeCursor({ position, placeId, currency }: ChangePlace): string {
  return Buffer.from(JSON.stringify([position, placeId, currency])).toString('base64url');
}

function decodeCursor(cursor: string): ChangePlace | undefined {
  try {
    const [position, placeId, currency] = JSON.parse(
      Buffer.from(cursor, 'base64url').toString('utf8'),
    ) as unknown[];
    if (typeof position !== 'string' || !/^\d{1,18}$/.test(position)) return undefined;
    if (typeof placeId !== 'string' || typeof currency !== 'string') return undefined;
    return (placeId + currency).includes('\0') ? undefined : { position, placeId, currency };
  } catch {
    return undefined;
  }
}
