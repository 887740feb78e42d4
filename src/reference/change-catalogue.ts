import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.ts';
import { binaryColumn, type Client, type Database, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { localTimeAt } from '../base/time.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { ProductIdScope } from '../sales/id-scope.ts';
import type { MenuItem } from './catalogue-history.ts';
import type { Reference } from './reference.ts';
import { scopeMenu, scopeProblem } from './scope-entries.ts';
import { isWritten, sinceRule, writtenSince } from './since.ts';

export type CatalogueKind = 'product' | 'user' | 'restaurant';
/** `fields` are those to be set; a field that is not named keeps its value. */
export type CatalogueEntry = { id: string; fields: Record<string, unknown>; since?: string };

export type CatalogueDeps = {
  pool: Database;
  reference: Reference;
  jobs: Pick<Jobs, 'enqueue'>;
  clock: Clock;
  defaultTimeZone: string;
  productIdScope: ProductIdScope;
  /** People who were erased: nothing is kept about them. */
  erased: { refresh(): Promise<void>; isErased(customerId: string): boolean };
};

export type ChangedCatalogue = {
  changed: number;
  /** Entries that say what is known already: they leave no trace. */
  unchanged: number;
  reference_version: number;
  /** The re-attribution of loaded sales; null where no category can have changed. */
  job_id: string | null;
};

/** What decides where a sale counts. */
const attributionField = { product: 'category', restaurant: 'menu', user: undefined } as const;

const readCurrent = 'select id, fields from ops.reference where kind = $1 and id = any($2::text[])';

const insertChanges = `
  insert into ops.reference_change (version, kind, id, since, fields, token_id)
  select $1, $2, id, since::timestamp, fields, $3
  from unnest($4::text[], $5::text[], $6::jsonb[]) as i(id, since, fields)`;

const upsertCurrent = `
  insert into ops.reference as r (kind, id, fields)
  select $1, id, fields from unnest($2::text[], $3::jsonb[]) as i(id, fields) order by id
  on conflict (kind, id) do update set fields = excluded.fields, changed_at = now()`;

const nameProducts = `
  insert into ops.product as p (product_id, product_name, named_at, named_by_hand)
  select id, name, now(), $3 from unnest($1::text[], $2::text[]) as i(id, name) order by id
  on conflict (product_id) do update set product_name = excluded.product_name, named_at = now(),
    named_by_hand = excluded.named_by_hand
  where excluded.named_by_hand or not p.named_by_hand`;

const namePlaces = `
  insert into ops.place as p (place_id, place_name, named_at, named_by_hand)
  select id, name, now(), true from unnest($1::text[], $2::text[]) as i(id, name) order by id
  on conflict (place_id) do update set place_name = excluded.place_name, named_at = now(), named_by_hand = true`;

const nameCustomers = `
  insert into ops.customer as c (customer_id, customer_name, named_at)
  select id, name, now() from unnest($1::text[], $2::text[]) as i(id, name) order by id
  on conflict (customer_id) do update set customer_name = excluded.customer_name, named_at = excluded.named_at`;

type Changed = { id: string; since: string | null; given: Record<string, unknown>; whole: object };

/**
 * Writes entries of one kind into the reference history, all under one version, in one transaction with the
 * job that re-attributes loaded sales. Each id may stand in the list once. Error: `invalid_parameters` with
 * every entry that is wrong; `pointerOf` names an entry there.
 */
export async function changeCatalogue(
  deps: CatalogueDeps,
  kind: CatalogueKind,
  given: readonly CatalogueEntry[],
  options: { tokenId?: string; pointerOf: (index: number) => string },
): Promise<ChangedCatalogue> {
  refuseWrong(given, options.pointerOf);
  const entries = deps.productIdScope === 'place' ? scoped(kind, given, options.pointerOf) : given;
  const now = localTimeAt(deps.clock.nowMs(), deps.defaultTimeZone).slice(0, 19);
  const result = await inTransaction(deps.pool, async (client) => {
    // 1. Waits for the loads that use the version there is; none starts before our COMMIT.
    await client.query('select pg_advisory_xact_lock(7101)');
    if (kind === 'user') await refuseErased(deps, entries, options.pointerOf);
    const changed = await findChanged(client, kind, entries, now);
    const counts = { changed: changed.length, unchanged: entries.length - changed.length };
    if (changed.length === 0)
      return { ...counts, reference_version: await readVersion(client), job_id: null };
    // 2. The history, under a version of its own, and what holds now.
    const version = await writeChanges(client, kind, changed, options.tokenId);
    await writeNames(client, kind, changed);
    // 3. The sales that are loaded already: the job exists exactly if the change does.
    const field = attributionField[kind];
    const moves = field !== undefined && changed.some(({ given }) => given[field] !== undefined);
    const jobId = moves ? await deps.jobs.enqueue(client, 'reattribute', { kind, version }) : null;
    return { ...counts, reference_version: version, job_id: jobId };
  });
  await deps.reference.refresh();
  return result;
}

async function readVersion(client: Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>('select version from ops.reference_state');
  return rows[0]!.version;
}

async function findChanged(
  client: Client,
  kind: CatalogueKind,
  entries: readonly CatalogueEntry[],
  now: string,
): Promise<Changed[]> {
  const { rows } = await client.query<{ id: string; fields: Record<string, unknown> }>({
    text: readCurrent,
    values: [kind, binaryColumn('text', entries, (entry) => entry.id)],
  });
  const known = new Map(rows.map((row) => [row.id, row.fields]));
  return entries.flatMap(({ id, fields, since }) => {
    const before = known.get(id);
    const whole = { ...before, ...fields };
    const isNow = since === undefined || since === 'now';
    // A time of its own may change the past although the present stays.
    if (isNow && before !== undefined && isDeepStrictEqual(whole, before)) return [];
    const from = since === 'beginning' ? null : isWritten(since) ? writtenSince(since)! : now;
    return [{ id, since: from, given: fields, whole }];
  });
}

async function writeChanges(
  client: Client,
  kind: CatalogueKind,
  changed: readonly Changed[],
  tokenId: string | undefined,
): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    'update ops.reference_state set version = version + 1 returning version',
  );
  const { version } = rows[0]!;
  const ids = binaryColumn('text', changed, (entry) => entry.id);
  await client.query({
    text: insertChanges,
    values: [
      version,
      kind,
      tokenId ?? null,
      ids,
      binaryColumn('text', changed, (entry) => entry.since),
      binaryColumn('jsonb', changed, (entry) => JSON.stringify(entry.given)),
    ],
  });
  const wholes = binaryColumn('jsonb', changed, (entry) => JSON.stringify(entry.whole));
  await client.query({ text: upsertCurrent, values: [kind, ids, wholes] });
  return version;
}

/** What is shown beside the ids in every answer. */
async function writeNames(client: Client, kind: CatalogueKind, changed: readonly Changed[]): Promise<void> {
  const named = changed.flatMap(({ id, given }) =>
    typeof given.name === 'string' ? [{ id, name: given.name }] : [],
  );
  if (kind === 'product') await nameThings(client, nameProducts, named, [true]);
  if (kind === 'user') await nameThings(client, nameCustomers, named, []);
  if (kind !== 'restaurant') return;
  await nameThings(client, namePlaces, named, []);
  // A dish may stand on many menus; the last one names it.
  const dishes = new Map(
    changed
      .flatMap(({ given }) => (given.menu as MenuItem[] | undefined) ?? [])
      .flatMap(({ _id, name }) => (name === undefined ? [] : [[_id, name] as const])),
  );
  await nameThings(
    client,
    nameProducts,
    [...dishes].map(([id, name]) => ({ id, name })),
    [false],
  );
}

async function nameThings(
  client: Client,
  text: string,
  list: readonly { id: string; name: string }[],
  more: readonly boolean[],
): Promise<void> {
  if (list.length === 0) return;
  const ids = binaryColumn('text', list, (thing) => thing.id);
  const names = binaryColumn('text', list, (thing) => thing.name);
  await client.query({ text, values: [ids, names, ...more] });
}

/** Under the lock that an erasure takes too. */
async function refuseErased(
  { erased }: CatalogueDeps,
  entries: readonly CatalogueEntry[],
  pointerOf: (index: number) => string,
): Promise<void> {
  await erased.refresh();
  const message = 'this person was erased, and nothing is kept about them';
  const errors = entries.flatMap(({ id }, index) =>
    erased.isErased(id) ? [{ pointer: pointerOf(index), code: 'erased_person', message }] : [],
  );
  if (errors.length > 0) throw new CodedError('invalid_parameters', message, { errors });
}

function scoped(
  kind: CatalogueKind,
  entries: readonly CatalogueEntry[],
  pointerOf: (index: number) => string,
): CatalogueEntry[] {
  const errors = entries.flatMap((entry, index) => {
    const message = scopeProblem(kind, entry);
    return message === undefined ? [] : [{ pointer: pointerOf(index), code: 'other_scope', message }];
  });
  if (errors.length > 0) throw new CodedError('invalid_parameters', errors[0]!.message, { errors });
  return entries.map(scopeMenu);
}

function refuseWrong(entries: readonly CatalogueEntry[], pointerOf: (index: number) => string): void {
  const seen = new Set<string>();
  const errors = entries.flatMap(({ id, since }, index) => {
    const isTwice = seen.has(id);
    seen.add(id);
    if (isTwice)
      return [{ pointer: pointerOf(index), code: 'duplicate_id', message: `${id} stands here twice` }];
    if (!isWritten(since) || writtenSince(since) !== undefined) return [];
    const pointer = `${pointerOf(index)}/since`;
    return [{ pointer, code: 'invalid_timestamp', message: `since ${sinceRule}` }];
  });
  if (errors.length > 0)
    throw new CodedError('invalid_parameters', errors.map((error) => error.message).join('; '), { errors });
}
