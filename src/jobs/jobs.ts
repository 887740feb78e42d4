import { type Job, PgBoss } from 'pg-boss';
import type { Client } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { countPending, startNow, writeProgress } from './boss-tables.ts';
import { workerName } from './pending-jobs.ts';

export type JobContext = {
  /** Aborted where the job is no longer ours: the program stops, or another worker has taken it up. */
  signal: AbortSignal;
  /** Shown beside the job until it is done. */
  report(progress: Record<string, unknown>): Promise<void>;
};

/** Runs from the start each time it is tried again; what it answers is kept as the job's output. */
export type JobHandler = (
  data: Record<string, unknown>,
  context: JobContext,
) => Promise<Record<string, unknown>>;

export type Schedule = { queue: string; cron: string; time_zone: string; next_run: string };

export type Jobs = {
  /** Takes part in the caller's transaction: the job exists exactly if what causes it does. */
  enqueue(
    client: Pick<Client, 'query'>,
    queue: string,
    data: Record<string, unknown>,
  ): Promise<string | null>;
  work(queue: string, handler: JobHandler): Promise<void>;
  /** A job at the times of a cron line, in a time zone; where no program ran then, one once a program runs again. */
  schedule(queue: string, cron: string, timeZone: string): Promise<void>;
  /** Every schedule there is, with when it runs next. */
  schedules(): Promise<Schedule[]>;
  /** Lets a job that failed, was cancelled or waits be tried at once; false where it runs or is done. */
  retry(queue: string, id: string): Promise<boolean>;
  /** Jobs of a queue that are not done yet. */
  pending(queue: string): Promise<number>;
  /** Handlers are told to end; what they leave undone is taken up again after the next start. */
  stop(): Promise<void>;
};

/** The least that pg-boss takes: a worker that was killed is missed so long after it was last seen. */
const heartbeatSeconds = 10;
const superviseSeconds = 5;
const stopWaitMs = 10_000;

/**
 * A killed or stopped worker costs a try as well, so there is no number of tries after which a job may be
 * given up: sales would keep an old attribution for good. Nor may a job be forgotten that waited long for
 * its program to be started again.
 */
const queueOptions = {
  retryLimit: 2_000_000_000,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 60,
  heartbeatSeconds,
  expireInSeconds: 24 * 3600 - 1,
  retentionSeconds: 3650 * 24 * 3600,
};

export const queues = [
  'reattribute',
  'apply-tag-rule',
  'age-tags',
  'erase-customer',
  'write-report',
  'morning-report',
] as const;

/**
 * What runs by a schedule and looks for its work itself: of all programs together one at a time, and none is queued
 * while one waits or runs. One that keeps failing is given up and shown; the next comes with the schedule.
 */
export const maintenanceQueues = ['snapshot', 'audit', 'retention', 'alerts'] as const;
const maintenanceOptions = { ...queueOptions, retryLimit: 8, retryDelay: 10, retryDelayMax: 600 };
/** The next one comes in a minute anyway, and nobody looks at one of an hour ago. */
const everyMinuteOptions = { ...queueOptions, retryLimit: 0 };
const everyMinuteKept = { deleteAfterSeconds: 3600 };

export const allQueues: readonly string[] = [...queues, ...maintenanceQueues];

/** `keptDays`: how long what is done stays to be looked at; as it was where it is left out. */
export async function prepareQueues(boss: PgBoss, keptDays?: number): Promise<void> {
  const kept = keptDays === undefined ? {} : { deleteAfterSeconds: keptDays * 24 * 3600 };
  const prepare = async (queue: string, options: typeof queueOptions, policy: 'standard' | 'exclusive') => {
    const own = { ...options, ...(queue === 'alerts' ? everyMinuteKept : kept) };
    await boss.createQueue(queue, { ...own, policy });
    // A queue that is there already keeps the options it was made with.
    await boss.updateQueue(queue, own);
  };
  for (const queue of queues) await prepare(queue, queueOptions, 'standard');
  for (const queue of maintenanceQueues)
    await prepare(queue, queue === 'alerts' ? everyMinuteOptions : maintenanceOptions, 'exclusive');
}

/** Jobs in PostgreSQL, by pg-boss: they survive restarts and are tried again with growing pauses. */
export async function createJobs(deps: {
  connectionString: string;
  log: Log;
  metrics?: Metrics;
  /** Off where jobs are only given: who works on them looks after them too. */
  supervise?: boolean;
  /** How long what is done stays to be looked at. */
  keptDays?: number;
}): Promise<Jobs> {
  const boss = new PgBoss({
    connectionString: deps.connectionString,
    application_name: workerName,
    max: 4,
    supervise: deps.supervise ?? true,
    schedule: deps.supervise ?? true,
    monitorIntervalSeconds: superviseSeconds,
    superviseIntervalSeconds: superviseSeconds,
  });
  const stopping = new AbortController();
  boss.on('error', (error) => deps.log.warn({ err: error }, 'the job queue has trouble; it tries again'));
  await boss.start();
  await prepareQueues(boss, deps.keptDays);

  async function run(queue: string, handler: JobHandler, job: Job<Record<string, unknown>>) {
    const signal = AbortSignal.any([job.signal, stopping.signal]);
    const report = async (progress: Record<string, unknown>) => {
      await boss.getDb().executeSql(writeProgress, [queue, job.id, JSON.stringify(progress)]);
    };
    const end = deps.metrics?.messageSeconds.startTimer({ role: 'worker', stage: queue });
    try {
      const output = await handler(job.data, { signal, report });
      deps.metrics?.jobs.inc({ queue, result: 'done' });
      return output;
    } catch (error) {
      if (!signal.aborted) {
        deps.metrics?.jobs.inc({ queue, result: 'failed' });
        deps.log.warn({ err: error, queue, job: job.id }, 'a job failed; it is tried again');
      }
      throw error;
    } finally {
      end?.();
    }
  }

  return {
    async enqueue(client, queue, data) {
      const db = {
        executeSql: async (text: string, values?: unknown[]) => await client.query(text, values),
      };
      return await boss.send(queue, data, { db });
    },
    async work(queue, handler) {
      const options = { pollingIntervalSeconds: 1, batchSize: 1 };
      // A series that begins with its first failure would never be seen to rise.
      for (const result of ['done', 'failed']) deps.metrics?.jobs.inc({ queue, result }, 0);
      let worker = '';
      worker = await boss.work(queue, options, async (jobs: Job<Record<string, unknown>>[]) => {
        try {
          return await run(queue, handler, jobs[0]!);
        } finally {
          // The next job follows at once, not after another interval.
          boss.notifyWorker(worker);
        }
      });
    },
    async schedule(queue, cron, timeZone) {
      await boss.schedule(queue, cron, {}, { tz: timeZone, missed: 'once' });
    },
    async schedules() {
      const found = await boss.getSchedules();
      return found.map(({ name, cron, timezone }) => {
        const [next] = boss.previewSchedule(cron, { tz: timezone ?? 'UTC', count: 1 });
        return { queue: name, cron, time_zone: timezone ?? 'UTC', next_run: next!.toISOString() };
      });
    },
    async retry(queue, id) {
      // Asked first: as soon as it waits a worker may take it, and be done before anyone looks.
      const { rows } = await boss.getDb().executeSql(startNow, [queue, id]);
      await boss.retry(queue, id);
      await boss.resume(queue, id);
      return rows.length > 0;
    },
    async pending(queue) {
      const { rows } = await boss.getDb().executeSql(countPending, [queue]);
      return rows[0].pending;
    },
    async stop() {
      stopping.abort(new Error('the program is stopping'));
      await boss.stop({ graceful: true, timeout: stopWaitMs });
    },
  };
}
