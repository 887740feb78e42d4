import { binaryArray, type Client } from '../base/db.ts';
import type { Sale } from '../sales/sale.ts';

/** What the things that orders name are called now; undefined where nobody said. */
export type OrderNames = {
  restaurant(id: string): string | undefined;
  user(id: string): string | undefined;
  /** By the restaurant's own menu. */
  dish(restaurantId: string, dishId: string): string | undefined;
  product(id: string): string | undefined;
  /** The id that stands for a person whose documents are still being rewritten; everyone else keeps theirs. */
  erasedAs(userId: string): string;
};

// Names by kind and id in one answer; of a menu only the dishes that were ordered.
const readNames = `
  select 'restaurant' as kind, place_id as id, null as of, place_name as name from ops.place
  where place_id = any($1::text[]) and place_name is not null
  union all
  select 'user', customer_id, null, customer_name from ops.customer
  where customer_id = any($2::text[]) and customer_name is not null
  union all
  select 'product', product_id, null, product_name from ops.product
  where product_id = any($3::text[]) and product_name is not null
  union all
  select 'dish', dish->>'_id', r.id, dish->>'name' from ops.reference as r
  cross join lateral jsonb_array_elements(r.fields->'menu') as dish
  where r.kind = 'restaurant' and r.id = any($1::text[]) and r.fields ? 'menu'
    and dish->>'_id' = any($3::text[]) and dish->>'name' is not null
  union all
  select 'erased', customer_id, null, random_id from ops.erased_customer
  where customer_id = any($2::text[]) and random_id is not null`;

type NameRow = { kind: string; id: string; of: string | null; name: string };
const keyOf = (kind: string, id: string, of: string | null = null) => `${kind} ${of ?? ''}\u0000${id}`;

export async function readOrderNames(client: Client, sales: readonly Sale[]): Promise<OrderNames> {
  const places = new Set(sales.map((sale) => sale.placeId));
  const users = new Set(sales.flatMap((sale) => sale.customerId ?? []));
  const products = new Set(sales.flatMap((sale) => sale.lines.map((line) => line.productId)));
  const { rows } = await client.query<NameRow>({
    name: 'read-order-names',
    text: readNames,
    values: [places, users, products].map((ids) => binaryArray('text', [...ids])),
  });
  const names = new Map(rows.map(({ kind, id, of, name }) => [keyOf(kind, id, of), name]));
  const find = (kind: string) => (id: string) => names.get(keyOf(kind, id));
  return {
    restaurant: find('restaurant'),
    user: find('user'),
    product: find('product'),
    dish: (restaurantId, dishId) => names.get(keyOf('dish', dishId, restaurantId)),
    erasedAs: (userId) => names.get(keyOf('erased', userId)) ?? userId,
  };
}
