import { binaryColumn, type Client } from '../base/db.ts';
import { uuid5Bytes, uuidText } from '../base/uuid5.ts';
import { insertHub, insertOrders, type VaultSchema } from './hubs.ts';
import { linkKey, orderIdOf, type VaultKeys } from './keys.ts';
import { insertLinks, insertOrderProducts, insertOrderRestaurants, insertOrderUsers } from './links.ts';
import type { VaultLine, VaultSale } from './read-sale.ts';
import {
  insertContexts,
  insertCosts,
  insertLines,
  insertRemovedLines,
  insertStatusRows,
  type StoredStatus,
} from './satellites.ts';

export type WriteDeps = { schema: VaultSchema; keys: VaultKeys; identity: 'source' | 'place' };

type KeyedLine = {
  line: VaultLine;
  of: KeyedSale;
  linkKey: Buffer;
  productKey: Buffer;
  categoryKey: Buffer;
};
type KeyedSale = {
  sale: VaultSale;
  orderKey: Buffer;
  orderText: string;
  orderId: string;
  restaurantKey: Buffer;
  userKey: Buffer | null;
};

/**
 * Writes versions of sales with all that they name; what is there already is passed over. `whole: false` writes
 * but the lines of sales whose other rows follow, when all their lines are there.
 *
 * All keys are computed and all parameters laid out before the first row is written: from then on the
 * transaction has an id, and the followers of the journal wait for it.
 */
export async function writeSales(
  client: Client,
  deps: WriteDeps,
  sales: readonly VaultSale[],
  whole = true,
): Promise<void> {
  const { schema } = deps;
  const keyed = sales.map((sale) => keySale(deps, sale));
  const list = await withoutRepeated(client, schema, keyed);
  if (list.length === 0) return;
  const lines = list.flatMap((one) => keyLines(deps, one));
  const statuses = list.flatMap(statusesOf);
  const values = [...saleColumns(list), ...lineColumns(lines)];
  const name = `vault-${whole ? 'sales' : 'lines'}-${schema}`;
  await writeShared(client, deps);
  const text = whole ? insertSales(schema) : insertLinesOnly(schema);
  const { rows } = await client.query<{ order_key: string }>({ name, text, values });
  if (!whole) return;
  await insertStatusRows(client, schema, statuses);
  const known = new Set(rows.map((row) => row.order_key));
  await insertRemovedLines(client, schema, severalVersions(list, known));
}

// One statement, so that a step is short for all who wait for it. Answers the sales that the vault had before.
const input = `
  o as materialized (
    select order_key, order_id, source_id, version, sale_seq, restaurant_key, restaurant_link, user_key, user_link,
      source, status, kind, business_date::date, sale_at, currency, payment_method, journal_position, load_dt,
      total, discount, nds, tips, n
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int4[], $6::uuid[], $7::uuid[], $8::uuid[],
        $9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::text[], $16::text[],
        $17::int8[], $18::timestamptz[], $19::int8[], $20::int8[], $21::int8[], $22::int8[]) with ordinality
      as i(order_key, order_id, source_id, version, sale_seq, restaurant_key, restaurant_link, user_key, user_link,
        source, status, kind, business_date, sale_at, currency, payment_method, journal_position, load_dt,
        total, discount, nds, tips, n)
  ),
  l as materialized (
    select link_key, order_key, product_key, line_number, version, sale_seq, quantity, price, amount, category_key,
      false as is_deleted, load_dt, source, n
    from unnest($23::uuid[], $24::uuid[], $25::uuid[], $26::int4[], $27::text[], $28::int4[], $29::int8[], $30::int8[],
        $31::int8[], $32::uuid[], $33::timestamptz[], $34::text[]) with ordinality
      as i(link_key, order_key, product_key, line_number, version, sale_seq, quantity, price, amount, category_key,
        load_dt, source, n)
  ),
  orders as (INSERT_ORDERS)`;

const insertSales = (schema: VaultSchema) => `
  with ${input.replace('INSERT_ORDERS', insertOrders(schema))},
  order_products as (${insertOrderProducts(schema)}),
  lines as (${insertLines(schema)}),
  order_restaurants as (${insertOrderRestaurants(schema)}),
  order_users as (${insertOrderUsers(schema)}),
  contexts as (${insertContexts(schema)}),
  costs as (${insertCosts(schema)})
  select order_key from o except select order_key from orders`;

const insertLinesOnly = (schema: VaultSchema) => `
  with ${input.replace('INSERT_ORDERS', insertOrders(schema))},
  order_products as (${insertOrderProducts(schema)}),
  lines as (${insertLines(schema)})
  select order_key from o except select order_key from orders`;

function saleColumns(list: readonly KeyedSale[]): Buffer[] {
  return [
    binaryColumn('uuid', list, (one) => one.orderKey),
    binaryColumn('text', list, (one) => one.orderId),
    binaryColumn('text', list, ({ sale }) => sale.sourceId),
    binaryColumn('text', list, ({ sale }) => sale.version),
    binaryColumn('int4', list, ({ sale }) => sale.saleSeq),
    binaryColumn('uuid', list, (one) => one.restaurantKey),
    binaryColumn('uuid', list, (one) => linkKey(one.orderText, one.restaurantKey)),
    binaryColumn('uuid', list, (one) => one.userKey),
    binaryColumn('uuid', list, (one) => (one.userKey === null ? null : linkKey(one.orderText, one.userKey))),
    binaryColumn('text', list, ({ sale }) => sale.source),
    binaryColumn('text', list, ({ sale }) => sale.status),
    binaryColumn('text', list, ({ sale }) => sale.kind),
    binaryColumn('text', list, ({ sale }) => sale.businessDate),
    binaryColumn('timestamptz', list, ({ sale }) => sale.saleAtMs),
    binaryColumn('text', list, ({ sale }) => sale.currency),
    binaryColumn('text', list, ({ sale }) => sale.paymentMethod),
    binaryColumn('int8', list, ({ sale }) => sale.position),
    binaryColumn('timestamptz', list, ({ sale }) => sale.loadedAtMs),
    binaryColumn('int8', list, ({ sale }) => sale.totalMinor),
    binaryColumn('int8', list, ({ sale }) => sale.discountMinor),
    binaryColumn('int8', list, ({ sale }) => sale.ndsMinor),
    binaryColumn('int8', list, ({ sale }) => sale.tipsMinor),
  ];
}

function lineColumns(lines: readonly KeyedLine[]): Buffer[] {
  return [
    binaryColumn('uuid', lines, (one) => one.linkKey),
    binaryColumn('uuid', lines, (one) => one.of.orderKey),
    binaryColumn('uuid', lines, (one) => one.productKey),
    binaryColumn('int4', lines, ({ line }) => line.number),
    binaryColumn('text', lines, ({ of }) => of.sale.version),
    binaryColumn('int4', lines, ({ of }) => of.sale.saleSeq),
    binaryColumn('int8', lines, ({ line }) => line.quantityMilli),
    binaryColumn('int8', lines, ({ line }) => line.priceMinor),
    binaryColumn('int8', lines, ({ line }) => line.amountMinor),
    binaryColumn('uuid', lines, (one) => one.categoryKey),
    binaryColumn('timestamptz', lines, ({ of }) => of.sale.loadedAtMs),
    binaryColumn('text', lines, ({ of }) => of.sale.source),
  ];
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
  return {
    sale,
    orderKey,
    orderText: uuidText(orderKey),
    orderId,
    restaurantKey: keys.restaurants.keyOf(placeId, loadedAtMs, source),
    userKey: customerId === undefined ? null : keys.users.keyOf(customerId, loadedAtMs, source),
  };
}

function keyLines({ keys }: WriteDeps, of: KeyedSale): KeyedLine[] {
  const { loadedAtMs, source, placeId, lines } = of.sale;
  const restaurant = { id: placeId, key: of.restaurantKey };
  return lines.map((line) => {
    const product = { id: line.productId, key: keys.products.keyOf(line.productId, loadedAtMs, source) };
    const categoryKey = keys.categories.keyOf(line.category, loadedAtMs, source);
    keys.productCategories.note(product, { id: line.category, key: categoryKey }, loadedAtMs, source);
    keys.productRestaurants.note(product, restaurant, loadedAtMs, source);
    return { line, of, linkKey: linkKey(of.orderText, product.key), productKey: product.key, categoryKey };
  });
}

function statusesOf({ sale, orderKey }: KeyedSale): StoredStatus[] {
  const { loadedAtMs, source } = sale;
  return sale.statuses.map((entry) => ({ orderKey, entry, loadedAtMs, source }));
}

const readVersions = (schema: VaultSchema) => `
  select distinct order_key, version from ${schema}.s_order_context where order_key = any($1::uuid[])`;

/** A message that came again after a later version says nothing new where its version is known. */
async function withoutRepeated(
  client: Client,
  schema: VaultSchema,
  list: readonly KeyedSale[],
): Promise<readonly KeyedSale[]> {
  const late = list.filter(({ sale }) => sale.saleSeq === 0);
  if (late.length === 0) return list;
  const { rows } = await client.query<{ order_key: string; version: string }>({
    name: `vault-versions-${schema}`,
    text: readVersions(schema),
    values: [binaryColumn('uuid', late, (one) => one.orderKey)],
  });
  const seen = new Set(rows.map((row) => `${row.order_key} ${row.version}`));
  return list.filter(({ sale, orderText }) => {
    const version = `${orderText} ${sale.version}`;
    const isRepeated = sale.saleSeq === 0 && seen.has(version);
    seen.add(version);
    return !isRepeated;
  });
}

/** The sales of which the vault has several versions now; a line can only be missing there. */
function severalVersions(list: readonly KeyedSale[], known: ReadonlySet<string>): Buffer[] {
  const once = new Set<string>();
  const several = new Map<string, Buffer>();
  for (const { orderText, orderKey } of list) {
    if (once.has(orderText) || known.has(orderText)) several.set(orderText, orderKey);
    once.add(orderText);
  }
  return [...several.values()];
}
