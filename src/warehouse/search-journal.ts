import type { Database } from '../base/db.ts';
import { CodedError, type Problem } from '../base/errors.ts';
import { readSealedBefore, sealedDay } from '../database/sealed-journal.ts';
import type { Resolved, Source, Verdict } from '../sales/sale.ts';

export type JournalFilter = {
  verdict?: string[];
  source?: string;
  placeId?: string;
  sourceId?: string;
  /** Instants, RFC 3339; `from` included, `to` not. */
  from?: string;
  to?: string;
  /** A problem's code. */
  problem?: string;
  /** Rows older than this position. */
  before?: string;
  limit: number;
};

export type JournalEntry = {
  position: string;
  received_at: string;
  source: Source;
  transaction_id: string | null;
  verdict: Verdict;
  place_id: string | null;
  problems: Problem[];
  seen_count: number;
  last_seen_at: string;
  replay_of: string | null;
};

const search = `
  select j.position, j.received_at, j.source, j.source_id, j.verdict, j.place_id, j.problems, j.replay_of,
    coalesce(r.seen_count, 1) as seen_count, coalesce(r.last_seen_at, j.received_at) as last_seen_at
  from stg.journal as j
  left join stg.repeat as r on r.position = j.position
  where ($1::text[] is null or j.verdict = any($1)) and ($2::text is null or j.source = $2)
    and ($3::text is null or j.place_id = $3) and ($4::text is null or j.source_id = $4)
    and ($5::timestamptz is null or j.received_at >= $5) and ($6::timestamptz is null or j.received_at < $6)
    and ($7::text is null or j.problems @> jsonb_build_array(jsonb_build_object('code', $7::text)))
    and ($8::bigint is null or j.position < $8)
  order by j.position desc
  limit $9`;

/** Newest first; one row more than asked for tells the caller that there is a next page. */
export async function searchJournal(pool: Database, filter: JournalFilter): Promise<JournalEntry[]> {
  const { rows } = await pool.query({
    text: search,
    values: [
      filter.verdict ?? null,
      filter.source ?? null,
      filter.placeId ?? null,
      filter.sourceId ?? null,
      filter.from ?? null,
      filter.to ?? null,
      filter.problem ?? null,
      filter.before ?? null,
      filter.limit,
    ],
  });
  return rows.map((row) => ({
    position: String(row.position),
    received_at: row.received_at.toISOString(),
    source: row.source,
    transaction_id: row.source_id,
    verdict: row.verdict,
    place_id: row.place_id,
    problems: row.problems ?? [],
    seen_count: row.seen_count,
    last_seen_at: row.last_seen_at.toISOString(),
    replay_of: row.replay_of === null ? null : String(row.replay_of),
  }));
}

/** A journal row with its body, for reading and for replay. */
export type StoredDocument = {
  position: string;
  verdict: Verdict;
  source: Source;
  placeId: string | null;
  receivedAtMs: number;
  contentType: string;
  resolved: Resolved;
  body: Buffer | null;
  sourceId: string | null;
  problems: Problem[];
  replayOf: string | null;
};

export async function readStored(pool: Database, positions: readonly string[]): Promise<StoredDocument[]> {
  const { rows } = await pool.query({
    name: 'read-stored',
    text: `select position, verdict, source, place_id, received_at, content_type, resolved, document,
        source_id, problems, replay_of
      from stg.journal where position = any($1::bigint[]) order by position`,
    values: [positions],
  });
  return rows.map((row) => ({
    position: String(row.position),
    verdict: row.verdict,
    source: row.source,
    placeId: row.place_id,
    receivedAtMs: row.received_at.getTime(),
    contentType: row.content_type ?? 'application/json',
    resolved: row.resolved,
    body: row.document,
    sourceId: row.source_id,
    problems: row.problems ?? [],
    replayOf: row.replay_of === null ? null : String(row.replay_of),
  }));
}

/** Error `not_found`; where the journal is sealed, the row may have been there once. */
export async function noSuchRow(pool: Database, position: string): Promise<CodedError> {
  const before = await readSealedBefore(pool);
  const gone =
    before === undefined
      ? ''
      : `; what was received before ${sealedDay(before)} is sealed, and what did not count then is gone`;
  return new CodedError('not_found', `the journal has no row ${position}${gone}`);
}
