import { binaryColumn, type Client } from '../base/db.ts';
import type { VaultSchema } from './hubs.ts';
import type { VaultLine, VaultSale } from './read-sale.ts';

export type KeyedLine = VaultLine & { linkKey: Buffer; productKey: Buffer; categoryKey: Buffer };
export type KeyedSale = {
  sale: VaultSale;
  orderKey: Buffer;
  orderId: string;
  restaurantKey: Buffer;
  userKey: Buffer | null;
  lines: readonly KeyedLine[];
};

/** What a satellite row says, without its keys: two rows with the same hash say the same. Audited as it is written. */
export const hashes = {
  s_order_context: `md5(concat_ws('|', source, status, kind, business_date, extract(epoch from sale_at), currency, payment_method))::uuid`,
  s_order_cost: `md5(concat_ws('|', total, discount, nds, tips))::uuid`,
  s_order_status: `md5(concat_ws('|', status, status_at))::uuid`,
  s_order_line: `md5(concat_ws('|', quantity, price, amount, category_key, is_deleted))::uuid`,
} as const;

const insertContexts = (schema: VaultSchema) => `
  insert into ${schema}.s_order_context (order_key, version, sale_seq, restaurant_key, user_key, source, status, kind,
    business_date, sale_at, currency, payment_method, journal_position, load_dt, load_src, hashdiff)
  select order_key, version, sale_seq, restaurant_key, user_key, source, status, kind, business_date, sale_at, currency,
    payment_method, journal_position, load_dt, source, ${hashes.s_order_context}
  from (
    select order_key, version, sale_seq, restaurant_key, user_key, source, status, kind, business_date::date, sale_at,
      currency, payment_method, journal_position, load_dt
    from unnest($1::uuid[], $2::text[], $3::int4[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::timestamptz[], $11::text[], $12::text[], $13::int8[], $14::timestamptz[])
      as i(order_key, version, sale_seq, restaurant_key, user_key, source, status, kind, business_date, sale_at, currency,
        payment_method, journal_position, load_dt)
  ) as i
  order by order_key, version, sale_seq
  on conflict do nothing`;

const insertCosts = (schema: VaultSchema) => `
  insert into ${schema}.s_order_cost (order_key, version, sale_seq, total, discount, nds, tips, load_dt, load_src, hashdiff)
  select order_key, version, sale_seq, total, discount, nds, tips, load_dt, load_src, ${hashes.s_order_cost}
  from unnest($1::uuid[], $2::text[], $3::int4[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::timestamptz[], $9::text[])
    as i(order_key, version, sale_seq, total, discount, nds, tips, load_dt, load_src)
  order by order_key, version, sale_seq
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

const insertLines = (schema: VaultSchema) => `
  insert into ${schema}.s_order_line (link_key, line_number, version, sale_seq, quantity, price, amount, category_key,
    is_deleted, load_dt, load_src, hashdiff)
  select link_key, line_number, version, sale_seq, quantity, price, amount, category_key, is_deleted, load_dt, load_src,
    ${hashes.s_order_line}
  from (
    select *, false as is_deleted
    from unnest($1::uuid[], $2::int4[], $3::text[], $4::int4[], $5::int8[], $6::int8[], $7::int8[], $8::uuid[],
        $9::timestamptz[], $10::text[])
      as i(link_key, line_number, version, sale_seq, quantity, price, amount, category_key, load_dt, load_src)
  ) as i
  order by link_key, line_number
  on conflict do nothing`;

/** One row of each kind for every version of a sale, and the states an order says it went through. */
export async function insertSaleSatellites(
  client: Client,
  schema: VaultSchema,
  list: readonly KeyedSale[],
): Promise<void> {
  if (list.length === 0) return;
  const versions = [
    binaryColumn('uuid', list, (one) => one.orderKey),
    binaryColumn('text', list, ({ sale }) => sale.version),
    binaryColumn('int4', list, ({ sale }) => sale.saleSeq),
  ];
  const sources = binaryColumn('text', list, ({ sale }) => sale.source);
  const loaded = binaryColumn('timestamptz', list, ({ sale }) => sale.loadedAtMs);
  await client.query({
    name: `vault-context-${schema}`,
    text: insertContexts(schema),
    values: [
      ...versions,
      binaryColumn('uuid', list, (one) => one.restaurantKey),
      binaryColumn('uuid', list, (one) => one.userKey),
      sources,
      binaryColumn('text', list, ({ sale }) => sale.status),
      binaryColumn('text', list, ({ sale }) => sale.kind),
      binaryColumn('text', list, ({ sale }) => sale.businessDate),
      binaryColumn('timestamptz', list, ({ sale }) => sale.saleAtMs),
      binaryColumn('text', list, ({ sale }) => sale.currency),
      binaryColumn('text', list, ({ sale }) => sale.paymentMethod),
      binaryColumn('int8', list, ({ sale }) => sale.position),
      loaded,
    ],
  });
  await client.query({
    name: `vault-cost-${schema}`,
    text: insertCosts(schema),
    values: [
      ...versions,
      binaryColumn('int8', list, ({ sale }) => sale.totalMinor),
      binaryColumn('int8', list, ({ sale }) => sale.discountMinor),
      binaryColumn('int8', list, ({ sale }) => sale.ndsMinor),
      binaryColumn('int8', list, ({ sale }) => sale.tipsMinor),
      loaded,
      sources,
    ],
  });
  await insertStatusRows(client, schema, list);
}

async function insertStatusRows(
  client: Client,
  schema: VaultSchema,
  list: readonly KeyedSale[],
): Promise<void> {
  const entries = list.flatMap((one) => one.sale.statuses.map((entry) => ({ ...one, entry })));
  if (entries.length === 0) return;
  await client.query({
    name: `vault-status-${schema}`,
    text: insertStatuses(schema),
    values: [
      binaryColumn('uuid', entries, (one) => one.orderKey),
      binaryColumn('text', entries, ({ entry }) => entry.status),
      // As written, whatever the zone of the place, so that no setting moves it; an offset is taken off.
      binaryColumn('text', entries, ({ entry }) => `${entry.time.local}${entry.time.offset ?? 'Z'}`),
      binaryColumn('timestamptz', entries, ({ sale }) => sale.loadedAtMs),
      binaryColumn('text', entries, ({ sale }) => sale.source),
    ],
  });
}

export async function insertLineSatellites(
  client: Client,
  schema: VaultSchema,
  list: readonly KeyedSale[],
): Promise<void> {
  const lines = list.flatMap((one) => one.lines.map((line) => ({ line, sale: one.sale })));
  if (lines.length === 0) return;
  await client.query({
    name: `vault-line-${schema}`,
    text: insertLines(schema),
    values: [
      binaryColumn('uuid', lines, ({ line }) => line.linkKey),
      binaryColumn('int4', lines, ({ line }) => line.number),
      binaryColumn('text', lines, ({ sale }) => sale.version),
      binaryColumn('int4', lines, ({ sale }) => sale.saleSeq),
      binaryColumn('int8', lines, ({ line }) => line.quantityMilli),
      binaryColumn('int8', lines, ({ line }) => line.priceMinor),
      binaryColumn('int8', lines, ({ line }) => line.amountMinor),
      binaryColumn('uuid', lines, ({ line }) => line.categoryKey),
      binaryColumn('timestamptz', lines, ({ sale }) => sale.loadedAtMs),
      binaryColumn('text', lines, ({ sale }) => sale.source),
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
