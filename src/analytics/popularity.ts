import { type Client, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { addDays, epochDay } from '../base/time.ts';
import type { Reader } from '../database/read-side.ts';
import { readCustomersAsOf } from '../stream/customers-as-of.ts';
import { type ReadFigures, readFigures } from './read-figures.ts';
import { earliest, latest } from './read-parameters.ts';
import { itemisedSources } from './sales-request.ts';

export type PopularityBy = 'category' | 'product';
export type PopularityRow = {
  category?: string;
  product_id?: string;
  product_name?: string | null;
  orders: number;
  orders_share: number | null;
  customers: number;
  customers_share: number | null;
};
export type Popularity = {
  by: PopularityBy;
  period: string;
  from: string | null;
  to: string | null;
  as_of: string;
  orders: number;
  customers: number;
  rows: PopularityRow[];
};

/** A period that unique customers are counted for, and its first day; `all` is kept under the first date there is. */
type Period = { kind: 'day' | 'week' | 'month' | 'year' | 'all'; start: string };

const lastOfMonth = (start: string) => {
  const next = new Date(Date.UTC(Number(start.slice(0, 4)), Number(start.slice(5, 7)), 1));
  return addDays(next.toISOString().slice(0, 10), -1);
};

/** Customers cannot be added up over periods, so only those that are counted can be asked for. */
export function periodOf(from: string, to: string): Period {
  if (from === earliest && to === latest) return { kind: 'all', start: earliest };
  if (from === to) return { kind: 'day', start: from };
  // The first of January 1970 was a Thursday.
  if ((((epochDay(from) + 3) % 7) + 7) % 7 === 0 && to === addDays(from, 6))
    return { kind: 'week', start: from };
  if (from.endsWith('-01') && to === lastOfMonth(from)) return { kind: 'month', start: from };
  if (from.endsWith('-01-01') && to === `${from.slice(0, 4)}-12-31`) return { kind: 'year', start: from };
  throw new CodedError(
    'not_answerable',
    'unique customers are counted for one day, one week from Monday to Sunday, one month, one year, or all time; give from and to of one of these, or neither',
  );
}

const readUnique = `
  select k.scope, k.key, q.customers
  from cdm.unique_customers as q join cdm.counted_key as k on k.key_no = q.key_no
  where q.kind = $1 and q.period = $2::date and k.scope in ('total', $3)`;

/** Six digits are more than enough for a share. */
function share(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.round((part / whole) * 1e6) / 1e6;
}

type Asked = { by: PopularityBy; from: string; to: string; limit: number };

/** The categories or products that most orders hold, with their shares of all orders and of all customers. */
export async function readPopularity(
  { pool, asOf: replicaAsOf }: Reader,
  statements: ReadFigures,
  asked: Asked,
): Promise<Popularity> {
  const period = periodOf(asked.from, asked.to);
  return await inTransaction(
    pool,
    async (client) => {
      await client.query('lock table cdm.generation in access share mode');
      const query = {
        granularity: 'total',
        from: asked.from,
        to: asked.to,
        sources: itemisedSources,
      } as const;
      const whole = await readFigures(client, statements, { ...query, groupBy: [] });
      const orders = sumReceipts(
        await readFigures(client, statements, { ...query, groupBy: [asked.by] }),
        asked.by,
      );
      const unique = await client.query<{ scope: string; key: string; customers: number }>({
        name: 'read-unique-customers',
        text: readUnique,
        values: [period.kind, period.start, asked.by],
      });
      const asOf = await readCustomersAsOf(client, replicaAsOf);
      const allOrders = whole.reduce((sum, row) => sum + row.receipts, 0);
      const allCustomers = unique.rows.find((row) => row.scope === 'total')?.customers ?? 0;
      const customers = new Map(
        unique.rows.filter((row) => row.scope === asked.by).map((row) => [row.key, row.customers]),
      );
      const top = [...orders].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, asked.limit);
      const names = await readNames(
        client,
        asked.by,
        top.map(([key]) => key),
      );
      return {
        by: asked.by,
        period: period.kind,
        from: period.kind === 'all' ? null : asked.from,
        to: period.kind === 'all' ? null : asked.to,
        as_of: asOf.toISOString(),
        orders: allOrders,
        customers: allCustomers,
        rows: top.map(([key, count]) => ({
          ...(asked.by === 'category'
            ? { category: key }
            : { product_id: key, product_name: names.get(key) ?? null }),
          orders: count,
          orders_share: share(count, allOrders),
          customers: customers.get(key) ?? 0,
          customers_share: share(customers.get(key) ?? 0, allCustomers),
        })),
      };
    },
    'begin isolation level repeatable read read only',
  );
}

/** Over all currencies: an order has one. */
function sumReceipts(rows: Awaited<ReturnType<typeof readFigures>>, by: PopularityBy): Map<string, number> {
  const orders = new Map<string, number>();
  for (const row of rows) {
    const key = by === 'category' ? row.category! : row.product_id!;
    orders.set(key, (orders.get(key) ?? 0) + row.receipts);
  }
  return orders;
}

async function readNames(client: Client, by: PopularityBy, keys: string[]): Promise<Map<string, string>> {
  if (by === 'category') return new Map();
  const { rows } = await client.query<{ product_id: string; product_name: string | null }>({
    text: 'select product_id, product_name from ops.product where product_id = any($1::text[])',
    values: [keys],
  });
  return new Map(
    rows.flatMap((row) => (row.product_name === null ? [] : [[row.product_id, row.product_name]])),
  );
}
