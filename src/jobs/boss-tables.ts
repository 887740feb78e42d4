/**
 * Every statement of ours on the tables of pg-boss, which has no other door to lists, progress and what moves to
 * another database: the one file to look at when pg-boss changes them.
 */

/** The states of a job, in the order in which it passes them. */
export const jobStates = ['created', 'retry', 'active', 'completed', 'cancelled', 'failed'] as const;
export type JobState = (typeof jobStates)[number];

export const areTablesMade = "select to_regclass('pgboss.job') is not null as found";

/** $1 queue. */
export const countPending = `
  select count(*)::integer as pending from pgboss.job where name = $1 and state in ('created', 'retry', 'active')`;

/** $1 queue, $2 the name under which programs that take jobs are connected. */
export const countPendingAndWorkers = `
  select count(*)::integer as pending,
    exists (select from pg_stat_activity where datname = current_database() and application_name = $2) as "hasWorker"
  from pgboss.job where name = $1 and state in ('created', 'retry', 'active')`;

/** $1 queue, $2 job, $3 progress. */
export const writeProgress = `
  update pgboss.job set output = $3::jsonb where name = $1 and id = $2 and state = 'active'`;

/** Jobs that are not done, as they were asked for; pg-boss's own, which start what is scheduled, are made anew. */
export const selectUndone = `
  select id, name as queue, data, priority, to_json(start_after) #>> '{}' as "startAfter", singleton_key as "singletonKey"
  from pgboss.job where state in ('created', 'retry', 'active') and not starts_with(name, '__pgboss__')
  order by created_on, id`;

/** One that waits for its next try, or will, does not wait any longer. $1 queue, $2 job. */
export const startNow = `
  update pgboss.job set start_after = least(start_after, now())
  where name = $1 and id = $2 and state in ('created', 'retry', 'cancelled', 'failed')
  returning id`;

const columns = `
  id, name as queue, state::text as state, data, output, priority,
  case when started_on is null then 0 else retry_count + 1 end as attempts,
  case when state in ('created', 'retry') then start_after end as next_try_at,
  created_on as created_at, started_on as started_at, completed_on as ended_at,
  to_json(created_on) #>> '{}' as place`;

/** Newest first. $1 queues, $2 states, $3 and $4 the last of the page before, $5 how many. */
export const selectJobs = `
  select ${columns} from pgboss.job
  where name = any($1::text[]) and ($2::text[] is null or state::text = any($2))
    and ($3::timestamptz is null or (created_on, id) < ($3, $4::uuid))
  order by created_on desc, id desc
  limit $5`;

/** $1 queues, $2 job. */
export const selectJob = `select ${columns} from pgboss.job where name = any($1::text[]) and id = $2`;
