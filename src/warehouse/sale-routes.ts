import { type TProperties, Type } from 'typebox';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { App } from '../http/server.ts';
import { documentWords } from '../sales/document-words.ts';
import { orderExample } from '../sales/order.ts';
import type { Source } from '../sales/sale.ts';
import { type FoundSale, findSale } from './find-sale.ts';

const Problem = Type.Object({ pointer: Type.String(), code: Type.String(), message: Type.String() });
const Id = Type.Object({ id: Type.String() });

/** What tells one version from another: a number for receipts and transactions, a text that sorts for orders. */
type Version = { name: string; properties: TProperties; nullable: TProperties; of(version: string): unknown };

const revision: Version = {
  name: 'revision',
  properties: { revision: Type.Integer() },
  nullable: { revision: Type.Union([Type.Integer(), Type.Null()]) },
  of: Number,
};
const described = { description: 'update_ts, sent_dttm, number of statuses, rank of the status' };
const version: Version = {
  name: 'version',
  properties: { version: Type.String(described) },
  nullable: { version: Type.Union([Type.String(described), Type.Null()]) },
  of: (text) => text,
};

function saleSchema(told: Version, example: unknown) {
  const History = Type.Object({
    position: Type.String(),
    verdict: Type.String(),
    received_at: Type.String(),
    ...told.nullable,
    problems: Type.Array(Problem),
    seen_count: Type.Integer(),
    total_change: Type.Number(),
  });
  return Type.Object(
    {
      transaction_id: Type.String(),
      place_id: Type.String(),
      status: Type.String(),
      business_date: Type.String(),
      ...told.properties,
      currency: Type.Union([Type.String(), Type.Null()]),
      document: Type.Unknown(),
      history: Type.Array(History),
      sealed_before: Type.Union([Type.String(), Type.Null()], {
        description: 'of what arrived before, the history has only how the sale stood then',
      }),
    },
    { examples: [example] },
  );
}

function saleNow(sale: FoundSale, told: Version) {
  return {
    transaction_id: sale.sourceId,
    place_id: sale.placeId,
    status: sale.status,
    business_date: sale.businessDate,
    [told.name]: told.of(sale.version),
    currency: sale.currency,
    document: sale.document,
    history: sale.history.map((entry) => ({
      position: entry.position,
      verdict: entry.verdict,
      received_at: entry.receivedAt,
      [told.name]: entry.version === null ? null : told.of(entry.version),
      problems: entry.problems,
      seen_count: entry.seenCount,
      total_change: entry.totalChange,
    })),
    sealed_before: sale.sealedBefore,
  };
}

function exampleOf(id: string, told: Record<string, unknown>, document: unknown, total: number) {
  const received = { received_at: '2024-02-07T09:35:01.000Z', problems: [], seen_count: 1 };
  return {
    transaction_id: id,
    place_id: 'unique_place_id1',
    status: 'closed',
    business_date: '2024-02-07',
    ...told,
    currency: 'RUB',
    document,
    history: [{ position: '1', verdict: 'accepted', ...received, ...told, total_change: total }],
    sealed_before: null,
  };
}

const orderVersion = '2023-04-01T20:45:43.000000 2023-04-08T20:27:36.000000 000004 3';
const kinds: readonly { path: string; source: Source; tag: string; told: Version; example: unknown }[] = [
  {
    path: '/api/checks/:id',
    source: 'receipt',
    tag: 'receipts',
    told: revision,
    example: exampleOf(
      'unique_transaction_id297',
      { revision: 0 },
      { transaction_id: 'unique_transaction_id297', total_amount: 27.47 },
      27.47,
    ),
  },
  {
    path: '/api/transactions/:id',
    source: 'transaction',
    tag: 'transactions',
    told: revision,
    example: exampleOf(
      'transaction-1001',
      { revision: 0 },
      { transaction_id: 'transaction-1001', total_amount: 21.98 },
      21.98,
    ),
  },
  {
    path: '/api/orders/:id',
    source: 'order',
    tag: 'orders',
    told: version,
    example: exampleOf(String(orderExample.object_id), { version: orderVersion }, orderExample, 875),
  },
];

/** One sale of each kind as it counts now, with everything that arrived under its id. */
export function registerSaleRoutes(app: App, pool: Database): void {
  for (const { path, source, tag, told, example } of kinds) {
    const { noun } = documentWords[source];
    app.get(path, {
      config: { access: { roles: ['collector', 'operator'], bound: 'limited' } },
      schema: {
        summary: `One ${noun} as it counts now, with everything that arrived under its id`,
        tags: [tag],
        params: Id,
        response: { 200: saleSchema(told, example) },
      },
      handler: async (request) => {
        const { id } = request.params as { id: string };
        const sale = await findSale(pool, source, id, request.principal.placeId);
        if (sale === undefined) throw new CodedError('not_found', `no ${noun} ${id} is registered`);
        return saleNow(sale, told) as never;
      },
    });
  }
}
