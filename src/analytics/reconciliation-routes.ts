import { type Static, Type } from 'typebox';
import type { Database } from '../base/db.ts';
import { asOfDescription, type ReadSide, shownAsOf } from '../database/read-side.ts';
import {
  answeredAs,
  chooseForm,
  fileParameters,
  formParameter,
  sendTable,
  tableForms,
} from '../http/answer-form.ts';
import type { CellRow, TableColumn } from '../http/parquet.ts';
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
    Type.Integer({ minimum: 1, maximum: 10_000, description: '1000 where not given; a file has all rows' }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 4000 })),
  format: formParameter(tableForms),
  ...fileParameters,
});
type Parameters = Static<typeof Query>;

const usualLimit = 1_000;
const rowsPerChunk = 10_000;
const columns: readonly TableColumn[] = [
  { name: 'date', kind: 'date' },
  ...(['place_id', 'place_name', 'product_id', 'product_name', 'currency'] as const).map(
    (name): TableColumn => ({ name, kind: 'text' }),
  ),
  ...reconciledColumns.map(
    (name): TableColumn => ({ name, kind: /units/.test(name) ? 'quantity' : 'money' }),
  ),
];

/** Daily files against receipts, transactions and orders. */
export function registerReconciliationRoutes(app: App, deps: { reads: ReadSide }): void {
  app.get('/api/analytics/reconciliation', {
    config: { access: { roles: ['analyst'], bound: 'limited' } },
    schema: {
      summary: 'What daily files declare against what single sales add up to; JSON, CSV or Parquet',
      description:
        'Amounts are lines before discounts, less refunds; a difference is declared less itemised. ' +
        'The totals are of all products, whatever page is asked for.',
      tags: ['analytics'],
      querystring: Query,
      response: { 200: answeredAs(tableForms, Answer) },
    },
    handler: async (request, reply): Promise<never> => {
      const parameters = request.query as Parameters;
      const { query, after } = readRequest(parameters, request.principal.placeId);
      const form = chooseForm(tableForms, parameters.format, request.headers.accept);
      if (form !== 'json') {
        // The first page before the answer begins, so that a database that is away is told as one.
        const { reader, first } = await deps.reads.read(async (reader) => ({
          reader,
          first: await reconcile(reader.pool, query, { limit: rowsPerChunk }),
        }));
        const asOf = reader.asOf?.toISOString();
        const table = { columns, pages: pagesOf(reader.pool, query, first) };
        return sendTable(reply, form, table, { ...parameters, asOf }) as never;
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
async function* pagesOf(
  pool: Database,
  query: ReconciliationQuery,
  first: Reconciliation,
): AsyncGenerator<CellRow[]> {
  let page = first;
  for (;;) {
    yield page.rows.map((row) => {
      const cells: Record<string, string | number> = { date: query.date, ...row };
      return columns.map(({ name }) => cells[name]);
    });
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
