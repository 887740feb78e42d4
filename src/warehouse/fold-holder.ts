import type { Database } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { type Follower, startFollower } from '../stream/follow.ts';

/** `pid` is undefined for a prepared transaction, which no session holds any more. */
export type FoldHolder = {
  pid: number | undefined;
  applicationName: string;
  state: string;
  /** Age of its transaction. */
  seconds: number;
};

// The fold takes the rows below `pg_snapshot_xmin`, which is the oldest transaction that has an id, in any
// database of the server. One that only reads has none and holds nothing back, however long it takes.
const oldestWriter = `
  select pid, application_name, state, extract(epoch from clock_timestamp() - xact_start)::float8 as seconds,
    age(backend_xid) as behind
  from pg_stat_activity
  where backend_xid is not null and pid <> pg_backend_pid()
  union all
  select null, 'prepared transaction ' || gid, 'prepared',
    extract(epoch from clock_timestamp() - prepared)::float8, age(transaction)
  from pg_prepared_xacts
  order by behind desc
  limit 1`;

type Row = { pid: number | null; application_name: string; state: string; seconds: number };

/** What keeps the fold from newer rows, where its transaction is older than `overSeconds`. */
export async function findFoldHolder(pool: Database, overSeconds: number): Promise<FoldHolder | undefined> {
  const { rows } = await pool.query<Row>({ name: 'find-fold-holder', text: oldestWriter });
  const [row] = rows;
  if (row === undefined || row.seconds <= overSeconds) return undefined;
  const { application_name: applicationName, state, seconds } = row;
  return { pid: row.pid ?? undefined, applicationName, state, seconds };
}

const heldSeconds = 10;
const lookEveryMs = 5_000;

/** Keeps `tillstream_fold_held_seconds`: it is there only while something has held the fold back for a while. */
export function watchFoldHolder(deps: {
  pool: Database;
  metrics: Metrics;
  log: Log;
  overSeconds?: number;
}): Follower {
  const { pool, metrics, log, overSeconds = heldSeconds } = deps;
  let told: string | undefined;

  async function look(): Promise<number> {
    // Emptied first: where the database does not answer, nothing is known.
    metrics.foldHeldSeconds.reset();
    const holder = await findFoldHolder(pool, overSeconds);
    const pid = String(holder?.pid ?? '');
    if (holder !== undefined) {
      const { applicationName, state, seconds } = holder;
      metrics.foldHeldSeconds.set({ application_name: applicationName, pid }, seconds);
      if (told !== pid) log.warn({ applicationName, pid, state, seconds }, 'a session holds the fold back');
    }
    told = holder === undefined ? undefined : pid;
    return 0;
  }

  return startFollower({ name: 'fold-holder', log, step: look, idleMs: lookEveryMs });
}
