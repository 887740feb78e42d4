import type { Database } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { type Follower, startFollower } from './follow.ts';

// The oldest sale that counts and that a follower has not taken yet; one that is being rebuilt is not behind.
const findLags = `
  select c.follower, coalesce(extract(epoch from clock_timestamp() - j.received_at), 0)::float8 as seconds
  from (
    select follower, epoch, xid, position from cdm.cursor where caught_up
    union all
    select 'vault', epoch, xid, position from dds.cursor where follower = 'journal'
  ) as c
  left join lateral (
    select received_at from stg.journal
    where contributions is not null and (epoch, xid, position) > (c.epoch, c.xid, c.position)
    order by epoch, xid, position limit 1
  ) as j on true`;

type Lag = { follower: string; seconds: number };

const lookEveryMs = 5_000;

/**
 * Keeps `tillstream_follower_lag_seconds`, and `tillstream_tail_rows` by `countRows`. Where the database does not
 * answer the lags go away, since nothing is known.
 */
export function watchFollowerLag(deps: {
  pool: Database;
  metrics: Metrics;
  log: Log;
  countRows: () => Promise<number>;
}): Follower {
  const { pool, metrics, log, countRows } = deps;

  async function read(): Promise<{ lags: Lag[]; tail: number }> {
    const { rows } = await pool.query<Lag>({ name: 'find-follower-lags', text: findLags });
    return { lags: rows, tail: await countRows() };
  }

  async function look(): Promise<number> {
    const { lags, tail } = await read().catch((error: unknown) => {
      metrics.followerLagSeconds.reset();
      throw error;
    });
    for (const { follower, seconds } of lags)
      metrics.followerLagSeconds.set({ follower }, Math.max(seconds, 0));
    metrics.tailRows.set(tail);
    return 0;
  }

  return startFollower({ name: 'follower-lag', log, step: look, idleMs: lookEveryMs });
}
