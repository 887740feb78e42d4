import { binaryColumn, type Client } from '../base/db.ts';
import { uuid5Bytes, uuidText } from '../base/uuid5.ts';
import { insertHub, insertOrderHub, type StoredOrder, type VaultSchema } from './hubs.ts';
import { linkKey, orderIdOf, type StoredLink, type VaultKeys } from './keys.ts';
import { insertLinks } from './links.ts';
import type { VaultSale } from './read-sale.ts';
import {
  insertLineSatellites,
  insertRemovedLines,
  insertSaleSatellites,
  type KeyedLine,
  type KeyedSale,
} from './satellites.ts';

export type WriteDeps = { schema: VaultSchema; keys: VaultKeys; identity: 'source' | 'place' };

/**
 * Writes versions of sales with all that they name, a statement a table; what is there already is passed over.
 * `whole: false` writes but the lines of sales whose other rows follow, when all their lines are there.
 */
export async function writeSales(
  client: Client,
  deps: WriteDeps,
  sales: readonly VaultSale[],
  whole = true,
): Promise<void> {
  if (sales.length === 0) return;
  const { schema } = deps;
  const list = await withoutRepeated(client, schema, sales, (sale) => keySale(deps, sale));
  await writeShared(client, deps);
  const known = await insertOrderHub(client, schema, ordersOf(list));
  await insertLinks(client, schema, 'l_order_product', list.flatMap(productLinks));
  if (whole) {
    const restaurants = list.map((one) => linkOf(one, one.restaurantKey));
    await insertLinks(client, schema, 'l_order_restaurant', restaurants);
    const users = list.flatMap((one) => (one.userKey === null ? [] : [linkOf(one, one.userKey)]));
    await insertLinks(client, schema, 'l_order_user', users);
    await insertSaleSatellites(client, schema, list);
  }
  await insertLineSatellites(client, schema, list);
  if (whole) await insertRemovedLines(client, schema, severalVersions(list, known));
}

/** Hubs and links that many sales share. */
export async function writeShared(client: Client, { schema, keys }: WriteDeps): Promise<void> {
  await insertHub(client, schema, 'restaurant', keys.restaurants.fresh());
  await insertHub(client, schema, 'user', keys.users.fresh());
  await insertHub(client, schema, 'product', keys.products.fresh());
  await insertHub(client, schema, 'category', keys.categories.fresh());
  await insertLinks(client, schema, 'l_product_category', keys.productCategories.fresh());
  await insertLinks(client, schema, 'l_product_restaurant', keys.productRestaurants.fresh());
}

function keySale({ keys, identity }: WriteDeps, sale: VaultSale): KeyedSale {
  const { loadedAtMs, source, placeId, customerId } = sale;
  const orderId = orderIdOf(sale, identity);
  const orderKey = uuid5Bytes(orderId);
  const orderText = uuidText(orderKey);
  const restaurantKey = keys.restaurants.keyOf(placeId, loadedAtMs, source);
  const lines = sale.lines.map((line): KeyedLine => {
    const productKey = keys.products.keyOf(line.productId, loadedAtMs, source);
    const categoryKey = keys.categories.keyOf(line.category, loadedAtMs, source);
    keys.productCategories.note(productKey, categoryKey, loadedAtMs, source);
    keys.productRestaurants.note(productKey, restaurantKey, loadedAtMs, source);
    return { ...line, productKey, categoryKey, linkKey: linkKey(orderText, productKey) };
  });
  const userKey = customerId === undefined ? null : keys.users.keyOf(customerId, loadedAtMs, source);
  return { sale, orderKey, orderId, restaurantKey, userKey, lines };
}

const readVersions = (schema: VaultSchema) => `
  select distinct order_key, version from ${schema}.s_order_context where order_key = any($1::uuid[])`;

/** A message that came again after a later version says nothing new where its version is known. */
async function withoutRepeated(
  client: Client,
  schema: VaultSchema,
  sales: readonly VaultSale[],
  keyed: (sale: VaultSale) => KeyedSale,
): Promise<KeyedSale[]> {
  const list = sales.map(keyed);
  const late = list.filter(({ sale }) => sale.saleSeq === 0);
  if (late.length === 0) return list;
  const { rows } = await client.query<{ order_key: string; version: string }>({
    name: `vault-versions-${schema}`,
    text: readVersions(schema),
    values: [binaryColumn('uuid', late, (one) => one.orderKey)],
  });
  const seen = new Set(rows.map((row) => `${row.order_key} ${row.version}`));
  return list.filter(({ sale, orderKey }) => {
    const version = `${uuidText(orderKey)} ${sale.version}`;
    const isRepeated = sale.saleSeq === 0 && seen.has(version);
    seen.add(version);
    return !isRepeated;
  });
}

function ordersOf(list: readonly KeyedSale[]): StoredOrder[] {
  const orders = new Map<string, StoredOrder>();
  for (const { sale, orderKey, orderId } of list) {
    const { sourceId, loadedAtMs, source } = sale;
    if (!orders.has(orderId))
      orders.set(orderId, { key: orderKey, id: orderId, sourceId, loadedAtMs, source });
  }
  return [...orders.values()];
}

function productLinks({ sale, orderKey, lines }: KeyedSale): StoredLink[] {
  const { loadedAtMs, source } = sale;
  return lines.map((line) => ({
    key: line.linkKey,
    from: orderKey,
    to: line.productKey,
    loadedAtMs,
    source,
  }));
}

function linkOf({ sale, orderKey }: KeyedSale, to: Buffer): StoredLink {
  const { loadedAtMs, source } = sale;
  return { key: linkKey(uuidText(orderKey), to), from: orderKey, to, loadedAtMs, source };
}

/** The sales of which the vault has several versions now; a line can only be missing there. */
function severalVersions(list: readonly KeyedSale[], known: ReadonlySet<string>): Buffer[] {
  const once = new Set<string>();
  const several = new Map<string, Buffer>();
  for (const { orderId, orderKey } of list) {
    if (once.has(orderId) || (known.size > 0 && known.has(uuidText(orderKey))))
      several.set(orderId, orderKey);
    once.add(orderId);
  }
  return [...several.values()];
}
