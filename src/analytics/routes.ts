import { Type } from 'typebox';
import { asOfDescription, type ReadSide, shownAsOf } from '../database/read-side.ts';
import {
  answeredAs,
  chooseForm,
  fileParameters,
  formParameter,
  sendTable,
  tableForms,
} from '../http/answer-form.ts';
import type { App } from '../http/server.ts';
import { type AnalyticsDeps, answerSales } from './answer-sales.ts';
import { summarizePlaces } from './place-summary.ts';
import { createStatementNames } from './read-figures.ts';
import { limitPlaces, type Parameter, ParameterReader } from './read-parameters.ts';
import {
  allSources,
  comparisons,
  granularities,
  groupColumns,
  itemisedSources,
  readSalesRequest,
  type SalesParameters,
} from './sales-request.ts';
import { salesTable } from './sales-table.ts';
import { summarizeSnapshot } from './snapshot.ts';

const Nullable = Type.Union([Type.Number(), Type.Null()]);
const NullableText = Type.Union([Type.String(), Type.Null()]);
const Several = (description: string) =>
  Type.Optional(
    Type.Union([Type.String(), Type.Array(Type.String())], {
      description: `${description}; repeated or comma separated, a value with a comma in double quotes`,
    }),
  );
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
  source: Several(`of ${allSources.join(', ')}; ${itemisedSources.join(', ')} where none is given`),
  group: Several('only places of these groups'),
  order: Several('columns of the rows, with - for descending: -sales,period'),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100_000, description: '10000 where not given; a file has all rows' }),
  ),
  cursor: Type.Optional(
    Type.String({ description: 'next_cursor of an earlier answer to the same question' }),
  ),
  compare: Type.Optional(Type.String({ description: comparisons.join(', ') })),
  same_places: Type.Optional(Type.Boolean({ description: 'only places with receipts in both periods' })),
  format: formParameter(tableForms),
  ...fileParameters,
});

const figures = {
  sales: Type.Number(),
  refunds: Type.Number(),
  net: Type.Number(),
  discounts: Type.Number(),
  receipts: Nullable,
  units: Type.Number(),
  average_receipt: Nullable,
  nds: Type.Optional(Type.Number()),
  tips: Type.Optional(Type.Number()),
  refund_receipts: Type.Optional(Type.Number()),
};
const Text = Type.Optional(Type.String());
const AsOf = Type.Optional(Type.String({ description: asOfDescription }));
const Row = Type.Object({
  period: Text,
  group: Text,
  place_id: Text,
  place_name: Text,
  product_id: Text,
  product_name: Text,
  category: Text,
  payment_method: Text,
  source: Text,
  currency: Type.String(),
  ...figures,
  previous: Type.Optional(Type.Union([Type.Object(figures), Type.Null()])),
  change_percent: Type.Optional(Type.Record(Type.String(), Nullable)),
});

const Answer = Type.Object(
  {
    granularity: Type.String(),
    group_by: Type.Array(Type.String()),
    from: NullableText,
    to: NullableText,
    compare: Type.Optional(
      Type.Object(
        {
          kind: Type.String(),
          from: Type.String(),
          to: Type.String(),
          cut_at: NullableText,
          same_places: Type.Optional(Type.Array(Type.String())),
        },
        { description: 'the base period; while the one asked for runs, cut at the same local time' },
      ),
    ),
    rows: Type.Array(Row),
    next_cursor: NullableText,
    as_of: AsOf,
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
export function registerAnalyticsRoutes(
  app: App,
  deps: Omit<AnalyticsDeps, 'pool'> & { reads: ReadSide },
): void {
  const statements = createStatementNames();
  app.get('/api/analytics/', {
    config: { access },
    schema: {
      summary: 'Purchases, average receipt, taxes and categories of each place',
      tags: ['analytics'],
      querystring: Type.Object({
        from: businessDate('first business date'),
        to: businessDate('last business date, included'),
        place_id: Several('only these places'),
        source: Several(`of ${allSources.join(', ')}; ${itemisedSources.join(', ')} where none is given`),
        at: Type.Optional(
          Type.String({
            description:
              'as it was reported then, by the newest hourly snapshot at or before this time, 2024-02-07T14:00:00Z',
          }),
        ),
      }),
      response: {
        200: Type.Object(
          {
            results: Type.Array(Summary),
            next_cursor: Type.Null(),
            reported_at: Type.Optional(
              Type.String({ description: 'with at: when the snapshot was taken that answers' }),
            ),
            as_of: AsOf,
          },
          { examples: [{ results: [summaryExample], next_cursor: null }] },
        ),
      },
    },
    handler: async (request) => {
      const parameters = request.query as {
        from?: string;
        to?: string;
        place_id?: Parameter;
        source?: Parameter;
        at?: string;
      };
      const reader = new ParameterReader();
      const range = reader.range(parameters);
      const asked = reader.list('place_id', parameters.place_id);
      const sources = reader.choices('source', parameters.source, allSources) ?? itemisedSources;
      const at = reader.instant('at', parameters.at);
      reader.check();
      const places = limitPlaces(asked, request.principal.placeId);
      const query = { ...range, sources, ...(places === undefined ? {} : { places }) };
      return await deps.reads.read(async (reader) => {
        if (at !== undefined) {
          const { takenAt, results } = await summarizeSnapshot(reader.pool, { ...query, at });
          return { results, next_cursor: null, reported_at: takenAt.toISOString(), ...shownAsOf(reader) };
        }
        const results = await summarizePlaces(reader.pool, statements, query);
        return { results, next_cursor: null, ...shownAsOf(reader) };
      });
    },
  });

  app.get('/api/analytics/sales', {
    config: { access },
    schema: {
      summary: 'Sales by period and group, compared where asked; JSON, CSV or Parquet',
      description:
        'In a Parquet file a period is the day on which it begins, and an hour the instant at which it does.',
      tags: ['analytics'],
      querystring: Query,
      response: { 200: answeredAs(tableForms, Answer) },
    },
    handler: async (request, reply): Promise<never> => {
      const parameters = request.query as SalesParameters & {
        format?: string;
        sep?: ',' | ';';
        bom?: string;
      };
      const form = chooseForm(tableForms, parameters.format, request.headers.accept);
      const asked = readSalesRequest(parameters, request.principal.placeId);
      const whole = form === 'json' ? 'page' : 'file';
      const answer = await deps.reads.read(async (reader) => ({
        ...(await answerSales({ ...deps, pool: reader.pool }, statements, asked, whole)),
        ...shownAsOf(reader),
      }));
      if (form === 'json') return answer as never;
      if (answer.next_cursor !== null) reply.header('x-next-cursor', answer.next_cursor);
      const table = salesTable(answer, asked.query, form === 'parquet');
      return sendTable(reply, form, table, { ...parameters, asOf: answer.as_of }) as never;
    },
  });
}
