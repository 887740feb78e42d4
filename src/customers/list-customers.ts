import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { amountToNumber, currencyDigits } from '../base/money.ts';
import type { TableColumn } from '../http/parquet.ts';

/** Money in the currency's own units. */
export type CustomerTotal = { currency: string; orders: number; units: number; spent: number };

export type ListedCustomer = {
  customer_id: string;
  customer_name: string | null;
  tags: string[];
  counters: CustomerTotal[];
};

type StoredTotal = { currency: string; orders: number; units: number; spent: number };
type Row = {
  user_no: number;
  customer_id: string;
  customer_name: string | null;
  tags: string[] | null;
  totals: StoredTotal[] | null;
};

// `generation` first, so that a swap of the counters is waited for before the snapshot is taken.
const readPage = (page: string) => `
  with generation as materialized (select max(generation) as number from cdm.generation),
  page as materialized (${page})
  select p.user_no, p.customer_id, n.customer_name,
    (select array_agg(r.tag order by r.tag) from ops.customer_tag as t
      join ops.tag_rule as r on r.rule_id = t.rule_id and r.deleted_at is null
      where t.user_no = p.user_no and t.assigned) as tags,
    (select jsonb_agg(jsonb_build_object('currency', u.currency, 'orders', u.orders, 'units', u.units, 'spent', u.spent)
        order by u.currency)
      from cdm.user_counter as u
      where u.user_no = p.user_no
        and u.key_no = (select key_no from cdm.counted_key where scope = 'total' and key = '')) as totals
  from page as p left join ops.customer as n on n.customer_id = p.customer_id
  where (select number from generation) is not null
  order by p.user_no`;

const allPage = readPage(`
  select c.user_no, c.customer_id from cdm.customer as c
  where c.user_no > $1 and not c.erased order by c.user_no limit $2`);
const taggedPage = readPage(`
  select c.user_no, c.customer_id from ops.customer_tag as t
  join cdm.customer as c on c.user_no = t.user_no and not c.erased
  where t.rule_id = $3 and t.assigned and t.user_no > $1 order by t.user_no limit $2`);

export function shownTotal(total: StoredTotal): CustomerTotal {
  return {
    currency: total.currency,
    orders: total.orders,
    units: total.units / 1000,
    spent: amountToNumber(total.spent, currencyDigits(total.currency)),
  };
}

/** The rule that gives a tag. Error `invalid_parameters` where none does. */
export async function ruleOfTag(pool: Database, tag: string): Promise<number> {
  const { rows } = await pool.query<{ rule_id: number }>({
    text: 'select rule_id from ops.tag_rule where tag = $1 and deleted_at is null',
    values: [tag],
  });
  if (rows[0] === undefined)
    throw new CodedError(
      'invalid_parameters',
      `no rule gives the tag "${tag}"; /api/tag-rules/ lists those there are`,
    );
  return rows[0].rule_id;
}

/** The customers after a number, in the order in which they were first seen; `next` is where to go on. */
export async function listCustomers(
  pool: Database,
  page: { after: number; limit: number; ruleId?: number },
): Promise<{ customers: ListedCustomer[]; next: number | undefined }> {
  const tagged = page.ruleId !== undefined;
  const { rows } = await pool.query<Row>({
    name: tagged ? 'list-tagged-customers' : 'list-customers',
    text: tagged ? taggedPage : allPage,
    values: [page.after, page.limit + 1, ...(tagged ? [page.ruleId] : [])],
  });
  const shown = rows.slice(0, page.limit);
  return {
    customers: shown.map((row) => ({
      customer_id: row.customer_id,
      customer_name: row.customer_name,
      tags: row.tags ?? [],
      counters: (row.totals ?? []).map(shownTotal),
    })),
    next: rows.length > page.limit ? shown.at(-1)!.user_no : undefined,
  };
}

export const customerColumns: readonly TableColumn[] = [
  { name: 'customer_id', kind: 'text' },
  { name: 'customer_name', kind: 'text' },
  { name: 'tags', kind: 'text' },
  { name: 'currency', kind: 'text' },
  { name: 'orders', kind: 'count' },
  { name: 'units', kind: 'quantity' },
  { name: 'spent', kind: 'money' },
];
const customersPerChunk = 5_000;

/** A line for each customer and currency, a page at a time: as flat for a million customers as for ten. */
export async function* customerCells(
  pool: Database,
  ruleId: number | undefined,
): AsyncGenerator<(string | number | null)[][]> {
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Awaited<ReturnType<typeof listCustomers>> = await listCustomers(pool, {
      after,
      limit: customersPerChunk,
      ...(ruleId === undefined ? {} : { ruleId }),
    });
    yield page.customers.flatMap(({ customer_id: id, customer_name: name, tags, counters }) =>
      (counters.length === 0 ? [undefined] : counters).map((total) => [
        id,
        name,
        tags.join(', '),
        total?.currency ?? null,
        total?.orders ?? 0,
        total?.units ?? 0,
        total?.spent ?? 0,
      ]),
    );
    after = page.next;
  }
}
