import type { Clock } from '../base/clock.ts';
import { type Client, type Database, inTransaction } from '../base/db.ts';
import { CodedError, type Problem } from '../base/errors.ts';
import { isCurrency } from '../base/money.ts';
import { isTimeZone, localTimeAt } from '../base/time.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Reference } from './reference.ts';
import { isWritten, sinceRule, writtenSince } from './since.ts';

export type PlaceChange = {
  place_name?: string;
  time_zone?: string;
  currency?: string;
  business_day_start?: string;
  groups?: string[];
  /** From which local date-time it holds: a date, a date-time, `now` (default) or `beginning`. */
  since?: string;
};

export type PlaceChangeDeps = {
  pool: Database;
  reference: Reference;
  jobs: Pick<Jobs, 'enqueue'>;
  clock: Clock;
  defaultTimeZone: string;
};

export type ChangedPlace = { reference_version: number; job_id: string | null };

/** What decides where a sale counts; a name or a group does not. */
const attributionFields = ['time_zone', 'business_day_start', 'currency'] as const;

const showPlace = `
  insert into ops.place as p (place_id, place_name, named_at, named_by_hand, groups)
  values ($1, $2, case when $2::text is null then null else now() end, $2::text is not null, coalesce($3::text[], '{}'))
  on conflict (place_id) do update set place_name = coalesce($2, p.place_name),
    named_by_hand = p.named_by_hand or $2::text is not null,
    named_at = case when $2::text is null then p.named_at else now() end, groups = coalesce($3::text[], p.groups)`;

const insertChange = `
  insert into ops.reference_change (version, kind, id, since, fields, token_id)
  values ($1, 'place', $2, $3, $4, $5)`;

/**
 * Writes a change of a place into the reference history. The re-attribution of the sales it touches is
 * queued in the same transaction. Error: `invalid_parameters` with every field that is wrong.
 */
export async function changePlace(
  deps: PlaceChangeDeps,
  placeId: string,
  change: PlaceChange,
  tokenId?: string,
): Promise<ChangedPlace> {
  refuseWrongFields(change);
  const since = await sinceOf(deps, placeId, change.since);
  const fields = Object.fromEntries(
    attributionFields.flatMap((name) => (change[name] === undefined ? [] : [[name, change[name]]])),
  );
  const result = await inTransaction(deps.pool, async (client) => {
    // 1. Waits for the loads that use the version there is; none starts before our COMMIT.
    await client.query('select pg_advisory_xact_lock(7101)');
    // 2. What is shown.
    await client.query({
      text: showPlace,
      values: [placeId, change.place_name ?? null, change.groups ?? null],
    });
    // 3. The history, under a version of its own.
    if (Object.keys(fields).length === 0)
      return { reference_version: await readVersion(client), job_id: null };
    const raised = await client.query<{ version: number }>(
      'update ops.reference_state set version = version + 1 returning version',
    );
    const { version } = raised.rows[0]!;
    await client.query({
      text: insertChange,
      values: [version, placeId, since, JSON.stringify(fields), tokenId ?? null],
    });
    // 4. The sales that are loaded already: the job exists exactly if the change does.
    const loaded = await client.query({
      text: 'select exists (select from stg.sale where place_id = $1) as found',
      values: [placeId],
    });
    const jobId = loaded.rows[0].found
      ? await deps.jobs.enqueue(client, 'reattribute', { kind: 'place', id: placeId, version })
      : null;
    return { reference_version: version, job_id: jobId };
  });
  await deps.reference.refresh();
  return result;
}

async function readVersion(client: Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>('select version from ops.reference_state');
  return rows[0]!.version;
}

function refuseWrongFields(change: PlaceChange): void {
  const errors: Problem[] = [];
  const wrong = (name: string, code: string, message: string) =>
    errors.push({ pointer: `/body/${name}`, code, message });
  if (change.time_zone !== undefined && !isTimeZone(change.time_zone))
    wrong('time_zone', 'unknown_time_zone', `${change.time_zone} is not an IANA time zone`);
  if (change.currency !== undefined && !isCurrency(change.currency))
    wrong('currency', 'unknown_currency', `${change.currency} is not an ISO 4217 currency`);
  const start = change.business_day_start;
  if (start !== undefined && !/^([01]\d|2[0-3]):[0-5]\d$/.test(start))
    wrong('business_day_start', 'invalid_time', 'business_day_start is not HH:MM');
  if (isWritten(change.since) && writtenSince(change.since) === undefined)
    wrong('since', 'invalid_timestamp', `since ${sinceRule}`);
  if (errors.length > 0)
    throw new CodedError('invalid_parameters', errors.map((error) => error.message).join('; '), { errors });
}

/** As the history stores it: null since the beginning; now is the local time in the zone held until now. */
async function sinceOf(
  deps: PlaceChangeDeps,
  placeId: string,
  since: string | undefined,
): Promise<string | null> {
  if (since === 'beginning') return null;
  if (isWritten(since)) return writtenSince(since)!;
  const nowMs = deps.clock.nowMs();
  const time = { local: new Date(nowMs).toISOString().slice(0, 19), offset: 'Z' };
  const { timeZone } = (await deps.reference.refresh()).placeSettings(placeId, time, deps.defaultTimeZone);
  return localTimeAt(nowMs, timeZone).slice(0, 19);
}
