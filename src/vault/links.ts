import { binaryColumn, type Client } from '../base/db.ts';
import type { VaultSchema } from './hubs.ts';
import type { StoredLink } from './keys.ts';

const links = {
  l_order_product: ['order_key', 'product_key'],
  l_order_user: ['order_key', 'user_key'],
  l_order_restaurant: ['order_key', 'restaurant_key'],
  l_product_category: ['product_key', 'category_key'],
  l_product_restaurant: ['product_key', 'restaurant_key'],
} as const;
export type Link = keyof typeof links;

/** What belongs together; a pair that the vault has already is passed over. */
export async function insertLinks(
  client: Client,
  schema: VaultSchema,
  link: Link,
  list: readonly StoredLink[],
): Promise<void> {
  if (list.length === 0) return;
  const [from, to] = links[link];
  await client.query({
    name: `vault-${link}-${schema}`,
    text: `
      insert into ${schema}.${link} (link_key, ${from}, ${to}, load_dt, load_src)
      select link_key, from_key, to_key, load_dt, load_src
      from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[]) with ordinality
        as i(link_key, from_key, to_key, load_dt, load_src, number)
      -- The first of several is kept, so that a rebuild keeps the same.
      order by link_key, number
      on conflict do nothing`,
    values: [
      binaryColumn('uuid', list, (one) => one.key),
      binaryColumn('uuid', list, (one) => one.from),
      binaryColumn('uuid', list, (one) => one.to),
      binaryColumn('timestamptz', list, (one) => one.loadedAtMs),
      binaryColumn('text', list, (one) => one.source),
    ],
  });
}
