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

/** Sales that the vault did not have; `o` is what `write-sales.ts` calls the sales of a batch. */
export const insertOrders = (schema: VaultSchema) => `
  insert into ${schema}.h_order (order_key, order_id, source_id, load_dt, load_src)
  select order_key, order_id, source_id, load_dt, source from o order by order_key, n
  on conflict do nothing returning order_key`;
