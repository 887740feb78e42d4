import type { Database } from '../base/db.ts';

/** Longer than any follower rests between two steps. */
const standBackSeconds = 2;

/**
 * Where several processes follow the journal, one that came into the rests of another would have it make many small
 * steps, which cost several times as much: a process steps only where nobody else moved the cursor lately.
 */
export function standingBack(
  pool: Database,
  follower: 'fold' | 'customers',
  step: () => Promise<number>,
): () => Promise<number> {
  /** Where our last step left the cursor, or where it stood at first. */
  let own: string | undefined;
  const read = async () => {
    const { rows } = await pool.query<{ place: string; is_fresh: boolean }>({
      name: 'read-cursor-place',
      text: `select concat_ws(' ', epoch, xid, position) as place, moved_at > now() - interval '${standBackSeconds} seconds' as is_fresh
        from cdm.cursor where follower = $1`,
      values: [follower],
    });
    return rows[0];
  };
  return async () => {
    const cursor = await read();
    own ??= cursor?.place;
    if (cursor?.is_fresh && cursor.place !== own) return 0;
    const done = await step();
    if (done > 0) own = (await read())?.place;
    return done;
  };
}
