import type { Clock } from '../base/clock.ts';
import { type Client, type Database, inTransaction } from '../base/db.ts';
import { CodedError, type Problem } from '../base/errors.ts';
import { isCurrency } from '../base/money.ts';
import { isTimeZone, localTimeAt } from '../base/time.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { type Change, timelineOf, valueFor } from './place-history.ts';
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

const readNames = `
  select version, to_char(since, 'YYYY-MM-DD"T"HH24:MI:SS') as since, fields from ops.reference_change
  where kind = 'place' and id = $1 and fields ? 'place_name'`;

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
  const nowLocal = await localNow(deps, placeId);
  refuse(wrongFields(change, nowLocal));
  const since = sinceOf(change.since, nowLocal);
  const attributes = fieldsOf(change, attributionFields);
  const fields = { ...attributes, ...fieldsOf(change, ['place_name']) };
  const result = await inTransaction(deps.pool, async (client) => {
    // 1. Waits for the loads that use the version there is; none starts before our COMMIT.
    await client.query('select pg_advisory_xact_lock(7101)');
    // 2. The history, under a version of its own.
    const version = Object.keys(fields).length === 0 ? await readVersion(client) : await raiseVersion(client);
    if (Object.keys(fields).length > 0)
      await client.query({
        text: insertChange,
        values: [version, placeId, since, JSON.stringify(fields), tokenId ?? null],
      });
    // 3. What is shown.
    const name = change.place_name === undefined ? null : await nameAt(client, placeId, nowLocal);
    await client.query({ text: showPlace, values: [placeId, name, change.groups ?? null] });
    // 4. The sales that are loaded already: the job exists exactly if the change does.
    if (Object.keys(attributes).length === 0) return { reference_version: version, job_id: null };
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

const fieldsOf = (change: PlaceChange, names: readonly (keyof PlaceChange)[]) =>
  Object.fromEntries(names.flatMap((name) => (change[name] === undefined ? [] : [[name, change[name]]])));

/** The name that holds now: one given for the past may have a later one after it. */
async function nameAt(client: Client, placeId: string, local: string): Promise<string | undefined> {
  const { rows } = await client.query<Change>({ text: readNames, values: [placeId] });
  return valueFor(timelineOf<string>(rows, 'place_name'), [], { local }, 'UTC');
}

async function raiseVersion(client: Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    'update ops.reference_state set version = version + 1 returning version',
  );
  return rows[0]!.version;
}

async function readVersion(client: Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>('select version from ops.reference_state');
  return rows[0]!.version;
}

export function refuse(errors: Problem[]): void {
  if (errors.length > 0)
    throw new CodedError('invalid_parameters', errors.map((error) => error.message).join('; '), { errors });
}

/** Everything that is wrong with a change beyond its shape; members of a wrong shape are passed over. */
export function wrongFields(change: PlaceChange, nowLocal: string): Problem[] {
  const errors: Problem[] = [];
  const check = (
    name: keyof PlaceChange,
    isWrong: (text: string) => boolean,
    code: string,
    message: string,
  ) => {
    const value: unknown = change[name];
    if (typeof value === 'string' && isWrong(value))
      errors.push({ pointer: `/body/${name}`, code, message: message.replace('%', value) });
  };
  const isNoTime = (text: string) => isWritten(text) && writtenSince(text) === undefined;
  const isLater = (text: string) => isWritten(text) && (writtenSince(text) ?? '') > nowLocal;
  check('time_zone', (text) => !isTimeZone(text), 'unknown_time_zone', '% is not an IANA time zone');
  check('currency', (text) => !isCurrency(text), 'unknown_currency', '% is not an ISO 4217 currency');
  check(
    'business_day_start',
    (text) => !/^([01]\d|2[0-3]):[0-5]\d$/.test(text),
    'invalid_time',
    'business_day_start is not HH:MM',
  );
  check('since', isNoTime, 'invalid_timestamp', `since ${sinceRule}`);
  if (change.place_name !== undefined)
    check(
      'since',
      isLater,
      'in_the_future',
      'place_name is shown at once: give it apart, with no later since',
    );
  return errors;
}

/** As the history stores it: null since the beginning. */
function sinceOf(since: string | undefined, nowLocal: string): string | null {
  if (since === 'beginning') return null;
  return isWritten(since) ? writtenSince(since)! : nowLocal;
}

/** What the clock at the place shows, by the time zone held until now. */
export async function localNow(
  deps: Pick<PlaceChangeDeps, 'reference' | 'clock' | 'defaultTimeZone'>,
  placeId: string,
): Promise<string> {
  const nowMs = deps.clock.nowMs();
  const time = { local: new Date(nowMs).toISOString().slice(0, 19), offset: 'Z' };
  const { timeZone } = (await deps.reference.refresh()).placeSettings(placeId, time, deps.defaultTimeZone);
  return localTimeAt(nowMs, timeZone).slice(0, 19);
}
