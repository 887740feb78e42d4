import { registerPopularityRoutes } from './analytics/popularity-routes.ts';
import { registerReconciliationRoutes } from './analytics/reconciliation-routes.ts';
import { registerAnalyticsRoutes } from './analytics/routes.ts';
import { registerTokenRoutes } from './auth/routes.ts';
import { createAuthenticator, ensureAdminToken } from './auth/tokens.ts';
import { systemClock } from './base/clock.ts';
import { CodedError } from './base/errors.ts';
import { createLifecycle } from './base/lifecycle.ts';
import type { Log } from './base/log.ts';
import { createMetrics } from './base/metrics.ts';
import type { Config } from './config.ts';
import { workTagJobs } from './customers/apply-tag-rule.ts';
import { workErasures } from './customers/rewrite-journal.ts';
import { registerCustomerRoutes } from './customers/routes.ts';
import { registerTagRuleRoutes } from './customers/tag-rule-routes.ts';
import { type App, createServer } from './http/server.ts';
import { registerDailyRoutes } from './intake/daily-routes.ts';
import { registerIntakeRoutes } from './intake/routes.ts';
import { createJobs, type Jobs } from './jobs/jobs.ts';
import { openDailyStore, openWarehouse, type Warehouse } from './open-warehouse.ts';
import { registerCatalogueRoutes } from './reference/catalogue-routes.ts';
import { registerReferenceRoutes } from './reference/routes.ts';
import { registerDailyReadRoutes } from './warehouse/daily-routes.ts';
import { watchFoldHolder } from './warehouse/fold-holder.ts';
import { tidyDaily } from './warehouse/name-daily.ts';
import { createReattribution } from './warehouse/reattribute.ts';
import { registerWarehouseRoutes } from './warehouse/routes.ts';

/** Every capability with routes of its own. */
const rooms = [
  registerIntakeRoutes,
  registerDailyRoutes,
  registerWarehouseRoutes,
  registerDailyReadRoutes,
  registerReconciliationRoutes,
  registerAnalyticsRoutes,
  registerReferenceRoutes,
  registerCatalogueRoutes,
  registerPopularityRoutes,
  registerCustomerRoutes,
  registerTagRuleRoutes,
  registerTokenRoutes,
];

export type Program = {
  app: App;
  /** `http://127.0.0.1:8080` */
  address: string;
  /** Where the first admin token was made just now, to be shown once; undefined otherwise. */
  newAdminToken: string | undefined;
  /** Undefined where the database has one that is not known here. */
  adminToken: string | undefined;
  warehouse: Warehouse;
  jobs: Jobs;
  stop(): Promise<void>;
};

export type ProgramOptions = {
  config: Config;
  log: Log;
  /** Gives up starting: what was started is stopped, and the promise is rejected with its reason. */
  signal?: AbortSignal;
};

/** All roles in one process; stops in the reverse order: first the listener, last the database. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { config, log, signal } = options;
  const lifecycle = createLifecycle(log);
  try {
    const metrics = createMetrics();
    const warehouse = await openWarehouse({
      config,
      log,
      metrics,
      applicationName: 'tillstream',
      followers: true,
      ...(signal === undefined ? {} : { signal }),
    });
    lifecycle.onStop('warehouse', () => warehouse.close());
    const { pool, reference, stream, parse } = warehouse;
    const dailyStore = openDailyStore(warehouse, { config, log, metrics });
    await tidyDaily(pool, log);

    const holder = watchFoldHolder({ pool, metrics, log });
    lifecycle.onStop('fold holder', () => holder.stop());
    const jobs = await createJobs({ connectionString: warehouse.connectionString, log, metrics });
    lifecycle.onStop('jobs', () => jobs.stop());
    await createReattribution({ pool, reference, parse, epoch: warehouse.epoch, log }).work(jobs);
    const { defaultTimeZone } = config;
    await workTagJobs({ pool, epoch: warehouse.epoch, clock: systemClock, defaultTimeZone }, jobs);
    await workErasures({ pool, epoch: warehouse.epoch }, jobs);

    signal?.throwIfAborted();
    const admin = await ensureAdminToken({ pool, config, log });
    const authenticate = createAuthenticator({ pool });
    const app = await createServer({
      config,
      log,
      metrics,
      authenticate,
      readiness: () => readiness(warehouse),
      registerRoutes: async (server) => {
        const deps = {
          ...{ pool, reference, stream, parse, jobs, authenticate, config, metrics, clock: systemClock },
          ...{
            epoch: warehouse.epoch,
            erased: warehouse.erased,
            erasureKey: config.erasureKey,
            store: dailyStore,
            defaultTimeZone,
          },
        };
        for (const register of rooms) register(server, deps);
      },
    });
    lifecycle.onStop('http', () => app.close());
    signal?.throwIfAborted();
    const address = await listen(app, config);
    return {
      app,
      address,
      newAdminToken: admin.created,
      adminToken: admin.secret,
      warehouse,
      jobs,
      stop: () => lifecycle.stop(),
    };
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

async function listen(app: App, config: Config): Promise<string> {
  try {
    return await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new CodedError('port_taken', `port ${config.port} is taken; set PORT to another`, { cause: error });
  }
}

async function readiness(warehouse: Warehouse): Promise<{ ready: boolean; checks: Record<string, string> }> {
  try {
    await warehouse.pool.query('select 1');
    return { ready: true, checks: { database: 'ok' } };
  } catch {
    return { ready: false, checks: { database: 'does not answer' } };
  }
}
