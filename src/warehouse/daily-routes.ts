import { type Static, Type } from 'typebox';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { App } from '../http/server.ts';
import { isDay } from '../sales/daily-file.ts';
import { type DailyPosition, readDailyFiles, type StoredFilesQuery } from './read-daily.ts';

const Product = Type.Object({
  id: Type.String(),
  name: Type.String(),
  quantity: Type.Number(),
  price: Type.Number(),
  category: Type.String(),
  amount: Type.Number(),
});
const File = Type.Object({
  place_id: Type.String(),
  date: Type.String(),
  currency: Type.String(),
  received_at: Type.String(),
  replacements: Type.Integer({ description: 'how often the file was replaced by another' }),
  product_count: Type.Integer(),
  total_amount: Type.Number(),
  products: Type.Array(Product, {
    description: 'a file that is longer than a page goes on in the next one, under the same place and date',
  }),
});
const Page = Type.Object(
  { results: Type.Array(File), next_cursor: Type.Union([Type.String(), Type.Null()]) },
  {
    examples: [
      {
        results: [
          {
            place_id: 'store-1',
            date: '2024-01-01',
            currency: 'RUB',
            received_at: '2024-01-01T20:10:00.000Z',
            replacements: 0,
            product_count: 1,
            total_amount: 150_000,
            products: [
              {
                id: '1',
                name: 'Product A',
                quantity: 100,
                price: 1500,
                category: 'Electronics',
                amount: 150_000,
              },
            ],
          },
        ],
        next_cursor: null,
      },
    ],
  },
);
const Paging = {
  place_id: Type.Optional(Type.String()),
  cursor: Type.Optional(Type.String({ maxLength: 2000, description: 'the next_cursor of the page before' })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100_000, description: 'products of a page; 10000 where not given' }),
  ),
};
const OneDay = Type.Object(Paging);
const Range = Type.Object({
  from: Type.Optional(Type.String({ description: 'first date, 2024-01-01' })),
  to: Type.Optional(Type.String({ description: 'last date, included' })),
  ...Paging,
});

const usualLimit = 10_000;
const config = { access: { roles: ['analyst'], bound: 'limited' } } as const;

/** The stored daily files with their products. */
export function registerDailyReadRoutes(app: App, deps: { pool: Database }): void {
  app.get('/api/daily-sales/', {
    config,
    schema: {
      summary: 'The daily files that count, with their products',
      tags: ['daily files'],
      querystring: Range,
      response: { 200: Page },
    },
    handler: async (request) =>
      await answer(deps.pool, request.query as Static<typeof Range>, request.principal.placeId),
  });
  app.get('/api/daily-sales/:date', {
    config,
    schema: {
      summary: 'The daily files of one date, one a place',
      tags: ['daily files'],
      params: Type.Object({ date: Type.String({ description: '2024-01-01' }) }),
      querystring: OneDay,
      response: { 200: Page },
    },
    handler: async (request) => {
      const { date } = request.params as { date: string };
      if (!isDay(date)) throw invalid('/path/date', 'invalid_date', 'is not a date such as 2024-01-31');
      const query = request.query as Static<typeof OneDay>;
      const page = await answer(deps.pool, { ...query, from: date, to: date }, request.principal.placeId);
      if (page.results.length === 0 && query.cursor === undefined)
        throw new CodedError('not_found', `no daily file of ${date} is stored`);
      return page;
    },
  });
}

async function answer(pool: Database, query: Static<typeof Range>, boundPlaceId: string | undefined) {
  const place = placeOf(query.place_id, boundPlaceId);
  const asked: StoredFilesQuery = {
    from: dateOf('from', query.from) ?? '0001-01-01',
    to: dateOf('to', query.to) ?? '9999-12-31',
    limit: query.limit ?? usualLimit,
    ...(place === undefined ? {} : { placeId: place }),
    ...(query.cursor === undefined ? {} : { after: decodeCursor(query.cursor) }),
  };
  const { files, next } = await readDailyFiles(pool, asked);
  return { results: files, next_cursor: next === undefined ? null : encodeCursor(next) };
}

function placeOf(asked: string | undefined, bound: string | undefined): string | undefined {
  if (bound !== undefined && asked !== undefined && asked !== bound)
    throw new CodedError('foreign_place', `the token is bound to the place ${bound}`);
  return bound ?? asked;
}

function dateOf(name: string, text: string | undefined): string | undefined {
  if (text === undefined || (isDay(text) && !text.startsWith('0000'))) return text;
  throw invalid(`/query/${name}`, 'invalid_date', 'is not a date such as 2024-01-31');
}

function encodeCursor({ date, placeId, number }: DailyPosition): string {
  return Buffer.from(JSON.stringify([date, placeId, number])).toString('base64url');
}

function decodeCursor(cursor: string): DailyPosition {
  try {
    const [date, placeId, number] = JSON.parse(
      Buffer.from(cursor, 'base64url').toString('utf8'),
    ) as unknown[];
    const isText = typeof placeId === 'string' && !placeId.includes('\u0000');
    if (typeof date === 'string' && isDay(date) && isText && Number.isInteger(number))
      return { date, placeId, number: number as number };
  } catch {
    // Told below, as everything else that is no cursor.
  }
  throw invalid('/query/cursor', 'invalid_cursor', 'is not a next_cursor of an earlier answer');
}

function invalid(pointer: string, code: string, message: string): CodedError {
  return new CodedError('invalid_parameters', `${pointer} ${message}`, {
    errors: [{ pointer, code, message }],
  });
}
