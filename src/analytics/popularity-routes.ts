import { Type } from 'typebox';
import type { ReadSide } from '../database/read-side.ts';
import {
  answeredAs,
  chooseForm,
  fileParameters,
  formParameter,
  sendTable,
  type Table,
  tableForms,
} from '../http/answer-form.ts';
import type { TableColumn } from '../http/parquet.ts';
import type { App } from '../http/server.ts';
import { type Popularity, type PopularityBy, readPopularity } from './popularity.ts';
import { createStatementNames } from './read-figures.ts';
import { ParameterReader } from './read-parameters.ts';

const NullableText = Type.Union([Type.String(), Type.Null()]);
const Share = Type.Union([Type.Number(), Type.Null()]);

const Answer = Type.Object(
  {
    by: Type.String(),
    period: Type.String({ description: 'day, week, month, year or all' }),
    from: NullableText,
    to: NullableText,
    as_of: Type.String({ description: 'customers of what arrived until then are counted' }),
    orders: Type.Integer({ description: 'all orders of the period' }),
    customers: Type.Integer({ description: 'all customers with an order in the period' }),
    rows: Type.Array(
      Type.Object({
        category: Type.Optional(Type.String()),
        product_id: Type.Optional(Type.String()),
        product_name: Type.Optional(NullableText),
        orders: Type.Integer(),
        orders_share: Share,
        customers: Type.Integer(),
        customers_share: Share,
      }),
    ),
    next_cursor: Type.Null(),
  },
  {
    examples: [
      {
        by: 'category',
        period: 'month',
        from: '2026-01-01',
        to: '2026-01-31',
        as_of: '2026-02-01T08:00:00.000Z',
        orders: 1200,
        customers: 300,
        rows: [{ category: 'pizza', orders: 480, orders_share: 0.4, customers: 150, customers_share: 0.5 }],
        next_cursor: null,
      },
    ],
  },
);

type Parameters = {
  by: PopularityBy;
  from?: string;
  to?: string;
  limit?: number;
  format?: string;
  sep?: ',' | ';';
  bom?: string;
};

const keyColumns = { category: ['category'], product: ['product_id', 'product_name'] } as const;

function tableOf({ by, rows }: Popularity): Table {
  const columns: TableColumn[] = [
    ...keyColumns[by].map((name): TableColumn => ({ name, kind: 'text' })),
    { name: 'orders', kind: 'count' },
    { name: 'orders_share', kind: 'number' },
    { name: 'customers', kind: 'count' },
    { name: 'customers_share', kind: 'number' },
  ];
  return { columns, pages: [rows.map((row) => columns.map(({ name }) => row[name as keyof typeof row]))] };
}

/** What most orders and most customers have in common. */
export function registerPopularityRoutes(app: App, deps: { reads: ReadSide }): void {
  const statements = createStatementNames();
  app.get('/api/analytics/popularity', {
    // Customers are counted over all places.
    config: { access: { roles: ['analyst', 'marketer'], bound: 'refused' } },
    schema: {
      summary: 'Categories or products by their share of orders and of customers; JSON, CSV or Parquet',
      tags: ['analytics'],
      querystring: Type.Object({
        by: Type.Unsafe<PopularityBy>({ type: 'string', enum: ['category', 'product'] }),
        from: Type.Optional(Type.String({ description: 'first day of a day, week, month or year' })),
        to: Type.Optional(Type.String({ description: 'its last day' })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
        format: formParameter(tableForms),
        ...fileParameters,
      }),
      response: { 200: answeredAs(tableForms, Answer) },
    },
    handler: async (request, reply): Promise<never> => {
      const query = request.query as Parameters;
      const form = chooseForm(tableForms, query.format, request.headers.accept);
      const reader = new ParameterReader();
      const range = reader.range(query);
      reader.check();
      const asked = { by: query.by, ...range, limit: query.limit ?? 100 };
      const found = await deps.reads.read((reader) => readPopularity(reader, statements, asked));
      if (form === 'json') return { ...found, next_cursor: null } as never;
      return sendTable(reply, form, tableOf(found), { ...query, asOf: found.as_of }) as never;
    },
  });
}
