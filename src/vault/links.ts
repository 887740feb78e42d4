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

/** The links of the sales of a batch, `o`, and of their lines, `l`. The first of several is kept. */
export const insertOrderRestaurants = (schema: VaultSchema) => `
  insert into ${schema}.l_order_restaurant (link_key, order_key, restaurant_key, load_dt, load_src)
  select restaurant_link, order_key, restaurant_key, load_dt, source from o order by restaurant_link, n
  on conflict do nothing`;
export const insertOrderUsers = (schema: VaultSchema) => `
  insert into ${schema}.l_order_user (link_key, order_key, user_key, load_dt, load_src)
  select user_link, order_key, user_key, load_dt, source from o where user_key is not null order by user_link, n
  on conflict do nothing`;
export const insertOrderProducts = (schema: VaultSchema) => `
  insert into ${schema}.l_order_product (link_key, order_key, product_key, load_dt, load_src)
  select link_key, order_key, product_key, load_dt, source from l order by order_key, product_key, n
  on conflict do nothing`;
