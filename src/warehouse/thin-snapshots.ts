import type { Database } from '../base/db.ts';

// The newest at that time stays, and with it all that was reported since.
const findStart = `
  select max(taken_at) as taken_at from cdm.snapshot
  where finished_at is not null and taken_at <= now() - make_interval(days => $1)`;

const deleteRuns = 'delete from cdm.snapshot where taken_at < $1';

// By place, which the key begins with. What no newer figures have replaced by then is still what holds.
const deleteReplaced = `
  delete from cdm.analytics_snapshot as s
  where s.place_id = $2 and s.taken_at < $1 and exists (
    select from cdm.analytics_snapshot as newer
    where newer.place_id = s.place_id and newer.business_date = s.business_date and newer.currency = s.currency
      and newer.taken_at > s.taken_at and newer.taken_at <= $1
  )`;

const deleteParts = `
  delete from cdm.snapshot_part as p
  where p.taken_at < $1 and not exists (select from cdm.analytics_snapshot as s where s.part_id = p.part_id)`;

/**
 * Forgets what was reported longer ago than so many days: `at` and `changes` begin with the newest snapshot of
 * then. `note` is told after each transaction how many rows went.
 */
export async function thinSnapshots(
  pool: Database,
  days: number,
  note: (rows: number) => void,
): Promise<void> {
  const from = (await pool.query({ text: findStart, values: [days] })).rows[0].taken_at;
  if (from === null) return;
  // The runs first: from here on nobody asks for what is about to go.
  await pool.query({ text: deleteRuns, values: [from] });
  const places = await pool.query<{ place_id: string }>('select place_id from ops.place order by place_id');
  for (const { place_id: placeId } of places.rows)
    note((await pool.query({ text: deleteReplaced, values: [from, placeId] })).rowCount ?? 0);
  await pool.query({ text: deleteParts, values: [from] });
}
