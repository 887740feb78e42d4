import type { Queryable } from '../base/db.ts';

/** The name under which a program that takes jobs is connected. */
export const workerName = 'tillstream-jobs';

export type PendingJobs = {
  /** Jobs that are not done. */
  pending: number;
  /** Whether some program that takes jobs is connected. */
  hasWorker: boolean;
};

const countPending = `
  select count(*)::integer as pending,
    exists (select from pg_stat_activity where datname = current_database() and application_name = $2) as "hasWorker"
  from pgboss.job where name = $1 and state in ('created', 'retry', 'active')`;

/** What is left to do of a queue, as seen by a program that takes no jobs itself. */
export async function readPendingJobs(client: Queryable, queue: string): Promise<PendingJobs> {
  const made = await client.query("select to_regclass('pgboss.job') is not null as found");
  // The first program that takes jobs makes the table.
  if (!made.rows[0].found) return { pending: 0, hasWorker: false };
  const { rows } = await client.query<PendingJobs>({ text: countPending, values: [queue, workerName] });
  return rows[0]!;
}
