import { binaryColumn, type Client } from '../base/db.ts';
import { uuid5Bytes, uuidText } from '../base/uuid5.ts';
import type { VaultSchema } from './hubs.ts';
import type { VaultSale } from './read-sale.ts';

/** A name that something goes by since `atMs`; one given by hand stands above one that came with a sale. */
export type Named = {
  id: string;
  name: string;
  login?: string | undefined;
  atMs: number;
  byHand: boolean;
  loadedAtMs: number;
  source: string;
};

const satellites = {
  product: { table: 's_product_names', key: 'product_key' },
  restaurant: { table: 's_restaurant_names', key: 'restaurant_key' },
  user: { table: 's_user_names', key: 'user_key' },
} as const;
export type NamedKind = keyof typeof satellites;

const remembered = 200_000;

const readNewest = (schema: VaultSchema, kind: NamedKind) => {
  const { table, key } = satellites[kind];
  return `
  select distinct on (${key}) ${key} as key, name, extract(epoch from named_at)::float8 * 1000 as at
  from ${schema}.${table} where ${key} = any($1::uuid[]) and not by_hand
  order by ${key}, named_at desc, load_dt desc`;
};

const insertNames = (schema: VaultSchema, kind: NamedKind) => {
  const { table, key } = satellites[kind];
  const [login, hash] = kind === 'user' ? [', login', "concat_ws('|', name, login)"] : ['', 'name'];
  return `
  insert into ${schema}.${table} (${key}, by_hand, named_at, name${login}, load_dt, load_src, hashdiff)
  select key, by_hand, named_at, name${login}, load_dt, load_src, md5(${hash})::uuid
  from unnest($1::uuid[], $2::bool[], $3::timestamptz[], $4::text[], $5::text[], $6::timestamptz[], $7::text[])
    as i(key, by_hand, named_at, name, login, load_dt, load_src)
  on conflict do nothing`;
};

/** The names of one kind of thing: a sale that says what is known already adds nothing. */
function createNamesOf(kind: NamedKind, schema: VaultSchema) {
  const known = new Map<string, { name: string; atMs: number }>();
  let fresh = new Map<string, { name: string; atMs: number }>();

  /** What the vault has of those that this process does not know yet. */
  async function learn(client: Client, list: readonly Named[]): Promise<void> {
    const unknown = new Map(
      list.flatMap(({ id }) => (known.has(id) ? [] : [[uuidText(uuid5Bytes(id)), id] as const])),
    );
    if (unknown.size === 0) return;
    const { rows } = await client.query<{ key: string; name: string; at: number }>({
      name: `vault-newest-${kind}-${schema}`,
      text: readNewest(schema, kind),
      values: [[...unknown.keys()]],
    });
    for (const row of rows) known.set(unknown.get(row.key)!, { name: row.name, atMs: row.at });
  }

  return {
    /** In the order in which they are told. A person's login is always written with the name. */
    async write(client: Client, list: readonly Named[]): Promise<void> {
      if (list.length === 0) return;
      await learn(client, list);
      const rows = list.filter(({ id, name, atMs, byHand }) => {
        if (byHand) return true;
        const before = fresh.get(id) ?? known.get(id);
        if (before !== undefined && atMs < before.atMs) return false;
        fresh.set(id, { name, atMs });
        return before?.name !== name;
      });
      if (rows.length === 0) return;
      await client.query({
        name: `vault-names-${kind}-${schema}`,
        text: insertNames(schema, kind),
        values: [
          binaryColumn('uuid', rows, (one) => uuid5Bytes(one.id)),
          binaryColumn('bool', rows, (one) => one.byHand),
          binaryColumn('timestamptz', rows, (one) => one.atMs),
          binaryColumn('text', rows, (one) => one.name),
          binaryColumn('text', rows, (one) => one.login),
          binaryColumn('timestamptz', rows, (one) => one.loadedAtMs),
          binaryColumn('text', rows, (one) => one.source),
        ],
      });
    },
    committed(): void {
      if (known.size > remembered) known.clear();
      for (const [id, name] of fresh) known.set(id, name);
      fresh = new Map();
    },
    forget(): void {
      known.clear();
      fresh = new Map();
    },
  };
}

export function createVaultNames(schema: VaultSchema) {
  const kinds = {
    product: createNamesOf('product', schema),
    restaurant: createNamesOf('restaurant', schema),
    user: createNamesOf('user', schema),
  };
  return {
    ...kinds,
    /** The names that came with sales. */
    async writeOfSales(client: Client, sales: readonly VaultSale[]): Promise<void> {
      const found = { product: new Map(), restaurant: new Map(), user: new Map() } as NewestOfKinds;
      for (const sale of sales) {
        keepNewest(found.restaurant, sale, sale.placeId, sale.placeName);
        keepNewest(found.user, sale, sale.customerId, sale.customerName);
        for (const line of sale.lines) keepNewest(found.product, sale, line.productId, line.name);
      }
      for (const kind of ['product', 'restaurant', 'user'] as const)
        await kinds[kind].write(client, [...found[kind].values()]);
    },
    committed: () => Object.values(kinds).forEach((kind) => void kind.committed()),
    forget: () => Object.values(kinds).forEach((kind) => void kind.forget()),
  };
}

export type VaultNames = ReturnType<typeof createVaultNames>;

type NewestOfKinds = Record<NamedKind, Map<string, Named>>;

function keepNewest(
  found: Map<string, Named>,
  sale: VaultSale,
  id: string | undefined,
  name: string | undefined,
): void {
  if (id === undefined || name === undefined) return;
  const { namedAtMs: atMs, loadedAtMs, source } = sale;
  const before = found.get(id);
  if (before !== undefined && (before.name === name ? before.atMs >= atMs : before.atMs > atMs)) return;
  found.set(id, { id, name, atMs, byHand: false, loadedAtMs, source });
}
