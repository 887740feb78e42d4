import type { Database } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Config } from '../config.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { AuditDeps } from './audit.ts';
import { auditTouchedDays } from './audit-days.ts';
import { applyRetention, startPulse } from './retention.ts';
import { takeSnapshot } from './take-snapshot.ts';

export type MaintenanceDeps = Pick<AuditDeps, 'parse' | 'further'> & {
  pool: Database;
  epoch: number;
  config: Config;
  log: Log;
  metrics: Metrics;
};

/** Minute and hour of the place's clock; the audit comes when the snapshot is likely to be done. */
const everyHour = '0 * * * *';
const fiveAfterEveryHour = '5 * * * *';
const everyNight = '17 3 * * *';

/** Takes the jobs that come by the clock: hourly snapshot and audit, nightly retention. */
export async function workMaintenance(deps: MaintenanceDeps, jobs: Jobs): Promise<void> {
  const { config, ...rest } = deps;
  await startPulse(rest.pool, config.retention.pulse);
  await jobs.work('snapshot', async (_, { signal, report }) => {
    const taken = await takeSnapshot({ ...rest, signal, progress: (days) => report({ days }) });
    return { taken_at: taken.takenAt?.toISOString() ?? null, days: taken.days };
  });
  await jobs.work('audit', async (_, { signal }) => {
    return await auditTouchedDays({ ...rest, identity: config.identity, signal });
  });
  await jobs.work('retention', async (_, { signal }) => {
    const { retention: days, kafka } = config;
    return await applyRetention({ ...rest, days, sendsOutbox: kafka !== undefined, signal });
  });
  await jobs.schedule('snapshot', everyHour, config.defaultTimeZone);
  await jobs.schedule('audit', fiveAfterEveryHour, config.defaultTimeZone);
  await jobs.schedule('retention', everyNight, config.defaultTimeZone);
}
