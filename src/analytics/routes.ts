import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { CodedError, type Problem } from '../base/errors.ts';
import type { App } from '../http/server.ts';
import { type AnalyticsDeps, answerSales, type SalesAnswer } from './answer-sales.ts';
import { csvChunks } from './csv.ts';
import { summarizePlaces } from './place-summary.ts';
import {
  comparisons,
  earliest,
  granularities,
  groupColumns,
  itemisedSources,
  latest,
  limitPlaces,
  readDate,
  readSalesRequest,
  type SalesParameters,
} from './sales-request.ts';

const Nullable = Type.Union([Type.Number(), Type.Null()]);
const Several = (description: string) =>
  Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { description }));
const businessDate = (description: string) => Type.Optional(Type.String({ description }));

const summaryExample = {
  place_id: 'unique_place_id',
  place_name: 'Store ABC',
  currency: 'RUB',
  total_purchases: 150,
  average_receipt: 35.75,
  refunds: 0,
  net: 5362.5,
  taxes_amount: { total_nds: 275.0, total_tips: 150.0 },
  category_analytics: { groceries: { total_spent: 5000.0, average_receipt: 25.0 } },
};

const Summary = Type.Object({
  place_id: Type.String(),
  place_name: Type.String(),
  currency: Type.String(),
  total_purchases: Type.Integer(),
  average_receipt: Nullable,
  refunds: Type.Number(),
  net: Type.Number(),
  taxes_amount: Type.Object({ total_nds: Type.Number(), total_tips: Type.Number() }),
  category_analytics: Type.Record(
    Type.String(),
    Type.Object({ total_spent: Type.Number(), average_receipt: Nullable }),
  ),
});

const Query = Type.Object({
  granularity: Type.Optional(Type.String({ description: granularities.join(', ') })),
  group_by: Several(`one or several of ${groupColumns.join(', ')}`),
  from: businessDate('first business date, 2015-01-01'),
  to: businessDate('last business date, included'),
  place_id: Several('only these places'),
  product_id: Several('only these products'),
  category: Several('only these categories'),
  payment_method: Several('only these payment methods'),
  source: Several(`only these kinds of document; ${itemisedSources.join(', ')} where none is given`),
  group: Several('only places of these groups'),
  order: Type.Optional(Type.String({ description: 'columns, with - for descending: -sales,period' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
  cursor: Type.Optional(Type.String()),
  compare: Type.Optional(Type.String({ description: comparisons.join(', ') })),
  same_places: Type.Optional(Type.Boolean({ description: 'only places with sales in both periods' })),
  format: Type.Optional(Type.String({ description: 'csv, instead of the header Accept: text/csv' })),
  sep: Type.Optional(Type.Union([Type.Literal(','), Type.Literal(';')])),
  bom: Type.Optional(Type.String({ description: '1 puts a byte order mark before the CSV' })),
});

const Answer = Type.Object(
  {
    granularity: Type.String(),
    group_by: Type.Array(Type.String()),
    from: Type.String(),
    to: Type.String(),
    compare: Type.Optional(Type.Unknown()),
    rows: Type.Array(Type.Unknown()),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
  },
  {
    examples: [
      {
        granularity: 'month',
        group_by: ['category'],
        from: '2015-01-01',
        to: '2015-12-31',
        rows: [
          {
            period: '2015-01',
            category: 'Classic',
            currency: 'USD',
            sales: 18619.4,
            refunds: 0,
            net: 18619.4,
            discounts: 0,
            receipts: 1055,
            units: 1257,
            average_receipt: 17.65,
          },
        ],
        next_cursor: null,
      },
    ],
  },
);

const access = { roles: ['analyst'], bound: 'limited' } as const;

/** The read side: figures of places, and sales by any period and group the marts hold. */
export function registerAnalyticsRoutes(app: App, deps: AnalyticsDeps): void {
  app.get('/api/analytics/', {
    config: { access },
    schema: {
      summary: 'Purchases, average receipt, taxes and categories of each place',
      tags: ['analytics'],
      querystring: Type.Object({
        from: businessDate('first business date'),
        to: businessDate('last business date, included'),
        place_id: Several('only these places'),
      }),
      response: {
        200: Type.Object(
          { results: Type.Array(Summary), next_cursor: Type.Null() },
          { examples: [{ results: [summaryExample], next_cursor: null }] },
        ),
      },
    },
    handler: async (request) => {
      const query = request.query as { from?: string; to?: string; place_id?: string | string[] };
      const errors: Problem[] = [];
      const wrong = (name: string, code: string, message: string) =>
        errors.push({ pointer: `/query/${name}`, code, message });
      const from = readDate(query.from, earliest, 'from', wrong);
      const to = readDate(query.to, latest, 'to', wrong);
      if (errors.length === 0 && from > to) wrong('from', 'out_of_range', 'is after to');
      if (errors.length > 0)
        throw new CodedError(
          'invalid_parameters',
          errors.map((one) => `${one.pointer} ${one.message}`).join('; '),
          { errors },
        );
      const places = limitPlaces(
        query.place_id === undefined ? undefined : [query.place_id].flat(),
        request.principal.placeId,
      );
      const results = await summarizePlaces(deps.pool, {
        from,
        to,
        sources: itemisedSources,
        ...(places === undefined ? {} : { places }),
      });
      return { results, next_cursor: null };
    },
  });

  app.get('/api/analytics/sales', {
    config: { access },
    schema: {
      summary: 'Sales by period and group, compared where asked; JSON or CSV',
      tags: ['analytics'],
      querystring: Query,
      response: { 200: Answer },
    },
    handler: async (request, reply): Promise<never> => {
      const parameters = request.query as SalesParameters & {
        format?: string;
        sep?: ',' | ';';
        bom?: string;
      };
      const answer = await answerSales(deps, readSalesRequest(parameters, request.principal.placeId));
      if (parameters.format !== 'csv' && !/\btext\/csv\b/.test(request.headers.accept ?? ''))
        return answer as never;
      const options = { separator: parameters.sep ?? (',' as const), byteOrderMark: parameters.bom === '1' };
      const next = answer.next_cursor === null ? reply : reply.header('x-next-cursor', answer.next_cursor);
      return next.type('text/csv; charset=utf-8').send(Readable.from(salesCsv(answer, options)) as never);
    },
  });
}

function salesCsv(
  answer: SalesAnswer,
  options: { separator: ',' | ';'; byteOrderMark: boolean },
): Iterable<string> {
  const first = answer.rows[0];
  const columns =
    first === undefined
      ? ['currency', 'sales']
      : Object.keys(first).filter((name) => name !== 'previous' && name !== 'change_percent');
  const figures = columns.filter(
    (name) => typeof (first as Record<string, unknown> | undefined)?.[name] !== 'string',
  );
  const compared = answer.compare === undefined ? [] : figures;
  const header = [
    ...columns,
    ...compared.map((name) => `previous_${name}`),
    ...compared.map((name) => `change_percent_${name}`),
  ];
  function* cells() {
    for (const row of answer.rows) {
      const flat = row as unknown as Record<string, string | number | null>;
      const previous = (row.previous ?? {}) as Record<string, number | null>;
      yield [
        ...columns.map((name) => flat[name]),
        ...compared.map((name) => previous[name]),
        ...compared.map((name) => row.change_percent?.[name]),
      ];
    }
  }
  return csvChunks(header, cells(), options);
}
