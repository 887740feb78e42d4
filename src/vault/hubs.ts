import { binaryColumn, type Client } from '../base/db.ts';
import type { Stored } from './keys.ts';

/** The vault that readers see, and the one that a rebuild fills beside it. */
export type VaultSchema = 'dds' | 'dds_next';

const hubs = {
  user: { table: 'h_user', key: 'user_key', id: 'user_id' },
  product: { table: 'h_product', key: 'product_key', id: 'product_id' },
  category: { table: 'h_category', key: 'category_key', id: 'category_name' },
  restaurant: { table: 'h_restaurant', key: 'restaurant_key', id: 'restaurant_id' },
} as const;
export type Hub = keyof typeof hubs;

/** Things that a batch names for the first time; what the vault has already is passed over. */
export async function insertHub(
  client: Client,
  schema: VaultSchema,
  hub: Hub,
  list: readonly Stored[],
): Promise<void> {
  if (list.length === 0) return;
  const { table, key, id } = hubs[hub];
  await client.query({
    name: `vault-${table}-${schema}`,
    text: `
      insert into ${schema}.${table} (${key}, ${id}, load_dt, load_src)
      select * from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[]) on conflict do nothing`,
    values: [
      binaryColumn('uuid', list, (one) => one.key),
      binaryColumn('text', list, (one) => one.id),
      binaryColumn('timestamptz', list, (one) => one.loadedAtMs),
      binaryColumn('text', list, (one) => one.source),
    ],
  });
}

export type StoredOrder = Stored & { sourceId: string };

const insertOrders = (schema: VaultSchema) => `
  with input as materialized (
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[])
      as i(order_key, order_id, source_id, load_dt, load_src)
  ),
  inserted as (
    insert into ${schema}.h_order (order_key, order_id, source_id, load_dt, load_src)
    select order_key, order_id, source_id, load_dt, load_src from input order by order_key
    on conflict do nothing returning order_key
  )
  select i.order_key from input as i where not exists (select from inserted as n where n.order_key = i.order_key)`;

/** Answers the keys (as text) of the sales that the vault had before. Each sale may stand in the list once. */
export async function insertOrderHub(
  client: Client,
  schema: VaultSchema,
  list: readonly StoredOrder[],
): Promise<Set<string>> {
  if (list.length === 0) return new Set();
  const { rows } = await client.query<{ order_key: string }>({
    name: `vault-h_order-${schema}`,
    text: insertOrders(schema),
    values: [
      binaryColumn('uuid', list, (one) => one.key),
      binaryColumn('text', list, (one) => one.id),
      binaryColumn('text', list, (one) => one.sourceId),
      binaryColumn('timestamptz', list, (one) => one.loadedAtMs),
      binaryColumn('text', list, (one) => one.source),
    ],
  });
  return new Set(rows.map((row) => row.order_key));
}
