import { binaryColumn, type Client } from '../base/db.ts';
import type { SaleStatus, Source } from '../sales/sale.ts';
import type { VaultSchema } from './hubs.ts';

/** What a satellite row says, without its keys: two rows with the same hash say the same. Audited as it is written. */
export const hashes = {
  s_order_context: `md5(concat_ws('|', source, status, kind, business_date, extract(epoch from sale_at), currency, payment_method))::uuid`,
  s_order_cost: `md5(concat_ws('|', total, discount, nds, tips))::uuid`,
  s_order_status: `md5(concat_ws('|', status, status_at))::uuid`,
  s_order_line: `md5(concat_ws('|', quantity, price, amount, category_key, is_deleted))::uuid`,
} as const;

/** Of the sales of a batch, `o`, and of their lines, `l`; see `write-sales.ts`. */
export const insertContexts = (schema: VaultSchema) => `
  insert into ${schema}.s_order_context (order_key, version, sale_seq, restaurant_key, user_key, source, status, kind,
    business_date, sale_at, currency, payment_method, journal_position, load_dt, load_src, hashdiff)
  select order_key, version, sale_seq, restaurant_key, user_key, source, status, kind, business_date, sale_at, currency,
    payment_method, journal_position, load_dt, source, ${hashes.s_order_context}
  from o order by order_key, version, sale_seq
  on conflict do nothing`;

export const insertCosts = (schema: VaultSchema) => `
  insert into ${schema}.s_order_cost (order_key, version, sale_seq, total, discount, nds, tips, load_dt, load_src, hashdiff)
  select order_key, version, sale_seq, total, discount, nds, tips, load_dt, source, ${hashes.s_order_cost}
  from o order by order_key, version, sale_seq
  on conflict do nothing`;

export const insertLines = (schema: VaultSchema) => `
  insert into ${schema}.s_order_line (link_key, line_number, version, sale_seq, quantity, price, amount, category_key,
    is_deleted, load_dt, load_src, hashdiff)
  select link_key, line_number, version, sale_seq, quantity, price, amount, category_key, is_deleted, load_dt, source,
    ${hashes.s_order_line}
  from l order by link_key, line_number
  on conflict do nothing`;

const insertStatuses = (schema: VaultSchema) => `
  insert into ${schema}.s_order_status (order_key, status, status_at, load_dt, load_src, hashdiff)
  select order_key, status, status_at, load_dt, load_src, ${hashes.s_order_status}
  from (
    select order_key, status, (written::timestamptz at time zone 'UTC') as status_at, load_dt, load_src, number
    from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[]) with ordinality
      as i(order_key, status, written, load_dt, load_src, number)
  ) as i
  -- Every message repeats the states of those before it: the first is kept.
  order by order_key, status, status_at, number
  on conflict do nothing`;

export type StoredStatus = { orderKey: Buffer; entry: SaleStatus; loadedAtMs: number; source: Source };

/** The states that orders say they went through. */
export async function insertStatusRows(
  client: Client,
  schema: VaultSchema,
  list: readonly StoredStatus[],
): Promise<void> {
  if (list.length === 0) return;
  await client.query({
    name: `vault-status-${schema}`,
    text: insertStatuses(schema),
    values: [
      binaryColumn('uuid', list, (one) => one.orderKey),
      binaryColumn('text', list, ({ entry }) => entry.status),
      // As written, whatever the zone of the place, so that no setting moves it; an offset is taken off.
      binaryColumn('text', list, ({ entry }) => `${entry.time.local}${entry.time.offset ?? 'Z'}`),
      binaryColumn('timestamptz', list, (one) => one.loadedAtMs),
      binaryColumn('text', list, (one) => one.source),
    ],
  });
}

// Of each version and the one before it, in the order of versions: the lines that only the earlier has. A
// version that comes late moves between two others, so all versions of its sale are looked at again.
const insertRemoved = (schema: VaultSchema) => `
  insert into ${schema}.s_order_line (link_key, line_number, version, sale_seq, quantity, price, amount, category_key,
    is_deleted, load_dt, load_src, hashdiff)
  select link_key, line_number, version, sale_seq, quantity, price, amount, category_key, is_deleted, load_dt, load_src,
    ${hashes.s_order_line}
  from (
    select p.link_key, p.line_number, v.version, v.sale_seq, 0::bigint as quantity, 0::bigint as price,
      0::bigint as amount, p.category_key, true as is_deleted, v.load_dt, v.load_src
    from (
      select c.order_key, c.version, c.sale_seq, c.load_dt, c.load_src,
        lag(c.version) over w as before, lag(c.sale_seq) over w as before_seq
      from ${schema}.s_order_context as c where c.order_key = any($1::uuid[])
      window w as (partition by c.order_key order by c.version, c.sale_seq)
    ) as v
    join ${schema}.l_order_product as i on i.order_key = v.order_key
    join ${schema}.s_order_line as p on p.link_key = i.link_key and p.version = v.before and p.sale_seq = v.before_seq
      and not p.is_deleted
    where not exists (
      select from ${schema}.s_order_line as l where l.link_key = p.link_key and l.line_number = p.line_number
        and l.version = v.version and l.sale_seq = v.sale_seq
    )
  ) as removed
  order by link_key, line_number
  on conflict do nothing`;

/** What a later version of a sale has no more gets a row there that says so. */
export async function insertRemovedLines(
  client: Client,
  schema: VaultSchema,
  orderKeys: readonly Buffer[],
): Promise<void> {
  if (orderKeys.length === 0) return;
  await client.query({
    name: `vault-removed-${schema}`,
    text: insertRemoved(schema),
    values: [binaryColumn('uuid', orderKeys, (key) => key)],
  });
}
