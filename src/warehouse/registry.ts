import { binaryColumn, type Client, type Queryable, sparseColumn } from '../base/db.ts';
import { epochDay } from '../base/time.ts';
import type { ReferenceSnapshot } from '../reference/reference.ts';
import type { Contribution } from '../sales/contribution.ts';
import type { Incoming, Sale } from '../sales/sale.ts';
import { putIn, type StoredContribution } from '../sales/stored-contribution.ts';
import { type JournalRow, originColumns, resolvedColumns } from './journal.ts';

/** A sale ready to be loaded. */
export type Prepared = {
  /** Among the documents of the batch. */
  index: number;
  arrival: Incoming & { sale: Sale };
  /** See `saleKey`. */
  key: string;
  contentHash: Buffer;
  /** Of the document as it came, where a person was taken out of it; else null. */
  canonicalHash: Buffer | null;
  placeScope: string;
  /**
   * What it puts in under this version of the reference history, as the journal has it; undefined where it counts
   * nothing. Only the text, since thousands of documents are in memory at once (see `contributionOf`).
   */
  contributions: string | undefined;
  snapshot: ReferenceSnapshot;
  businessDate: string;
};

/** The registry's row of a sale, locked by the transaction that read it. */
export type Current = {
  version: string;
  contentHash: Buffer;
  canonicalHash: Buffer | null;
  journalPosition: number;
  journalAtMs: number;
  saleSeq: number;
  status: string;
  placeId: string;
  businessDate: string;
};

export function saleKey(sourceId: string, source: string, placeScope: string): string {
  return `${sourceId}\u0000${source}\u0000${placeScope}`;
}

/** A document as it is journaled where nobody registered its sale before. */
export type FreshRow = {
  prepared: Prepared;
  row: JournalRow;
  /** The number of its sale in the batch. */
  sale: number;
  /** False for all of a sale but the one that the registry then points at. */
  isPassing: false | null;
};

const ofUnknown = 'join unknown as u on u.sale = i.sale';

const insertFresh = (areNew: boolean) => `
  with held as materialized (select ops.hold_reference_version() = $28 as is_current),
  input as materialized (
    select i.*, nextval('stg.journal_position') as position
    from (
      select unnest($1::int4[]) as index, unnest($2::text[]) as source, unnest($3::text[]) as place_scope,
        unnest($4::text[]) as source_id, unnest($5::text[]) as version, unnest($6::bytea[]) as content_hash,
        unnest($7::text[]) as status, unnest($8::text[]) as place_id, unnest($9::date[]) as business_date,
        unnest($10::timestamptz[]) as received_at, unnest($11::jsonb[]) as problems, unnest($12::int4[]) as resolved_number,
        unnest($14::jsonb[]) as contributions, unnest($15::bytea[]) as document, unnest($16::text[]) as content_type,
        unnest($17::text[]) as token_id, unnest($18::int8[]) as replay_of, unnest($19::bytea[]) as canonical_hash,
        unnest($20::text[]) as topic, unnest($21::int4[]) as partition, unnest($22::int8[]) as "offset",
        unnest($23::int4[]) as sale, unnest($24::int4[]) as sale_seq, unnest($25::text[]) as verdict,
        unnest($26::bool[]) as is_passing
    ) as i
    where (select is_current from held)
  ),
  fresh as (
    insert into stg.sale (source, place_scope, source_id, version, content_hash, canonical_hash, journal_position,
      journal_at, sale_seq, status, place_id, business_date, reference_version)
    select source, place_scope, source_id, version, content_hash, canonical_hash, position, received_at, sale_seq, status,
      place_id, business_date, $28
    from input
    where is_passing is null
    order by source_id, source, place_scope
    ${areNew ? '' : 'on conflict do nothing returning journal_position'}
  ),
  ${areNew ? '' : 'unknown as materialized (select i.sale from input as i join fresh as f on f.journal_position = i.position),'}
  written as (
    insert into stg.journal (position, epoch, received_at, source, source_id, version, sale_seq, verdict, place_id,
      problems, resolved, contributions, reference_version, document, content_type, token_id, replay_of, topic, partition, "offset")
    select i.position, $27, i.received_at, i.source, i.source_id, i.version, nullif(i.sale_seq, 0), coalesce(i.verdict, 'accepted'),
      i.place_id, i.problems, ($13::jsonb[])[i.resolved_number], i.contributions, case when i.sale_seq > 0 then $28::bigint end,
      i.document, i.content_type, i.token_id, i.replay_of, i.topic, i.partition, i."offset"
    from input as i ${areNew ? '' : ofUnknown}
  )
  select (select is_current from held) as is_current,
    string_agg(i.index::text, ',') as indexes, string_agg(i.position::text, ',') as positions
  from input as i ${areNew ? '' : ofUnknown}`;
const registrations = { new: insertFresh(true), unknown: insertFresh(false) };

/**
 * Registers the sales that nobody registered before and journals their documents, in one statement. Answers the
 * journal position by the document's index; a sale whose documents are missing in the answer is known already. Where all
 * are taken to be new, one that is known fails the statement (23505): to look for each costs a tenth of registering it.
 */
export async function registerFresh(
  client: Queryable,
  epoch: number,
  referenceVersion: number,
  list: readonly FreshRow[],
  taken: keyof typeof registrations,
): Promise<Map<number, string> | undefined> {
  const arrivals = list.map(({ prepared }) => prepared.arrival);
  const [resolved, resolvedNumbers] = resolvedColumns(arrivals);
  const { rows } = await client.query<{
    is_current: boolean;
    indexes: string | null;
    positions: string | null;
  }>({
    name: `register-${taken}`,
    text: registrations[taken],
    values: [
      binaryColumn('int4', list, ({ prepared }) => prepared.index),
      binaryColumn('text', arrivals, (arrival) => arrival.source),
      binaryColumn('text', list, ({ prepared }) => prepared.placeScope),
      binaryColumn('text', arrivals, (arrival) => arrival.sale.sourceId),
      binaryColumn('text', arrivals, (arrival) => arrival.sale.version),
      binaryColumn('bytea', list, ({ prepared }) => prepared.contentHash),
      binaryColumn('text', arrivals, (arrival) => arrival.sale.status),
      binaryColumn('text', arrivals, (arrival) => arrival.sale.placeId),
      binaryColumn('date', list, ({ prepared }) => epochDay(prepared.businessDate)),
      binaryColumn('timestamptz', arrivals, (arrival) => arrival.receivedAtMs),
      sparseColumn('jsonb', list, ({ row }) => row.problems),
      resolvedNumbers,
      resolved,
      sparseColumn('jsonb', list, ({ row }) => row.contributions),
      binaryColumn('bytea', list, ({ row }) => (row.keepBody ? row.arrival.body : null)),
      binaryColumn('text', arrivals, (arrival) => arrival.contentType),
      binaryColumn('text', arrivals, (arrival) => arrival.tokenId),
      sparseColumn('int8', arrivals, (arrival) =>
        arrival.replayOf === undefined ? null : Number(arrival.replayOf),
      ),
      sparseColumn('bytea', list, ({ prepared }) => prepared.canonicalHash),
      ...originColumns(arrivals),
      binaryColumn('int4', list, ({ sale }) => sale),
      binaryColumn('int4', list, ({ row }) => row.saleSeq ?? 0),
      sparseColumn('text', list, ({ row }) => (row.verdict === 'accepted' ? null : row.verdict)),
      sparseColumn('bool', list, ({ isPassing }) => isPassing),
      epoch,
      referenceVersion,
    ],
  });
  if (!rows[0]!.is_current) return undefined;
  // Two texts, since a row of its own for each costs both sides more than the numbers in it.
  const positions = rows[0]!.positions?.split(',') ?? [];
  const indexes = rows[0]!.indexes?.split(',') ?? [];
  return new Map(indexes.map((index, at) => [Number(index), positions[at]!]));
}

/** The remarks on an accepted sale, in the shape of problems. */
export function flagsText(arrival: Incoming & { sale: Sale }): string | null {
  if (arrival.sale.flags.length === 0) return null;
  return JSON.stringify(arrival.sale.flags.map((flag) => ({ pointer: '', ...flag })));
}

// By one column of one table: a locked row that another transaction has just changed is checked again, and a
// join could lose it there. Rows of another source or place under the same id are passed over below.
const lockKnown = `
  select s.source_id, s.source, s.place_scope, s.version, s.content_hash, s.canonical_hash, s.journal_position, s.journal_at,
    s.sale_seq, s.status, s.place_id, s.business_date
  from stg.sale as s
  where s.source_id = any($1::text[])
  order by s.source_id, s.source, s.place_scope
  for update of s`;

export function currentOf(row: Record<string, unknown>): Current {
  return {
    version: row.version as string,
    contentHash: row.content_hash as Buffer,
    canonicalHash: row.canonical_hash as Buffer | null,
    journalPosition: row.journal_position as number,
    journalAtMs: (row.journal_at as Date).getTime(),
    saleSeq: row.sale_seq as number,
    status: row.status as string,
    placeId: row.place_id as string,
    businessDate: row.business_date as string,
  };
}

/** Locks the registry's rows of sales in key order, by `saleKey`. */
export async function lockRegistered(
  client: Client,
  sales: readonly Prepared[],
): Promise<Map<string, Current>> {
  const { rows } = await client.query({
    name: 'lock-registered',
    text: lockKnown,
    values: [binaryColumn('text', sales, (prepared) => prepared.arrival.sale.sourceId)],
  });
  const asked = new Set(sales.map(({ key }) => key));
  const found = new Map<string, Current>();
  for (const row of rows) {
    const key = saleKey(row.source_id, row.source, row.place_scope);
    if (asked.has(key)) found.set(key, currentOf(row));
  }
  return found;
}

const readApplied = `
  select p.position, j.contributions, case when p.with_document then coalesce(j.document, first.document) end as document
  from unnest($1::int8[], $2::timestamptz[], $3::bool[]) as p(position, at, with_document)
  join stg.journal as j on j.position = p.position and j.received_at = p.at
  -- A re-attributed row keeps no body; it names the row that does.
  left join stg.journal as first on p.with_document and j.document is null and first.position = j.replay_of`;

/**
 * What the registry's current journal rows put in and, where it is asked for, the body they were computed from:
 * only a document of the same version is compared with it.
 */
export async function readAppliedRows(
  client: Client,
  list: readonly Current[],
  needsDocument: (current: Current) => boolean,
): Promise<Map<number, { contribution: Contribution | null; document: Buffer | null }>> {
  const { rows } = await client.query<{
    position: number;
    contributions: StoredContribution[] | null;
    document: Buffer | null;
  }>({
    name: 'read-applied',
    text: readApplied,
    values: [
      binaryColumn('int8', list, (current) => current.journalPosition),
      binaryColumn('timestamptz', list, (current) => current.journalAtMs),
      binaryColumn('bool', list, needsDocument),
    ],
  });
  return new Map(
    rows.map((row) => [row.position, { contribution: putIn(row.contributions), document: row.document }]),
  );
}

const updateKnown = `
  update stg.sale as s set version = i.version, content_hash = i.content_hash, canonical_hash = i.canonical_hash,
    journal_position = i.position, journal_at = i.at, sale_seq = i.sale_seq, status = i.status, place_id = i.place_id,
    business_date = i.business_date, reference_version = $11
  from (
    select unnest($1::text[]) as source_id, unnest($2::text[]) as source, unnest($3::text[]) as place_scope,
      unnest($4::text[]) as version, unnest($5::bytea[]) as content_hash, unnest($6::int8[]) as position,
      unnest($7::timestamptz[]) as at, unnest($8::int4[]) as sale_seq, unnest($9::text[]) as status,
      unnest($10::text[]) as place_id, unnest($12::date[]) as business_date, unnest($13::bytea[]) as canonical_hash
  ) as i
  where s.source_id = i.source_id and s.source = i.source and s.place_scope = i.place_scope`;

export type Update = { prepared: Prepared; position: number; saleSeq: number };

/** Points the registry at the newest version of each sale; the rows are locked already. */
export async function updateRegistered(
  client: Client,
  referenceVersion: number,
  updates: readonly Update[],
): Promise<void> {
  if (updates.length === 0) return;
  const sales = updates.map((update) => update.prepared.arrival.sale);
  await client.query({
    name: 'update-registered',
    text: updateKnown,
    values: [
      binaryColumn('text', sales, (sale) => sale.sourceId),
      binaryColumn('text', sales, (sale) => sale.source),
      binaryColumn('text', updates, (update) => update.prepared.placeScope),
      binaryColumn('text', sales, (sale) => sale.version),
      binaryColumn('bytea', updates, (update) => update.prepared.contentHash),
      binaryColumn('int8', updates, (update) => update.position),
      binaryColumn('timestamptz', updates, (update) => update.prepared.arrival.receivedAtMs),
      binaryColumn('int4', updates, (update) => update.saleSeq),
      binaryColumn('text', sales, (sale) => sale.status),
      binaryColumn('text', sales, (sale) => sale.placeId),
      referenceVersion,
      binaryColumn('date', updates, (update) => epochDay(update.prepared.businessDate)),
      binaryColumn('bytea', updates, (update) => update.prepared.canonicalHash),
    ],
  });
}
