import { PgBoss } from 'pg-boss';
import type { Client, Queryable } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { areTablesMade, selectUndone } from './boss-tables.ts';
import { prepareQueues } from './jobs.ts';

/** A job that is not done, as it was asked for; one that was being worked on starts from its beginning. */
export type CarriedJob = {
  id: string;
  queue: string;
  data: Record<string, unknown>;
  priority: number;
  startAfter: string;
  singletonKey: string | null;
};

/** Jobs that are not done, in the caller's snapshot. */
export async function readUndoneJobs(client: Queryable): Promise<CarriedJob[]> {
  const made = await client.query(areTablesMade);
  return made.rows[0].found ? (await client.query<CarriedJob>(selectUndone)).rows : [];
}

/** Makes the queues in a database where no program runs yet, and puts jobs into them. */
export async function openQueues(deps: { connectionString: string; log: Log }) {
  const boss = new PgBoss({
    connectionString: deps.connectionString,
    application_name: 'tillstream-transfer',
    max: 2,
    supervise: false,
    schedule: false,
  });
  boss.on('error', (error) => deps.log.warn({ err: error }, 'the job queue has trouble; it tries again'));
  await boss.start();
  await prepareQueues(boss);
  return {
    /** In the caller's transaction. A job that is there already stays as it is. */
    async insert(client: Pick<Client, 'query'>, jobs: readonly CarriedJob[]): Promise<void> {
      const db = {
        executeSql: async (text: string, values?: unknown[]) => await client.query(text, values),
      };
      for (const { queue, singletonKey, ...job } of jobs)
        await boss.insert(queue, [{ ...job, ...(singletonKey === null ? {} : { singletonKey }) }], { db });
    },
    async close(): Promise<void> {
      await boss.stop({ graceful: false });
    },
  };
}
