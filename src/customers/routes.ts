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
import { type EraseDeps, eraseCustomer } from './erase-customer.ts';
import { findCustomer } from './find-customer.ts';
import { customerCells, customerColumns, listCustomers, ruleOfTag } from './list-customers.ts';

const Nullable = Type.Union([Type.String(), Type.Null()]);
const AsOf = Type.Optional(Type.String({ description: asOfDescription }));
const total = {
  currency: Type.String(),
  orders: Type.Integer(),
  units: Type.Number(),
  spent: Type.Number(),
};
const Total = Type.Object(total);
const listed = {
  customer_id: 'g-1',
  customer_name: 'Anna',
  tags: ['pizza lover'],
  counters: [{ currency: 'RUB', orders: 11, units: 25, spent: 12500 }],
};
const Listed = Type.Object({
  customer_id: Type.String(),
  customer_name: Nullable,
  tags: Type.Array(Type.String()),
  counters: Type.Array(Total),
});
const Page = Type.Object(
  { results: Type.Array(Listed), next_cursor: Nullable, as_of: AsOf },
  { examples: [{ results: [listed], next_cursor: null }] },
);
const Customer = Type.Object(
  {
    customer_id: Type.String(),
    user_id: Type.String(),
    customer_name: Nullable,
    as_of: Type.String({ description: 'what arrived until then is counted' }),
    counters: Type.Array(Total),
    categories: Type.Array(Type.Object({ category_id: Type.String(), category: Type.String(), ...total })),
    products: Type.Array(Type.Object({ product_id: Type.String(), product_name: Nullable, ...total })),
    tags: Type.Array(
      Type.Object({
        tag: Type.String(),
        rule_id: Type.Integer(),
        metric: Type.String(),
        value: Type.Number(),
        sale: Type.Union([Type.Object({ source: Type.String(), id: Type.String() }), Type.Null()], {
          description: 'the sale that decided; none where a rule was applied to all',
        }),
        decided_at: Type.String(),
      }),
    ),
    last_sales: Type.Array(
      Type.Object({
        source: Type.String(),
        id: Type.String(),
        place_id: Type.String(),
        business_date: Type.String(),
        at: Type.String(),
        type: Type.String(),
        currency: Type.String(),
        total: Type.Number(),
      }),
    ),
  },
  {
    examples: [
      {
        customer_id: 'g-1',
        user_id: '8b515e41-af0a-5241-80ab-45666b3340ad',
        customer_name: 'Anna',
        as_of: '2026-01-31T09:00:00.000Z',
        counters: listed.counters,
        categories: [
          {
            category_id: 'b9d1bb0e-9b2c-5d2f-9f0f-0a7a5f3f6c55',
            category: 'pizza',
            currency: 'RUB',
            orders: 11,
            units: 25,
            spent: 12500,
          },
        ],
        products: [],
        tags: [
          {
            tag: 'pizza lover',
            rule_id: 1,
            metric: 'orders',
            value: 11,
            sale: { source: 'order', id: '1371198' },
            decided_at: '2026-01-31T09:00:00.000Z',
          },
        ],
        last_sales: [
          {
            source: 'order',
            id: '1371198',
            place_id: 'ef8c42c19b7518a9aebec106',
            business_date: '2026-01-30',
            at: '2026-01-30T20:45:43.000Z',
            type: 'sale',
            currency: 'RUB',
            total: 875,
          },
        ],
      },
    ],
  },
);

type ListQuery = {
  tag?: string;
  cursor?: string;
  limit?: number;
  format?: string;
  sep?: ',' | ';';
  bom?: string;
};

/** Customers with what they bought and their tags; neither can be limited to a place. */
export function registerCustomerRoutes(app: App, deps: EraseDeps & { reads: ReadSide }): void {
  const { reads } = deps;
  const config = { access: { roles: ['marketer'], bound: 'refused' } } as const;
  app.get('/api/customers/', {
    config,
    schema: {
      summary:
        'Customers, those with a tag where one is given; JSON in pages, or all of them as CSV or Parquet',
      tags: ['customers'],
      querystring: Type.Object({
        tag: Type.Optional(Type.String({ maxLength: 100 })),
        cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,10}$' })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
        format: formParameter(tableForms),
        ...fileParameters,
      }),
      response: { 200: answeredAs(tableForms, Page) },
    },
    handler: async (request, reply): Promise<never> => {
      const query = request.query as ListQuery;
      const form = chooseForm(tableForms, query.format, request.headers.accept);
      const found = await reads.read(async (reader) => {
        const { pool } = reader;
        const ruleId = query.tag === undefined ? undefined : await ruleOfTag(pool, query.tag);
        if (form !== 'json') return { reader, ruleId };
        const { customers, next } = await listCustomers(pool, {
          after: Math.min(Number(query.cursor ?? 0), 2_147_483_647),
          limit: query.limit ?? 100,
          ...(ruleId === undefined ? {} : { ruleId }),
        });
        const next_cursor = next === undefined ? null : String(next);
        return { results: customers, next_cursor, ...shownAsOf(reader) };
      });
      if (form === 'json' || found.reader === undefined) return found as never;
      const { asOf, pool } = found.reader;
      const table = { columns: customerColumns, pages: customerCells(pool, found.ruleId) };
      return sendTable(reply, form, table, { ...query, asOf: asOf?.toISOString() }) as never;
    },
  });
  app.get('/api/customers/:id', {
    config,
    schema: {
      summary: 'One customer: counters, tags with what decided them, last sales',
      tags: ['customers'],
      params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 256 }) }),
      response: { 200: Customer },
    },
    handler: async (request) =>
      await reads.read((reader) => findCustomer(reader, (request.params as { id: string }).id)),
  });
  app.delete('/api/customers/:id', {
    config: { access: { roles: ['admin'], bound: 'refused' } },
    schema: {
      summary: 'Erase a person; sums and numbers of customers stay as they are',
      tags: ['customers'],
      params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 256 }) }),
      response: {
        202: Type.Object(
          {
            erasure_id: Type.Integer(),
            job_id: Type.Union([Type.String(), Type.Null()], {
              description: 'takes the id out of the journal; null where it was asked for before',
            }),
          },
          { examples: [{ erasure_id: 1, job_id: '0f8fad5b-d9cb-469f-a165-70867728950e' }] },
        ),
      },
    },
    handler: async (request, reply) =>
      reply.code(202).send(await eraseCustomer(deps, (request.params as { id: string }).id)),
  });
}
