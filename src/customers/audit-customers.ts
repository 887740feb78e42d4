import type { Client } from '../base/db.ts';
import { tagValue } from './decide-tags.ts';
import { type CustomersDeps, todayOf } from './follow-customers.ts';
import { allTime } from './unique-customers.ts';

/** One figure of one row that is not what the journal says. */
export type CustomerDifference = {
  table: string;
  key: string;
  figure: string;
  expected: string;
  found: string;
};

const maximumDifferences = 1_000;

/**
 * What the journal says up to the follower's own cursor, through the function that fold and audit of the
 * marts use, and not through what the follower itself counts with.
 */
const expected = `
  place as materialized (select epoch, xid, position from cdm.cursor where follower = 'customers'),
  named as materialized (
    select j.source_id, cdm.contribution_in_full(e) as contribution, coalesce(c.customer_id, e->>'customer') as customer_id, (e->>'sign')::bigint as sign
    from stg.journal as j cross join lateral jsonb_array_elements(j.contributions) as e
    left join cdm.customer_alias as a on a.customer_id = e->>'customer'
    left join cdm.customer as c on c.user_no = a.user_no
    where j.contributions is not null and e ? 'customer' and e->>'source' <> 'daily'
      and (j.epoch, j.xid, j.position) <= ((select epoch from place), (select xid from place), (select position from place))
  ),
  days as materialized (
    select n.customer_id, (array['total', 'category', 'product'])[r.scope + 1] as scope,
      case r.scope when 0 then '' when 1 then r.category else r.product_id end as key, r.period, r.currency,
      sum(r.receipts) as orders, sum(r.units) as units, sum(r.sales - r.refunds) as spent
    from named as n cross join lateral cdm.contribution_rows(jsonb_build_array(n.contribution)) as r
    group by 1, 2, 3, 4, 5
  ),
  counters as (
    select customer_id, scope, key, currency, sum(orders) as orders, sum(units) as units, sum(spent) as spent
    from days group by 1, 2, 3, 4
  ),
  uniques as (
    select kind, first, scope, key, count(*) as customers from (
      select p.kind, p.first, d.scope, d.key, d.customer_id
      from days as d cross join lateral (values ('day', d.period), ('week', date_trunc('week', d.period)::date),
        ('month', date_trunc('month', d.period)::date), ('year', date_trunc('year', d.period)::date),
        ('all', date '${allTime}')) as p(kind, first)
      group by 1, 2, 3, 4, 5 having sum(d.orders) > 0
    ) as one
    group by 1, 2, 3, 4
  )`;

const numbered = `
  join cdm.customer as c on c.user_no = u.user_no join cdm.counted_key as k on k.key_no = u.key_no`;

/** Rows of both sides that differ in a figure; a row that only one side has counts as zeros in the other. */
function compare(
  table: string,
  keys: string,
  figures: readonly string[],
  wanted: string,
  found: string,
): string {
  const sides = figures
    .map(
      (figure) =>
        `coalesce(e.${figure}, 0) as expected_${figure}, coalesce(f.${figure}, 0) as found_${figure}`,
    )
    .join(', ');
  const shown = figures
    .map((figure) => `('${figure}', x.expected_${figure}::text, x.found_${figure}::text)`)
    .join(', ');
  return `
    select '${table}' as "table", x.key, v.figure, v.expected, v.found
    from (
      select concat_ws(' ', ${keys}) as key, ${sides}
      from (${wanted}) as e full join (${found}) as f using (${keys})
    ) as x cross join lateral (values ${shown}) as v(figure, expected, found)
    where v.expected <> v.found`;
}

const figures = ['orders', 'units', 'spent'];

const auditCounts = `
  with ${expected}
  ${[
    compare(
      'cdm.user_day',
      'customer_id, scope, key, period, currency',
      figures,
      'select * from days',
      `select c.customer_id, k.scope, k.key, u.period, u.currency, u.orders, u.units, u.spent from cdm.user_day as u ${numbered}`,
    ),
    compare(
      'cdm.user_counter',
      'customer_id, scope, key, currency',
      figures,
      'select * from counters',
      `select c.customer_id, k.scope, k.key, u.currency, u.orders, u.units, u.spent from cdm.user_counter as u ${numbered}`,
    ),
    compare(
      'cdm.unique_customers',
      'kind, first, scope, key',
      ['customers'],
      'select * from uniques',
      `select q.kind, q.period as first, k.scope, k.key, q.customers
       from cdm.unique_customers as q join cdm.counted_key as k on k.key_no = q.key_no`,
    ),
    compare(
      'cdm.customer_sale',
      'customer_id, source, source_id, place_id, at',
      ['count'],
      `select customer_id, contribution->>'source' as source, source_id, contribution->>'place' as place_id,
        (contribution->>'at')::bigint as at, sum(sign) as count from named group by 1, 2, 3, 4, 5`,
      `select c.customer_id, s.source, s.source_id, s.place_id, s.at, s.count
       from cdm.customer_sale as s join cdm.customer as c on c.user_no = s.user_no`,
    ),
  ].join('\n  union all\n')}
  limit ${maximumDifferences}`;

/** Tags of rules that were applied to all, and moved on to today where they have a window. */
const auditTags = `
  select 'ops.customer_tag' as "table", v.customer_id || ' ' || v.tag as key, 'assigned' as figure,
    (v.value > v.threshold or v.sticky and v.assigned)::text as expected, v.assigned::text as found
  from (
    select c.customer_id, r.tag, r.threshold, r.sticky, coalesce(t.assigned, false) as assigned, ${tagValue('$1')} as value
    from ops.tag_rule as r
    join cdm.customer as c on not c.erased
    left join ops.customer_tag as t on t.rule_id = r.rule_id and t.user_no = c.user_no
    where r.deleted_at is null and r.applied_version = r.version and (r.window_days is null or r.aged_on = $1::date)
      and not exists (select from cdm.customer_pending as p where p.user_no = c.user_no and p.key_no = r.key_no)
  ) as v
  where (v.value > v.threshold or v.sticky and v.assigned) <> v.assigned
  order by 2
  limit ${maximumDifferences}`;

/** Compares counters, lists and tags with a recomputation, in the caller's snapshot. */
export async function auditCustomers(
  client: Client,
  deps: Pick<CustomersDeps, 'clock' | 'defaultTimeZone'>,
): Promise<CustomerDifference[]> {
  const counts = await client.query<CustomerDifference>(auditCounts);
  const tags = await client.query<CustomerDifference>({ text: auditTags, values: [todayOf(deps)] });
  return [...counts.rows, ...tags.rows];
}
