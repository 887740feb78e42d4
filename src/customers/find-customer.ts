import { type Client, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { amountToNumber, currencyDigits } from '../base/money.ts';
import type { Reader } from '../database/read-side.ts';
import { putIn } from '../sales/stored-contribution.ts';
import { readCustomersAsOf } from '../stream/customers-as-of.ts';
import { type CustomerTotal, shownTotal } from './list-customers.ts';
import type { Metric } from './tag-rule.ts';
import { shownFigure } from './tag-rules.ts';

export type FoundCustomer = {
  customer_id: string;
  user_id: string;
  customer_name: string | null;
  as_of: string;
  counters: CustomerTotal[];
  categories: (CustomerTotal & { category_id: string; category: string })[];
  products: (CustomerTotal & { product_id: string; product_name: string | null })[];
  tags: CustomerTag[];
  last_sales: CustomerSale[];
};

type CustomerTag = {
  tag: string;
  rule_id: number;
  metric: string;
  value: number;
  sale: { source: string; id: string } | null;
  decided_at: string;
};
type CustomerSale = {
  source: string;
  id: string;
  place_id: string;
  business_date: string;
  at: string;
  type: 'sale' | 'refund';
  currency: string;
  total: number;
};

const shownCounters = 1_000;
const shownSales = 20;

const readCustomer = `
  select c.user_no, c.user_id, n.customer_name
  from cdm.customer as c left join ops.customer as n on n.customer_id = c.customer_id
  where c.customer_id = $1 and not c.erased`;

const readCounters = `
  select k.scope, k.key, k.key_id, p.product_name, u.currency, u.orders, u.units, u.spent
  from cdm.user_counter as u
  join cdm.counted_key as k on k.key_no = u.key_no
  left join ops.product as p on k.scope = 'product' and p.product_id = k.key
  where u.user_no = $1
  order by u.orders desc, u.spent desc, k.key
  limit ${shownCounters}`;

const readTags = `
  select r.tag, r.rule_id, r.metric, r.currency, t.value, t.source, t.source_id, t.decided_at
  from ops.customer_tag as t join ops.tag_rule as r on r.rule_id = t.rule_id and r.deleted_at is null
  where t.user_no = $1 and t.assigned
  order by r.tag`;

const readSales = `
  select l.source, l.source_id, l.place_id, j.contributions
  from (
    select at, source, source_id, place_id from cdm.customer_sale
    where user_no = $1 and count > 0 order by at desc, source_id desc limit ${shownSales}
  ) as l
  join stg.sale as s on s.source_id = l.source_id and s.source = l.source and s.place_scope in ('', l.place_id)
  join stg.journal as j on j.position = s.journal_position and j.received_at = s.journal_at
  order by l.at desc, l.source_id desc`;

/** All that is known of a customer, in one snapshot. Error `not_found`, also for a person who was erased. */
export async function findCustomer(
  { pool, asOf: replicaAsOf }: Reader,
  customerId: string,
): Promise<FoundCustomer> {
  return await inTransaction(
    pool,
    async (client) => {
      await client.query('lock table cdm.generation in access share mode');
      const found = await client.query<{ user_no: number; user_id: string; customer_name: string | null }>({
        name: 'find-customer',
        text: readCustomer,
        values: [customerId],
      });
      const customer = found.rows[0];
      if (customer === undefined)
        throw new CodedError('not_found', `no sale names the customer ${customerId}`);
      const asOf = await readCustomersAsOf(client, replicaAsOf);
      return {
        customer_id: customerId,
        user_id: customer.user_id,
        customer_name: customer.customer_name,
        as_of: asOf.toISOString(),
        ...(await countersOf(client, customer.user_no)),
        tags: await tagsOf(client, customer.user_no),
        last_sales: await lastSalesOf(client, customer.user_no, customerId),
      };
    },
    'begin isolation level repeatable read read only',
  );
}

async function countersOf(
  client: Client,
  userNo: number,
): Promise<Pick<FoundCustomer, 'counters' | 'categories' | 'products'>> {
  const { rows } = await client.query({ name: 'customer-counters', text: readCounters, values: [userNo] });
  const byScope = Map.groupBy(rows, (row) => row.scope as string);
  return {
    counters: (byScope.get('total') ?? []).map((row) => shownTotal(row as never)),
    categories: (byScope.get('category') ?? []).map((row) => ({
      category_id: row.key_id,
      category: row.key,
      ...shownTotal(row as never),
    })),
    products: (byScope.get('product') ?? []).map((row) => ({
      product_id: row.key,
      product_name: row.product_name,
      ...shownTotal(row as never),
    })),
  };
}

async function tagsOf(client: Client, userNo: number): Promise<CustomerTag[]> {
  const { rows } = await client.query({ name: 'customer-tags', text: readTags, values: [userNo] });
  return rows.map((row) => ({
    tag: row.tag,
    rule_id: row.rule_id,
    metric: row.metric,
    value: shownFigure(row as { metric: Metric; currency: string | null }, row.value),
    sale: row.source_id === null ? null : { source: row.source, id: row.source_id },
    decided_at: row.decided_at.toISOString(),
  }));
}

async function lastSalesOf(client: Client, userNo: number, customerId: string): Promise<CustomerSale[]> {
  const { rows } = await client.query({ name: 'customer-sales', text: readSales, values: [userNo] });
  return rows.flatMap((row) => {
    const current = putIn(row.contributions);
    if (current === null || current.customer !== customerId) return [];
    return {
      source: row.source,
      id: row.source_id,
      place_id: row.place_id,
      business_date: current.date,
      at: new Date(current.at * 1000).toISOString(),
      type: current.refund === 1 ? ('refund' as const) : ('sale' as const),
      currency: current.currency,
      total: amountToNumber(current.total, currencyDigits(current.currency)),
    };
  });
}
