import type { Clock } from '../base/clock.ts';
import { type Database, inTransaction } from '../base/db.ts';
import { addDays, localTimeAt } from '../base/time.ts';
import type { Config } from '../config.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { queueReport } from './queue-report.ts';

export type ScheduleDeps = {
  pool: Database;
  clock: Clock;
  config: Pick<Config, 'reportSchedule' | 'reportLanguage' | 'defaultTimeZone'>;
};

const queue = 'morning-report';
/** An installation that has just been made has nothing to be told of. */
const askSold = 'select exists (select from stg.sale) as sold';

/**
 * Asks for yesterday's report of all places at `REPORT_SCHEDULE`, and at the start for a morning that the
 * program slept through. Without the setting nothing is asked for, whatever an earlier start scheduled.
 */
export async function workMorningReports(deps: ScheduleDeps, jobs: Jobs): Promise<void> {
  const { reportSchedule, defaultTimeZone } = deps.config;
  await jobs.work(queue, async () => await askForYesterday(deps, jobs));
  if (reportSchedule === undefined) return;
  const [hour, minute] = reportSchedule.split(':').map(Number);
  await jobs.schedule(queue, `${minute} ${hour} * * *`, defaultTimeZone);
  await jobs.enqueue(deps.pool, queue, {});
}

/** Once for each day, however often it is run. */
export async function askForYesterday(
  deps: ScheduleDeps,
  jobs: Pick<Jobs, 'enqueue'>,
): Promise<Record<string, unknown>> {
  const { reportSchedule, reportLanguage, defaultTimeZone } = deps.config;
  if (reportSchedule === undefined) return { skipped: 'REPORT_SCHEDULE is not set' };
  const now = localTimeAt(deps.clock.nowMs(), defaultTimeZone);
  if (now.slice(11, 16) < reportSchedule) return { skipped: `before ${reportSchedule}` };
  const { rows } = await deps.pool.query<{ sold: boolean }>(askSold);
  if (!rows[0]!.sold) return { skipped: 'nothing was sold yet' };
  const date = addDays(now.slice(0, 10), -1);
  const queued = await inTransaction(deps.pool, (client) =>
    queueReport(client, jobs, {
      ...{ from: date, to: date, placeId: undefined, language: reportLanguage },
      ...{ basis: undefined, origin: 'schedule' },
    }),
  );
  return queued === undefined ? { skipped: `${date} was asked for before` } : { report_id: queued.reportId };
}
