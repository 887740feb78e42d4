import { binaryColumn, type Client } from '../base/db.ts';
import { zonedInstantMs } from '../base/time.ts';
import type { Incoming } from '../sales/sale.ts';

type Name = { name: string | undefined; atMs: number };

/** How many names a process remembers so as not to write them again. */
const remembered = 200_000;

const upsertPlaces = `
  insert into ops.place as p (place_id, place_name, named_at)
  select * from unnest($1::text[], $2::text[], $3::timestamptz[]) as i(place_id, name, at) order by 1
  on conflict (place_id) do update set place_name = excluded.place_name, named_at = excluded.named_at
    where excluded.place_name is not null and not p.named_by_hand
      and (p.named_at is null or p.place_name is null or p.named_at <= excluded.named_at)`;

const upsertProducts = `
  insert into ops.product as p (product_id, product_name, named_at)
  select * from unnest($1::text[], $2::text[], $3::timestamptz[]) as i(product_id, name, at) order by 1
  on conflict (product_id) do update set product_name = excluded.product_name, named_at = excluded.named_at
    where excluded.product_name is not null and not p.named_by_hand
      and (p.named_at is null or p.product_name is null or p.named_at <= excluded.named_at)`;

const upsertCustomers = `
  insert into ops.customer as c (customer_id, customer_name, named_at)
  select * from unnest($1::text[], $2::text[], $3::timestamptz[]) as i(id, name, at) order by 1
  on conflict (customer_id) do update set customer_name = excluded.customer_name, named_at = excluded.named_at
    where c.named_at is null or c.named_at <= excluded.named_at`;

/** Keeps the names of places, products and customers seen in sales: the newest sale's name wins. */
export function createNames() {
  const places = new Map<string, Name>();
  const products = new Map<string, Name>();
  const customers = new Map<string, Name>();

  function changed(known: Map<string, Name>, found: Map<string, Name>): [string, Name][] {
    return [...found].filter(([id, now]) => {
      const before = known.get(id);
      if (before === undefined) return true;
      return now.name !== undefined && now.name !== before.name && now.atMs >= before.atMs;
    });
  }

  async function writeKind(
    client: Client,
    name: string,
    text: string,
    list: [string, Name][],
  ): Promise<void> {
    if (list.length === 0) return;
    await client.query({
      name,
      text,
      values: [
        binaryColumn('text', list, ([id]) => id),
        binaryColumn('text', list, ([, entry]) => entry.name),
        binaryColumn('timestamptz', list, ([, entry]) => (entry.name === undefined ? null : entry.atMs)),
      ],
    });
  }

  return {
    /** Whether this batch has any to write. */
    areNew(batch: readonly Incoming[]): boolean {
      const found = collect(batch);
      const isNew = (known: Map<string, Name>, of: Map<string, Name>) => changed(known, of).length > 0;
      return (
        isNew(places, found.places) || isNew(products, found.products) || isNew(customers, found.customers)
      );
    },
    /** Writes what is new or newer in this batch. */
    async write(client: Client, batch: readonly Incoming[]): Promise<void> {
      const found = collect(batch);
      await writeKind(client, 'upsert-places', upsertPlaces, changed(places, found.places));
      await writeKind(client, 'upsert-products', upsertProducts, changed(products, found.products));
      await writeKind(client, 'upsert-customers', upsertCustomers, changed(customers, found.customers));
    },
    /** Called after COMMIT, so that a rolled back batch is written again. */
    remember(batch: readonly Incoming[]): void {
      const found = collect(batch);
      merge(places, found.places);
      merge(products, found.products);
      merge(customers, found.customers);
    },
  };
}

function merge(known: Map<string, Name>, found: Map<string, Name>): void {
  if (known.size > remembered) known.clear();
  for (const [id, now] of found) {
    const before = known.get(id);
    if (
      before === undefined ||
      before.name === undefined ||
      (now.name !== undefined && now.atMs >= before.atMs)
    )
      known.set(id, now);
  }
}

function keepNewest(found: Map<string, Name>, id: string, name: string | undefined, atMs: number): void {
  const before = found.get(id);
  if (before === undefined || (name !== undefined && (before.name === undefined || atMs >= before.atMs))) {
    found.set(id, { name, atMs });
  }
}

type Found = { places: Map<string, Name>; products: Map<string, Name>; customers: Map<string, Name> };
const collected = new WeakMap<readonly Incoming[], Found>();

/** Only products and customers that are named are kept: an id needs no row to be shown. */
function collect(batch: readonly Incoming[]): Found {
  const done = collected.get(batch);
  if (done !== undefined) return done;
  const places = new Map<string, Name>();
  const products = new Map<string, Name>();
  const customers = new Map<string, Name>();
  for (const { sale } of batch) {
    if (sale === undefined) continue;
    // Near enough for "newest": a time without zone is compared as if it were UTC.
    const atMs = zonedInstantMs(sale.time);
    keepNewest(places, sale.placeId, sale.placeName, atMs);
    if (sale.customerId !== undefined && sale.customerName !== undefined)
      keepNewest(customers, sale.customerId, sale.customerName, atMs);
    for (const line of sale.lines) {
      if (line.name !== undefined) keepNewest(products, line.productId, line.name, atMs);
    }
  }
  const found = { places, products, customers };
  collected.set(batch, found);
  return found;
}
