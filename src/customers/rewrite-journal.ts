import { isJson } from '../base/bytes.ts';
import { binaryColumn, type Client, type Database, inTransaction, sqlState } from '../base/db.ts';
import { uuid5 } from '../base/uuid5.ts';
import type { JobContext, Jobs } from '../jobs/jobs.ts';
import { canonicalHash } from '../sales/canonical-hash.ts';
import { splitScopedId } from '../sales/id-scope.ts';
import type { StoredContribution } from '../sales/stored-contribution.ts';
import { customersLock } from './follow-customers.ts';
import { redactBody } from './redact-document.ts';

export type RewriteDeps = { pool: Database; epoch: number };
type Erased = { erasure_id: number; customer_id: string; random_id: string };
/** With the ids as documents write them, and the place whose documents those are; undefined: those of every place. */
type Person = Erased & { written: string; writtenRandom: string; placeId: string | undefined };
type Row = {
  position: number;
  version: string | null;
  place_id: string | null;
  source_id: string | null;
  document: Buffer | null;
  contributions: StoredContribution[] | null;
};

const rowsPerPage = 20_000;
/** Rows of one transaction; their sales are locked for so long. */
const rowsPerStep = 200;

const endOfPage = `
  select max(position) as last from (
    select position from stg.journal where position > $1 order by position limit ${rowsPerPage}) as page`;

// The id as a JSON string, in both spellings that tills use: as it is, and with \\u escapes.
const findRows = `
  select position, source_id from stg.journal
  where position > $1 and position <= $2
    and (($6::text is null or place_id = $6 or version is null)
        and (position($3::bytea in document) > 0 or position($4::bytea in document) > 0)
      or jsonb_path_exists(contributions, '$[*] ? (@.customer == $id)', jsonb_build_object('id', $5::text)))
  order by position`;

// By one column of one table, as the loader does. Whoever corrects one of these sales comes before us and is
// seen, or after us and takes out what we have written.
const lockSales = `
  select from stg.sale where source_id = any($1::text[]) order by source_id, source, place_scope for update`;

const readRows = `
  select position, source_id, version, place_id, document, contributions from stg.journal where source_id = any($1::text[])
  union
  select position, source_id, version, place_id, document, contributions from stg.journal where position = any($2::int8[])`;

const writeRows = `
  update stg.journal as j set document = i.document, contributions = i.contributions
  from unnest($1::int8[], $2::bytea[], $3::jsonb[]) as i(position, document, contributions)
  where j.position = i.position`;

// The document that a sale was computed from, so that it is known again when it is sent in another spelling.
const writeHashes = `
  update stg.sale as s set canonical_hash = i.hash
  from unnest($1::int8[], $2::bytea[]) as i(position, hash)
  join stg.journal as d on d.position = i.position
  join stg.journal as j on j.source_id = d.source_id and j.source = d.source
    and (j.position = i.position or j.verdict = 'reattributed' and j.replay_of = i.position)
  where s.source_id = d.source_id and s.source = d.source and s.journal_position = j.position
    and s.canonical_hash is null`;

const escaped = (text: string) =>
  JSON.stringify(text).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/**
 * Puts a random id in the place of a person's wherever the journal names them, in short transactions, and
 * takes away what stands beside it. Interrupted anywhere, it begins again and finds less to do.
 */
async function rewriteJournal(
  deps: RewriteDeps,
  erasureId: number,
  context?: Pick<JobContext, 'signal' | 'report'>,
): Promise<{ rows: number }> {
  const { rows: people } = await deps.pool.query<Erased>({
    text: 'select erasure_id, customer_id, random_id from ops.erased_customer where erasure_id = $1 and done_at is null',
    values: [erasureId],
  });
  if (people[0] === undefined) return { rows: 0 };
  const person = personOf(people[0]);
  let rewritten = 0;
  for (let after = 0; ; ) {
    context?.signal.throwIfAborted();
    const end = await deps.pool.query<{ last: number | null }>({ text: endOfPage, values: [after] });
    const last = end.rows[0]!.last;
    if (last === null) break;
    const found = await deps.pool.query<Pick<Row, 'position' | 'source_id'>>({
      text: findRows,
      values: [
        after,
        last,
        Buffer.from(JSON.stringify(person.written)),
        Buffer.from(escaped(person.written)),
        person.customer_id,
        person.placeId ?? null,
      ],
    });
    for (let from = 0; from < found.rows.length; from += rowsPerStep)
      rewritten += await rewriteRows(deps.pool, person, found.rows.slice(from, from + rowsPerStep));
    after = last;
    await context?.report({ position: last, rewritten });
  }
  await inTransaction(deps.pool, (client) => finish(client, deps.epoch, person));
  return { rows: rewritten };
}

async function rewriteRows(
  pool: Database,
  person: Person,
  found: readonly Pick<Row, 'position' | 'source_id'>[],
): Promise<number> {
  for (;;) {
    try {
      return await inTransaction(pool, (client) => rewriteOnce(client, person, found));
    } catch (error) {
      const state = sqlState(error);
      if (state !== '40P01' && state !== '40001') throw error;
    }
  }
}

async function rewriteOnce(
  client: Client,
  person: Person,
  found: readonly Pick<Row, 'position' | 'source_id'>[],
): Promise<number> {
  const saleIds = [...new Set(found.flatMap((row) => row.source_id ?? []))];
  await client.query({ text: lockSales, values: [saleIds] });
  const { rows } = await client.query<Row>({
    text: readRows,
    values: [saleIds, found.map((row) => row.position)],
  });
  const changed = rows.flatMap((row) => rewritten(row, person) ?? []);
  if (changed.length === 0) return 0;
  const bodies = changed.filter((row) => row.hash !== null);
  // The hashes first: they are only set where a body is still to be changed.
  await client.query({
    text: writeHashes,
    values: [
      binaryColumn('int8', bodies, (row) => row.position),
      binaryColumn('bytea', bodies, (row) => row.hash),
    ],
  });
  await client.query({
    text: writeRows,
    values: [
      binaryColumn('int8', changed, (row) => row.position),
      binaryColumn('bytea', changed, (row) => row.document),
      binaryColumn('jsonb', changed, (row) => row.contributions && JSON.stringify(row.contributions)),
    ],
  });
  return changed.length;
}

/** A random id that names a place tells that customers are told apart by it; without a place it has no colon. */
function personOf(erased: Erased): Person {
  const random = splitScopedId(erased.random_id);
  if (random === undefined)
    return { ...erased, written: erased.customer_id, writtenRandom: erased.random_id, placeId: undefined };
  const written = splitScopedId(erased.customer_id)!.id;
  return { ...erased, written, writtenRandom: random.id, placeId: random.placeId };
}

/** What is no sale may have been filed under another place than it names. */
function isOfPlace(row: Row, { placeId }: Person): boolean {
  if (placeId === undefined || row.place_id === placeId) return true;
  return row.version === null && row.document?.includes(JSON.stringify(placeId)) === true;
}

/** The row as it is to be; undefined where it does not name the person. */
function rewritten(row: Row, person: Person): (Row & { hash: Buffer | null }) | undefined {
  const isHere = isOfPlace(row, person);
  const isPerson = (id: string) => isHere && id === person.written;
  const names = row.contributions?.some((one) => one.customer === person.customer_id) ?? false;
  const contributions =
    row.contributions?.map((one) =>
      one.customer === person.customer_id ? { ...one, customer: person.random_id } : one,
    ) ?? null;
  const body = row.document === null ? undefined : redactBody(row.document, isPerson, person.writtenRandom);
  if (body !== undefined)
    return { ...row, contributions, document: body, hash: canonicalHash(row.document!) };
  if (
    row.document !== null &&
    isHere &&
    !isJson(row.document) &&
    row.document.includes(JSON.stringify(person.written))
  )
    return { ...row, contributions, document: null, hash: null };
  return names ? { ...row, contributions, hash: null } : undefined;
}

/** No row names the person any more: what was counted stands under the random id alone. */
async function finish(client: Client, epoch: number, person: Person): Promise<void> {
  await client.query(`select pg_advisory_xact_lock(${customersLock})`);
  const renamed = await client.query<{ user_no: number }>({
    text: `
      update cdm.customer as c set customer_id = a.customer_id, user_id = $2
      from cdm.customer_alias as a where a.user_no = c.user_no and a.customer_id = $1
      returning c.user_no`,
    values: [person.random_id, uuid5(person.random_id)],
  });
  if (renamed.rows.length === 0) return;
  await client.query({
    text: 'delete from cdm.customer_alias where customer_id = $1',
    values: [person.random_id],
  });
  await client.query({
    text: `
      insert into stg.journal (epoch, received_at, source, verdict, resolved)
      values ($1, date_trunc('milliseconds', now()), 'erasure', 'erased', jsonb_build_object(
        'erased_user_id', $2::text, 'user_id', $3::text, 'customer_id', $4::text))`,
    values: [epoch, uuid5(person.customer_id), uuid5(person.random_id), person.random_id],
  });
  await client.query({
    text: 'update ops.erased_customer set customer_id = null, random_id = null, done_at = now() where erasure_id = $1',
    values: [person.erasure_id],
  });
}

export async function workErasures(deps: RewriteDeps, jobs: Jobs): Promise<void> {
  await jobs.work('erase-customer', async (data, context) => {
    const { erasure_id: erasureId } = data as { erasure_id: number };
    return await rewriteJournal(deps, erasureId, context);
  });
}
