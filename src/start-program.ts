import { createAuthenticator, ensureAdminToken } from './auth/tokens.ts';
import { CodedError } from './base/errors.ts';
import { createLifecycle } from './base/lifecycle.ts';
import type { Log } from './base/log.ts';
import { createMetrics, type Metrics } from './base/metrics.ts';
import type { Config } from './config.ts';
import { askReadiness } from './http/readiness.ts';
import { type App, createServer } from './http/server.ts';
import { type Starting, watchStart } from './http/watch-start.ts';
import { createJobs, type Jobs } from './jobs/jobs.ts';
import { openWarehouse, type Warehouse } from './open-warehouse.ts';
import {
  checkRoles,
  openIntakeStream,
  openReadSide,
  type ProgramRole,
  programRoles,
  type RoleContext,
  registerRooms,
  startRoles,
} from './roles.ts';

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
  /** All of them where left out. */
  roles?: readonly ProgramRole[];
  /** Gives up starting: what was started is stopped, and the promise is rejected with its reason. */
  signal?: AbortSignal;
};

/**
 * The roles of one process; stops in the reverse order: first the listener, last the database. Servers that
 * are not up yet are waited for, and until then /readyz names them.
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { config, log, signal } = options;
  const roles = options.roles ?? programRoles;
  checkRoles(roles, config);
  const metrics = createMetrics();
  const starting = watchStart({ config, log, metrics });
  let parts: Parts | undefined;
  try {
    parts = await starting.whenUp(() => startParts(options, roles, metrics, starting), signal);
    const { lifecycle, context, stream, reads, checks, admin } = parts;
    const { warehouse, jobs } = context;
    const authenticate = createAuthenticator({ pool: warehouse.pool });
    const own = { authenticate, stream, reads };
    const app = await createServer({
      ...{ config, log, metrics, authenticate },
      readiness: () => askReadiness(checks),
      registerRoutes: (server) => registerRooms(server, roles, context, own),
      ...(roles.length === programRoles.length
        ? {}
        : { describedRoutes: (server) => registerRooms(server, programRoles, context, own) }),
    });
    lifecycle.onStop('http', () => app.close());
    signal?.throwIfAborted();
    await starting.stop();
    const address = await listen(app, config);
    return {
      ...{ app, address, warehouse, jobs },
      newAdminToken: admin.created,
      adminToken: admin.secret,
      stop: () => lifecycle.stop(),
    };
  } catch (error) {
    await starting.stop();
    await parts?.lifecycle.stop();
    throw error;
  }
}

type Parts = Awaited<ReturnType<typeof startParts>>;

/** Everything but the listener; what was started is stopped again where a part fails. */
async function startParts(
  { config, log, signal }: ProgramOptions,
  roles: readonly ProgramRole[],
  metrics: Metrics,
  starting: Starting,
) {
  const lifecycle = createLifecycle(log);
  try {
    const warehouse = await openWarehouse({
      ...{ config, log, metrics, applicationName: 'tillstream' },
      followers: roles.includes('processor'),
      ...(signal === undefined ? {} : { signal }),
    });
    lifecycle.onStop('warehouse', () => warehouse.close());
    const { connectionString } = warehouse;
    const keptDays = config.retention.jobs;
    const jobs = await createJobs({ connectionString, log, metrics, keptDays });
    lifecycle.onStop('jobs', () => jobs.stop());
    const checks = new Map<string, () => Promise<string>>([['database', () => askDatabase(warehouse)]]);
    const context: RoleContext = {
      ...{ config, log, metrics, warehouse, jobs, lifecycle },
      whenUp: (work) => starting.whenUp(work, signal),
      check: (name, ask) => checks.set(name, ask),
    };
    await startRoles(roles, context);
    const stream = await openIntakeStream(roles, context);
    const reads = await openReadSide(roles, context);
    signal?.throwIfAborted();
    const admin = await ensureAdmin(roles, warehouse, config, log);
    return { lifecycle, context, stream, reads, checks, admin };
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

/** One is made where tokens are managed; one that is given holds whichever role starts first. */
async function ensureAdmin(roles: readonly ProgramRole[], { pool }: Warehouse, config: Config, log: Log) {
  if (config.adminToken === undefined && !roles.includes('analytics'))
    return { secret: undefined, created: undefined };
  return await ensureAdminToken({ pool, config, log });
}

export async function listen(app: App, config: Pick<Config, 'host' | 'port'>): Promise<string> {
  try {
    return await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new CodedError('port_taken', `port ${config.port} is taken; set PORT to another`, { cause: error });
  }
}

async function askDatabase({ pool }: Warehouse): Promise<string> {
  try {
    await pool.query('select 1');
    return 'ok';
  } catch {
    return 'does not answer';
  }
}
