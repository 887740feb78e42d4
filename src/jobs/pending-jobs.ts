import type { Queryable } from '../base/db.ts';
import { areTablesMade, countPendingAndWorkers } from './boss-tables.ts';

/** The name under which a program that takes jobs is connected. */
export const workerName = 'tillstream-jobs';

export type PendingJobs = {
  /** Jobs that are not done. */
  pending: number;
  /** Whether some program that takes jobs is connected. */
  hasWorker: boolean;
};

/** What is left to do of a queue, as seen by a program that takes no jobs itself. */
export async function readPendingJobs(client: Queryable, queue: string): Promise<PendingJobs> {
  const made = await client.query(areTablesMade);
  // The first program that takes jobs makes the table.
  if (!made.rows[0].found) return { pending: 0, hasWorker: false };
  const { rows } = await client.query<PendingJobs>({
    text: countPendingAndWorkers,
    values: [queue, workerName],
  });
  return rows[0]!;
}
