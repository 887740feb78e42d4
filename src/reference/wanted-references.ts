import { binaryColumn, type Database } from '../base/db.ts';
import type { WantedKind } from './redis-entries.ts';

export type Wanted = { kind: WantedKind; id: string };

const atOnce = 500;

const insertWanted = `
  insert into ops.reference_wanted (kind, id)
  select * from unnest($1::text[], $2::text[]) as i(kind, id) order by 1, 2
  on conflict (kind, id) do nothing`;

const readDue = `
  select kind, id from ops.reference_wanted where next_look_at <= now() order by next_look_at limit ${atOnce}`;

const deleteWanted = `
  delete from ops.reference_wanted as w using unnest($1::text[], $2::text[]) as i(kind, id)
  where w.kind = i.kind and w.id = i.id`;

// Twice the pause of before, from two seconds to an hour: an order that names it again asks at once anyway.
const postponeWanted = `
  update ops.reference_wanted as w
  set looks = w.looks + 1, next_look_at = now() + least(interval '2 seconds' * 2 ^ least(w.looks, 12), interval '1 hour')
  from unnest($1::text[], $2::text[]) as i(kind, id)
  where w.kind = i.kind and w.id = i.id`;

/** What is looked for in Redis until it comes; in the database, so that no restart forgets it. */
export function createWantedList(pool: Database) {
  const run = (name: string, text: string) => async (list: readonly Wanted[]) => {
    if (list.length === 0) return;
    await pool.query({
      name,
      text,
      values: [binaryColumn('text', list, ({ kind }) => kind), binaryColumn('text', list, ({ id }) => id)],
    });
  };
  return {
    add: run('insert-wanted', insertWanted),
    remove: run('delete-wanted', deleteWanted),
    /** Nothing came of it: the next look is later. */
    postpone: run('postpone-wanted', postponeWanted),
    /** What it is time to look for, the longest wanted first. */
    async due(): Promise<Wanted[]> {
      return (await pool.query<Wanted>({ name: 'read-wanted', text: readDue })).rows;
    },
  };
}
