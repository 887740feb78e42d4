import { type Job, PgBoss } from 'pg-boss';
import type { Client } from '../base/db.ts';
import type { Log } from '../base/log.ts';

export type JobHandler = (
  data: Record<string, unknown>,
  context: { signal: AbortSignal },
) => Promise<Record<string, unknown>>;

export type Jobs = {
  /** Takes part in the caller's transaction: the job exists exactly if what causes it does. */
  enqueue(
    client: Pick<Client, 'query'>,
    queue: string,
    data: Record<string, unknown>,
  ): Promise<string | null>;
  work(queue: string, handler: JobHandler): Promise<void>;
  /** Jobs of a queue that are not done yet. */
  pending(queue: string): Promise<number>;
  stop(): Promise<void>;
};

/** A worker that was killed stops sending heartbeats, and its job is taken up again. */
const heartbeatSeconds = 10;
const stopWaitMs = 10_000;

const queueOptions = {
  retryLimit: 20,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 300,
  heartbeatSeconds,
  expireInSeconds: 24 * 3600 - 1,
};

export const queues = ['reattribute'] as const;

/** Jobs in PostgreSQL, by pg-boss: they survive restarts and are retried with growing pauses. */
export async function createJobs(deps: { connectionString: string; log: Log }): Promise<Jobs> {
  const boss = new PgBoss({
    connectionString: deps.connectionString,
    application_name: 'tillstream-jobs',
    max: 4,
    monitorIntervalSeconds: 10,
    superviseIntervalSeconds: 10,
  });
  boss.on('error', (error) => deps.log.warn({ err: error }, 'the job queue has trouble; it tries again'));
  await boss.start();
  for (const queue of queues) await boss.createQueue(queue, queueOptions);

  return {
    async enqueue(client, queue, data) {
      const db = {
        executeSql: async (text: string, values?: unknown[]) => await client.query(text, values as unknown[]),
      };
      return await boss.send(queue, data, { db });
    },
    async work(queue, handler) {
      await boss.work(
        queue,
        { pollingIntervalSeconds: 1, batchSize: 1 },
        async (jobs: Job<Record<string, unknown>>[]) => {
          const job = jobs[0]!;
          try {
            return await handler(job.data, { signal: job.signal });
          } catch (error) {
            deps.log.warn({ err: error, queue, job: job.id }, 'a job failed; it is tried again');
            throw error;
          }
        },
      );
    },
    async pending(queue) {
      const jobs = await boss.findJobs(queue, {});
      return jobs.filter((job) => job.state === 'created' || job.state === 'retry' || job.state === 'active')
        .length;
    },
    async stop() {
      await boss.stop({ graceful: true, timeout: stopWaitMs });
    },
  };
}
