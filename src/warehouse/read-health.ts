import type { Database } from '../base/db.ts';
import type { Metrics } from '../base/metrics.ts';
import { findFoldHolder } from './fold-holder.ts';
import { tailLimit } from './gate.ts';

/** Followers further behind than this are said to be at least so far behind. */
const countedRows = 100_000;
const heldSeconds = 2;
const auditDays = 7;

const waiting = (cursors: string, follower: string, rows: string) => {
  const column = (name: string) => `(select ${name} from ${cursors} where follower = '${follower}')`;
  return `
    select '${follower === 'journal' ? 'vault' : follower}' as follower, ${column('moved_at')} as moved_at, (
      select count(*) from (
        select from stg.journal
        where ${rows} and (epoch, xid, position) > (${column('epoch')}, ${column('xid')}, ${column('position')})
        limit ${countedRows}
      ) as behind
    ) as waiting_rows`;
};
const readFollowers = [
  waiting('cdm.cursor', 'fold', 'contributions is not null'),
  waiting('cdm.cursor', 'customers', 'contributions is not null'),
  waiting('dds.cursor', 'journal', 'contributions is not null'),
].join(' union all ');

// The newest row is found by the index on the order, so nothing is read for it.
const readState = `
  select now() as at, pg_database_size(current_database()) as database_bytes,
    (select max(finished_at) from ops.audit) as audited_at,
    (select waiting_days from ops.audit order by audit_id desc limit 1) as waiting_days,
    (select coalesce(sum(jsonb_array_length(differences)), 0)::bigint from ops.audit
      where finished_at > now() - interval '${auditDays} days') as differences,
    (select received_at from stg.journal where contributions is not null
      order by epoch desc, xid desc, position desc limit 1) as last_sale_at`;

type Follower = { follower: string; waiting_rows: number; moved_at: string };
type State = {
  at: Date;
  database_bytes: number;
  audited_at: Date | null;
  waiting_days: number | null;
  differences: number;
  last_sale_at: Date | null;
};

/** Load transactions of this process since it started: how many, and how long they took. */
async function readLoading(metrics: Metrics) {
  const { values } = await metrics.loadSeconds.get();
  const seriesOf = (suffix: string) =>
    values.find(({ metricName }) => metricName === `tillstream_load_seconds_${suffix}`)?.value ?? 0;
  const batches = seriesOf('count');
  if (batches === 0) return null;
  const buckets = values.filter(({ metricName }) => metricName === 'tillstream_load_seconds_bucket');
  const within = buckets.find(({ value }) => value >= batches * 0.95)?.labels.le;
  return {
    batches,
    mean_ms: Math.round((seriesOf('sum') / batches) * 10_000) / 10,
    // The upper bound of the bucket; none where a load took longer than the last one.
    p95_ms: typeof within === 'number' ? within * 1000 : null,
  };
}

/** How far everything behind the journal is, what holds it, how long loads take here, and what audits found. */
export async function readHealth({ pool, metrics }: { pool: Database; metrics: Metrics }) {
  const [state, followers, holder, loading] = await Promise.all([
    pool.query<State>({ name: 'health-state', text: readState }),
    pool.query<Omit<Follower, 'moved_at'> & { moved_at: Date }>({
      name: 'health-followers',
      text: readFollowers,
    }),
    findFoldHolder(pool, heldSeconds),
    readLoading(metrics),
  ]);
  const { at, database_bytes, audited_at, waiting_days, differences, last_sale_at } = state.rows[0]!;
  return {
    at: at.toISOString(),
    last_sale_at: last_sale_at?.toISOString() ?? null,
    loading_waits_at_rows: tailLimit,
    followers: followers.rows.map((row) => ({ ...row, moved_at: row.moved_at.toISOString() })),
    held_by:
      holder === undefined
        ? null
        : {
            application_name: holder.applicationName,
            pid: holder.pid ?? null,
            state: holder.state,
            seconds: Math.round(holder.seconds),
          },
    loading,
    database_bytes,
    audit: {
      last_at: audited_at?.toISOString() ?? null,
      waiting_days: waiting_days ?? 0,
      differences,
      of_days: auditDays,
    },
  };
}
