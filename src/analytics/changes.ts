import { type Client, type Database, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { addDays, resolveTime } from '../base/time.ts';
import { sealedDay } from '../database/sealed-journal.ts';
import type { Reference } from '../reference/reference.ts';
import { changesStatement } from './changes-statement.ts';
import { findSnapshot } from './snapshot.ts';

export type ChangesQuery = {
  date: string;
  places?: readonly string[];
  sources?: readonly string[];
  since?: Date;
  /** Only changes after this one. */
  after?: ChangePlace;
  limit: number;
};

/** Where a change stands in the order of the answer. */
export type ChangePlace = { position: string; placeId: string; currency: string };

/** What one sale counted for on the day; sums in minor units. */
export type Counted = { sales: number; refunds: number; receipts: number; refund_receipts: number };

export type Change = {
  position: string;
  /** RFC 3339. */
  received_at: string;
  source: string;
  source_id: string | null;
  place_id: string;
  currency: string;
  verdict: string;
  before: Counted | null;
  after: Counted | null;
  /** The place and day that the other half of the change is of. */
  elsewhere_place: string | null;
  elsewhere_date: string | null;
};

/** `reported` and `now` are net, in minor units. */
export type ChangeTotal = {
  place_id: string;
  currency: string;
  source: string;
  reported: number;
  now: number;
};

export type Changes = { since: Date | null; totals: ChangeTotal[]; changes: Change[]; more: boolean };

export type ChangesDeps = { reference: Reference; config: { defaultTimeZone: string } };

/**
 * Every journal row that moved the figures of a day and was not in them when they were reported, in the order in
 * which they were received. Error `not_answerable` where `since` lies before the oldest snapshot, or before changes that
 * are sealed.
 */
export async function readChanges(pool: Database, deps: ChangesDeps, query: ChangesQuery): Promise<Changes> {
  return await inTransaction(
    pool,
    async (client) => {
      // Taken before the snapshot, so that a seal of the journal cannot fall between the queries.
      await client.query('lock table cdm.generation in access share mode');
      const since =
        query.since === undefined
          ? await firstReport(client, deps, query)
          : await findSnapshot(client, query.since);
      if (since !== null) await refuseSealed(client, since);
      if (since === null) return { since, totals: [], changes: [], more: false };
      const { after } = query;
      const { rows } = await client.query({
        text: changesStatement,
        values: [
          ...[query.date, query.places ?? null, since, query.sources ?? null],
          ...[after?.position ?? null, after?.placeId ?? '', after?.currency ?? '', query.limit + 1],
        ],
      });
      const { totals, changes } = rows[0] as { totals: ChangeTotal[]; changes: Change[] };
      return { since, totals, changes: changes.slice(0, query.limit), more: changes.length > query.limit };
    },
    'begin isolation level repeatable read read only',
  );
}

// A snapshot that saw every sealed row has nothing to miss; of others the changes in between are gone.
const findSealed = `
  select max(s.before) as before,
    (select min(taken_at) from cdm.snapshot as later where finished_at is not null
      and (later.epoch, pg_snapshot_xmin(later.seen)) > (select epoch, xid from ops.seal order by before desc limit 1)) as from
  from ops.seal as s cross join cdm.snapshot as asked
  where asked.taken_at = $1 and (asked.epoch, pg_snapshot_xmin(asked.seen)) <= (s.epoch, s.xid)`;

async function refuseSealed(client: Client, since: Date): Promise<void> {
  const { rows } = await client.query<{ before: Date | null; from: Date | null }>({
    text: findSealed,
    values: [since],
  });
  const { before, from } = rows[0]!;
  if (before === null) return;
  throw new CodedError(
    'not_answerable',
    `what was received before ${sealedDay(before)} is sealed, so what changed since ${since.toISOString()} cannot be told sale by sale; ask with since from ${from?.toISOString() ?? 'the next snapshot'} on`,
    { members: { can_be_asked: [`since from ${from?.toISOString() ?? 'the next snapshot'} on`] } },
  );
}

const findPlaces = `
  select place_id, min(taken_at) as taken_at from cdm.analytics_snapshot
  where business_date = $1 and ($2::text[] is null or place_id = any($2)) group by 1`;

// A day that is still running was last reported by the newest.
const findReport = `
  select coalesce(
    (select min(taken_at) from cdm.snapshot where finished_at is not null and taken_at >= $1),
    (select max(taken_at) from cdm.snapshot where finished_at is not null)) as taken_at`;

/** The first snapshot that has the day whole: taken after its end, wherever it ended last. Null before any. */
async function firstReport(client: Client, deps: ChangesDeps, query: ChangesQuery): Promise<Date | null> {
  const { rows } = await client.query<{ place_id: string; taken_at: Date }>({
    text: findPlaces,
    values: [query.date, query.places ?? null],
  });
  const moments = rows.flatMap(({ place_id: placeId, taken_at: takenAt }) => [
    takenAt.getTime(),
    endOfDay(deps, placeId, query.date),
  ]);
  const from = moments.length === 0 ? Number.POSITIVE_INFINITY : moments.reduce((a, b) => Math.max(a, b));
  const found = await client.query<{ taken_at: Date | null }>({
    text: findReport,
    values: [Number.isFinite(from) ? new Date(from) : 'infinity'],
  });
  return found.rows[0]!.taken_at;
}

function endOfDay(deps: ChangesDeps, placeId: string, date: string): number {
  const next = addDays(date, 1);
  const { defaultTimeZone } = deps.config;
  const settings = deps.reference
    .current()
    .placeSettings(placeId, { local: `${next}T00:00:00` }, defaultTimeZone);
  return resolveTime({ local: `${next}T${settings.businessDayStart}:00` }, settings.timeZone, '00:00')
    .epochMs;
}
