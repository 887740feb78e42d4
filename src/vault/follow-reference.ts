import type { Client } from '../base/db.ts';
import type { MenuItem } from '../reference/catalogue-history.ts';
import { timelineOf } from '../reference/place-history.ts';
import type { VaultSchema } from './hubs.ts';
import type { Hub, VaultKeys } from './keys.ts';
import type { Named, NamedKind, VaultNames } from './names.ts';
import { writeShared } from './write-sales.ts';

type ChangeRow = {
  version: number;
  kind: 'place' | 'product' | 'restaurant' | 'user';
  id: string;
  since: string | null;
  fields: Record<string, unknown>;
  changed_at: Date;
};

const source = 'reference';
/** Whole versions only: a change of thousands of things has one. */
const changesPerStep = 5_000;

// Versions are raised under a lock that is held until COMMIT, so they become visible in their order.
const nextChanges = `
  select version, kind, id, to_char(since, 'YYYY-MM-DD"T"HH24:MI:SS') as since, fields, changed_at
  from ops.reference_change
  where version > $1 and version <= (
    select max(version) from (
      select version from ops.reference_change where version > $1 order by version limit ${changesPerStep}) as next)
  order by version, kind, id`;

const readPlaceNames = `
  select id, version, to_char(since, 'YYYY-MM-DD"T"HH24:MI:SS') as since, fields from ops.reference_change
  where kind = 'place' and id = any($1::text[]) and fields ? 'place_name'`;

export type ReferenceDeps = {
  schema: VaultSchema;
  keys: VaultKeys;
  names: VaultNames;
  identity: 'source' | 'place';
};

/**
 * Takes in the next versions of the reference history: what things are called, what stands on a menu. Answers
 * the version it has come to, and how many changes that were.
 */
export async function followReference(
  client: Client,
  deps: ReferenceDeps,
  version: number,
): Promise<{ version: number; changes: number }> {
  const { rows } = await client.query<ChangeRow>({
    name: 'vault-next-changes',
    text: nextChanges,
    values: [version],
  });
  const last = rows.at(-1);
  if (last === undefined) return { version, changes: 0 };
  const placeNames = await namesOfPlaces(client, rows);
  const found: Record<NamedKind, Named[]> = { product: [], restaurant: [], user: [] };
  for (const row of rows) noteChange(row, deps.keys, placeNames, found);
  await writeShared(client, deps);
  await deps.names.product.write(client, found.product);
  await deps.names.restaurant.write(client, found.restaurant);
  await deps.names.user.write(client, found.user);
  return { version: last.version, changes: rows.length };
}

function noteChange(
  row: ChangeRow,
  keys: VaultKeys,
  placeNames: (id: string, version: number) => string | undefined,
  found: Record<NamedKind, Named[]>,
): void {
  const { id, fields } = row;
  const atMs = row.changed_at.getTime();
  const named = (kind: NamedKind, of: string, name: unknown, byHand: boolean, login?: unknown) => {
    if (typeof name !== 'string') return;
    const text = typeof login === 'string' ? login : undefined;
    found[kind].push({ id: of, name, login: text, atMs, byHand, loadedAtMs: atMs, source });
  };
  if (row.kind === 'user') {
    keys.users.keyOf(id, atMs, source);
    named('user', id, fields.name, false, fields.login);
  } else if (row.kind === 'product') {
    noteProduct(keys, id, fields.category, atMs);
    named('product', id, fields.name, true);
  } else {
    const restaurantKey = keys.restaurants.keyOf(id, atMs, source);
    const name = row.kind === 'place' ? fields.place_name && placeNames(id, row.version) : fields.name;
    named('restaurant', id, name, true);
    // A dish may stand on many menus; the last one names it.
    for (const dish of (fields.menu as MenuItem[] | undefined) ?? []) {
      const product = noteProduct(keys, dish._id, dish.category, atMs);
      keys.productRestaurants.note(product, { id, key: restaurantKey }, atMs, source);
      named('product', dish._id, dish.name, false);
    }
  }
}

function noteProduct(keys: VaultKeys, id: string, category: unknown, atMs: number): Hub {
  const product = { id, key: keys.products.keyOf(id, atMs, source) };
  if (typeof category === 'string') {
    const key = keys.categories.keyOf(category, atMs, source);
    keys.productCategories.note(product, { id: category, key }, atMs, source);
  }
  return product;
}

/** A name given for the past may have a later one after it: then that is what the place is called. */
async function namesOfPlaces(client: Client, rows: readonly ChangeRow[]) {
  const ids = rows.flatMap((row) => (row.kind === 'place' && row.fields.place_name ? [row.id] : []));
  const history =
    ids.length === 0 ? [] : (await client.query<ChangeRow>({ text: readPlaceNames, values: [ids] })).rows;
  const byPlace = Map.groupBy(history, (row) => row.id);
  return (id: string, version: number): string | undefined => {
    const changes = (byPlace.get(id) ?? []).filter((change) => change.version <= version);
    return timelineOf<string>(changes, 'place_name').at(-1)?.value;
  };
}
