import type { Client } from '../base/db.ts';
import { figureChecksOf, isBehind, type VaultDifference } from './audit-vault.ts';

/** Of one check. */
const maximumDifferences = 1_000;

/** As the audit of the warehouse gives them: `[[place_id, business date], …]` in a setting of the transaction. */
const days =
  "(select d->>0 as place_id, (d->>1)::date as period from jsonb_array_elements(current_setting('tillstream.audited_days')::jsonb) as d)";

/**
 * What the registered sales of the days count for, of those whose newest change is in the vault; row by row
 * (`offset 0`), since tables that were filled a moment ago have no statistics to join them by.
 */
const counted = `
  select r.* from (
    select a.place_id, a.period, j.contributions
    from ${days} as a
    cross join lateral (
      select s.journal_position, s.journal_at from stg.sale as s
      where s.place_id = a.place_id and s.business_date = a.period offset 0
    ) as s
    cross join lateral (
      select j.contributions from stg.journal as j
      where j.position = s.journal_position and j.received_at = s.journal_at and ${isBehind} offset 0
    ) as j offset 0
  ) as k
  cross join lateral cdm.contribution_rows(jsonb_path_query_array(k.contributions, '$[*] ? (@.sign == 1)')) as r
  where r.place_id = k.place_id and r.period = k.period`;

/**
 * As `dds.v_sale_current` has them, looked up row by row. A sale that has changed since is compared once its change
 * is in the vault too.
 */
const sales = `
  (
    select c.order_key, c.version, c.sale_seq, c.source, r.restaurant_id as place_id, c.business_date, c.currency,
      c.payment_method, c.kind, k.total, k.discount, k.nds, k.tips
    from (select distinct period from ${days} as d) as d
    cross join lateral (
      select * from dds.s_order_context as x where x.business_date = d.period and x.status = 'closed' offset 0
    ) as c
    cross join lateral (
      select h.restaurant_id from dds.h_restaurant as h where h.restaurant_key = c.restaurant_key offset 0
    ) as r
    cross join lateral (select h.source_id from dds.h_order as h where h.order_key = c.order_key offset 0) as o
    cross join lateral (
      select * from dds.s_order_cost as x
      where x.order_key = c.order_key and x.version = c.version and x.sale_seq = c.sale_seq offset 0
    ) as k
    where (r.restaurant_id, c.business_date) in (select place_id, period from ${days} as audited)
      and (
        select true from dds.s_order_context as later
        where later.order_key = c.order_key and (later.version, later.sale_seq) > (c.version, c.sale_seq) limit 1
      ) is null
      and (
        select true from stg.sale as s
        join stg.journal as j on j.position = s.journal_position and j.received_at = s.journal_at
        where s.source_id = o.source_id and s.source = c.source and s.place_scope in ('', r.restaurant_id)
          and not ${isBehind} limit 1
      ) is null
    offset 0
  )`;

const lines = `
  (
    select v.*, l.product_id, l.category, l.quantity, case v.kind when 'refund' then -l.amount else l.amount end as net_amount
    from ${sales} as v
    cross join lateral (
      select p.product_id, g.category_name as category, l.quantity, l.amount
      from dds.l_order_product as i
      join dds.s_order_line as l on l.link_key = i.link_key and l.version = v.version and l.sale_seq = v.sale_seq
        and not l.is_deleted
      join dds.h_product as p on p.product_key = i.product_key
      join dds.h_category as g on g.category_key = l.category_key
      where i.order_key = v.order_key offset 0
    ) as l
  )`;

const checks = figureChecksOf(counted, sales, lines);

/**
 * Compares what the vault says of the days in `tillstream.audited_days` with the registered sales, in the caller's
 * snapshot. A vault that is behind is compared as far as it has come; one that nobody fills has nothing to compare.
 */
export async function auditVaultDays(client: Client, signal?: AbortSignal): Promise<VaultDifference[]> {
  const differences: VaultDifference[] = [];
  for (const text of checks) {
    signal?.throwIfAborted();
    const { rows } = await client.query<VaultDifference>(`${text} limit ${maximumDifferences}`);
    differences.push(...rows);
  }
  return differences;
}
