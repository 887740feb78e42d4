import { Readable } from 'node:stream';
import { type Static, Type } from 'typebox';
import type { Database } from '../base/db.ts';
import { asOfDescription, type ReadSide, shownAsOf } from '../database/read-side.ts';
import { csvChunks } from '../http/csv.ts';
import type { App } from '../http/server.ts';
import type { ReconciliationPosition, ReconciliationQuery } from '../warehouse/query-reconciliation.ts';
import { isDate, limitPlaces, type Parameter, ParameterReader } from './read-parameters.ts';
import { type Reconciliation, reconcile, reconciledColumns } from './reconciliation.ts';
import { itemisedSources } from './sales-request.ts';

const figures = Object.fromEntries(reconciledColumns.map((name) => [name, Type.Number()])) as Record<
  (typeof reconciledColumns)[number],
  ReturnType<typeof Type.Number>
>;
const exampleFigures = {
  declared_units: 100,
  itemised_units: 98,
  units_difference: 2,
  declared_amount: 150_000,
  itemised_amount: 147_000,
  amount_difference: 3_000,
};
const Answer = Type.Object(
  {
    date: Type.String(),
    totals: Type.Array(Type.Object({ currency: Type.String(), ...figures })),
    rows: Type.Array(
      Type.Object({
        place_id: Type.String(),
        place_name: Type.String(),
        product_id: Type.String(),
        product_name: Type.String(),
        currency: Type.String(),
        ...figures,
      }),
    ),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
    as_of: Type.Optional(Type.String({ description: asOfDescription })),
  },
  {
    examples: [
      {
        date: '2024-01-01',
        totals: [{ currency: 'RUB', ...exampleFigures }],
        rows: [
          {
            place_id: 'store-1',
            place_name: 'Store ABC',
            product_id: '1',
            product_name: 'Product A',
            currency: 'RUB',
            ...exampleFigures,
          },
        ],
        next_cursor: null,
      },
    ],
  },
);
const Query = Type.Object({
  date: Type.Optional(Type.String({ description: 'business date, 2024-01-01; has to be given' })),
  place_id: Type.Optional(
    Type.Union([Type.String(), Type.Array(Type.String())], { description: 'only these places' }),
  ),
  differences_only: Type.Optional(Type.Boolean({ description: 'leaves out the products that agree' })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 10_000, description: '1000 where not given; a CSV has all rows' }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 4000 })),
  format: Type.Optional(Type.Union([Type.Literal('json'), Type.Literal('csv')])),
  sep: Type.Optional(Type.Union([Type.Literal(','), Type.Literal(';')])),
  bom: Type.Optional(Type.String({ description: '1 puts a byte order mark before the CSV' })),
});
type Parameters = Static<typeof Query>;

const usualLimit = 1_000;
const rowsPerChunk = 10_000;
const csvColumns = [
  'date',
  'place_id',
  'place_name',
  'product_id',
  'product_name',
  'currency',
  ...reconciledColumns,
] as const;

/** Daily files against receipts, transactions and orders. */
export function registerReconciliationRoutes(app: App, deps: { reads: ReadSide }): void {
  app.get('/api/analytics/reconciliation', {
    config: { access: { roles: ['analyst'], bound: 'limited' } },
    schema: {
      summary: 'What daily files declare against what single sales add up to; JSON or CSV',
      description:
        'Amounts are lines before discounts, less refunds; a difference is declared less itemised. ' +
        'The totals are of all products, whatever page is asked for.',
      tags: ['analytics'],
      querystring: Query,
      response: { 200: Answer },
    },
    handler: async (request, reply): Promise<never> => {
      const parameters = request.query as Parameters;
      const { query, after } = readRequest(parameters, request.principal.placeId);
      const accept = request.headers.accept;
      if (
        parameters.format === 'csv' ||
        (parameters.format === undefined && /\btext\/csv\b/i.test(accept ?? ''))
      ) {
        // The first page before the answer begins, so that a database that is away is told as one.
        const { reader, first } = await deps.reads.read(async (reader) => ({
          reader,
          first: await reconcile(reader.pool, query, { limit: rowsPerChunk }),
        }));
        if (reader.asOf !== undefined) reply.header('x-as-of', reader.asOf.toISOString());
        const file = Readable.from(csvOf(reader.pool, query, first, parameters));
        return reply.type('text/csv; charset=utf-8').send(file as never) as never;
      }
      const page = { limit: parameters.limit ?? usualLimit, ...(after === undefined ? {} : { after }) };
      return (await deps.reads.read(async (reader) => {
        const { next, ...found } = await reconcile(reader.pool, query, page);
        const next_cursor = next === undefined ? null : encodeCursor(next);
        return { ...found, next_cursor, ...shownAsOf(reader) };
      })) as never;
    },
  });
}

function readRequest(parameters: Parameters, boundPlaceId: string | undefined) {
  const reader = new ParameterReader();
  const { date = '', cursor } = parameters;
  if (date === '') reader.wrong('date', 'missing', 'is required: the day to compare');
  else if (!isDate(date)) reader.wrong('date', 'invalid_date', 'is not a date such as 2015-01-31');
  const asked = reader.list('place_id', parameters.place_id as Parameter);
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  if (cursor !== undefined && after === undefined)
    reader.wrong('cursor', 'invalid_cursor', 'is not a next_cursor of an earlier answer');
  reader.check();
  const places = limitPlaces(asked, boundPlaceId);
  const query: ReconciliationQuery = {
    date,
    declared: ['daily'],
    itemised: itemisedSources,
    differencesOnly: parameters.differences_only === true,
    ...(places === undefined ? {} : { places }),
  };
  return { query, after };
}

/** Page by page, so that a day of a million products is never held as a whole. */
async function* csvOf(
  pool: Database,
  query: ReconciliationQuery,
  first: Reconciliation,
  { sep = ',', bom }: Parameters,
): AsyncGenerator<string> {
  let page = first;
  for (;;) {
    const cells = page.rows.map((row) =>
      csvColumns.map((name) => (name === 'date' ? query.date : row[name])),
    );
    const isFirst = page === first;
    const options = { separator: sep, byteOrderMark: isFirst && bom === '1' };
    yield* csvChunks(isFirst ? csvColumns : [], cells, options);
    if (page.next === undefined) return;
    page = await reconcile(pool, query, { limit: rowsPerChunk, after: page.next });
  }
}

function encodeCursor(position: ReconciliationPosition): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

function decodeCursor(cursor: string): ReconciliationPosition | undefined {
  try {
    const position = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[];
    const fits = position.every((value) => typeof value === 'string' && !value.includes('\u0000'));
    return position.length === 3 && fits ? (position as unknown as ReconciliationPosition) : undefined;
  } catch {
    return undefined;
  }
}
