import { type Client, type Database, inTransaction } from '../base/db.ts';
import { beginLong } from './fold.ts';

/** Who looks at days that changed, each with a list of its own in `cdm.touched_day`. */
export type TouchedReader = 'snapshot' | 'audit';

export type TouchedDeps = { pool: Database; epoch: number; reader: TouchedReader; signal?: AbortSignal };

const rowsPerPage = 20_000;

const readUntil = `
  select epoch, at_epoch, at_xid::text as at_xid, at_position from cdm.touched_until where reader = $1 for update`;

/** The days of journal rows that the last look did not see. */
const addDaysOf = (rows: string) => `
  insert into cdm.touched_day (reader, place_id, business_date)
  select distinct $1, e.place, e.date
  from ${rows} as r
  join cdm.touched_until as u on u.reader = $1
  cross join lateral jsonb_to_recordset(r.contributions) as e(place text, date date)
  where r.epoch > u.epoch or r.epoch = u.epoch and not pg_visible_in_snapshot(r.xid, u.seen)
  order by 2, 3
  on conflict do nothing`;

const journalAfter = `
  select epoch, xid, position, contributions from stg.journal
  where contributions is not null and (epoch, xid, position) > ($2::integer, $3::xid8, $4::bigint)`;

// Only of transactions older than every running one, as followers read, so that none is passed over.
const takePage = `
  with page as materialized (
    ${journalAfter} and (epoch < $5 or xid < pg_snapshot_xmin(pg_current_snapshot()))
    order by epoch, xid, position limit ${rowsPerPage}
  ),
  added as (${addDaysOf('page')}),
  moved as (
    update cdm.touched_until as u set at_epoch = p.epoch, at_xid = p.xid, at_position = p.position
    from (select epoch, xid, position from page order by epoch desc, xid desc, position desc limit 1) as p
    where u.reader = $1
  )
  select count(*) as rows from page`;

// What is left, to the last row that this statement sees; the rows of transactions that are still running come
// with the next look, which begins before them.
const takeRest = `
  with rest as materialized (${journalAfter}),
  added as (${addDaysOf('rest')})
  update cdm.touched_until set epoch = $5, seen = pg_current_snapshot(), at_epoch = $5,
    at_xid = pg_snapshot_xmin(pg_current_snapshot()), at_position = 0
  where reader = $1`;

// A look that is the first takes the days from the marts and the tail: the journal may be long, and sealed.
const takeAll = `
  with days as (
    select place_id, period from cdm.sales_day
    union select place_id, period from cdm.dirty where level = 'day'
    union
    select e.place, e.date from stg.journal as j cross join lateral jsonb_to_recordset(j.contributions) as e(place text, date date)
    where j.contributions is not null and (j.epoch, j.xid, j.position) > (
      (select epoch from cdm.cursor where follower = 'fold'), (select xid from cdm.cursor where follower = 'fold'),
      (select position from cdm.cursor where follower = 'fold'))
  ),
  added as (
    insert into cdm.touched_day (reader, place_id, business_date)
    select $1, place_id, period from days order by 2, 3 on conflict do nothing
    returning 1
  )
  insert into cdm.touched_until (reader, epoch, seen, at_epoch, at_xid, at_position)
  select $1, $2, pg_current_snapshot(), $2, pg_snapshot_xmin(pg_current_snapshot()), 0 where exists (select from added)`;

/**
 * Notes every day whose figures moved since the last look, all that is visible at its end included, in short
 * transactions: each costs its own journal rows.
 */
export async function noteTouchedDays(deps: TouchedDeps): Promise<void> {
  for (;;) {
    deps.signal?.throwIfAborted();
    if (!(await inTransaction(deps.pool, (client) => noteOnce(client, deps), beginLong))) return;
  }
}

/** Answers whether there is more to note. */
async function noteOnce(client: Client, { reader, epoch }: TouchedDeps): Promise<boolean> {
  await client.query('lock table cdm.generation in access share mode');
  const { rows } = await client.query({ text: readUntil, values: [reader] });
  const until = rows[0];
  if (until === undefined) {
    await client.query({ text: takeAll, values: [reader, epoch] });
    return false;
  }
  const values = [reader, until.at_epoch, until.at_xid, until.at_position, epoch];
  const page = await client.query<{ rows: number }>({ text: takePage, values });
  if (page.rows[0]!.rows === rowsPerPage) return true;
  const moved = await client.query({ text: readUntil, values: [reader] });
  const { at_epoch: atEpoch, at_xid: atXid, at_position: atPosition } = moved.rows[0];
  await client.query({ text: takeRest, values: [reader, atEpoch, atXid, atPosition, epoch] });
  return false;
}

/** How many days are in a reader's list. */
export async function countTouchedDays(
  pool: Pick<Database, 'query'>,
  reader: TouchedReader,
): Promise<number> {
  const text = 'select count(*) as days from cdm.touched_day where reader = $1';
  return (await pool.query({ text, values: [reader] })).rows[0].days;
}
