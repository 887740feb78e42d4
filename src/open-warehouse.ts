import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from './base/clock.ts';
import { createPool, type Database } from './base/db.ts';
import { CodedError } from './base/errors.ts';
import { createLifecycle, type Lifecycle } from './base/lifecycle.ts';
import type { Log } from './base/log.ts';
import type { Metrics } from './base/metrics.ts';
import type { Config } from './config.ts';
import { createErasedCustomers } from './customers/erased-customers.ts';
import { createCustomersFollower } from './customers/follow-customers.ts';
import { migrate, pendingMigrations } from './database/migrate.ts';
import { openDatabase } from './database/open-database.ts';
import { parseDocument } from './intake/parse-document.ts';
import { createReference } from './reference/load-reference.ts';
import type { RedisReference } from './reference/redis-reference.ts';
import type { Reference, ReferenceSnapshot } from './reference/reference.ts';
import type { DailyStore } from './sales/daily-file.ts';
import type { Arrival, Incoming, Outcome, Resolved } from './sales/sale.ts';
import { createDirectStream } from './stream/direct-stream.ts';
import { type Follower, startFollower } from './stream/follow.ts';
import type { Stream } from './stream/stream.ts';
import { countTail, createFold } from './warehouse/fold.ts';
import { createGate } from './warehouse/gate.ts';
import { ensurePartitions, settleInstallation } from './warehouse/installation.ts';
import { createLoader, type FirstStatement, type Loader } from './warehouse/load.ts';
import { createDailyStore, type DailyReports } from './warehouse/load-daily.ts';
import { createRollUp } from './warehouse/roll-up.ts';
import { standingBack } from './warehouse/stand-back.ts';

export type WarehouseOptions = {
  config: Config;
  log: Log;
  metrics: Metrics;
  applicationName: string;
  /** Fold and roll-up run here too; beside a running program its own are enough, and theirs stand back. */
  followers: boolean;
  /** Gives up opening; what was started is stopped. */
  signal?: AbortSignal;
};

/** Everything that loads and reads sales in one process. */
export type Warehouse = {
  pool: Database;
  connectionString: string;
  epoch: number;
  /** Tells this installation from others that use the same Kafka. */
  cluster: string;
  reference: Reference;
  /** Loads in this process, whatever else carries documents. */
  stream: Stream;
  /** One batch, past the stream; followers are told. `first` opens each of its transactions. */
  load(batch: Incoming[], first?: FirstStatement): Promise<Outcome[]>;
  /** Resolves once there is room for so many documents, false at the deadline (epoch milliseconds). */
  admit(documents: number, deadlineMs: number): Promise<boolean>;
  erased: Awaited<ReturnType<typeof createErasedCustomers>>;
  /** Users and restaurants from Redis, where REDIS_URL names one. */
  redis: RedisReference | undefined;
  parse: (arrival: Arrival, snapshot?: ReferenceSnapshot) => Incoming;
  /** The configured defaults, as they are settled on arrival. */
  resolvedDefaults: Resolved;
  /** Resolves once nothing is left to fold or to count, or after a minute where something holds that back. */
  settle(): Promise<void>;
  close(): Promise<void>;
};

const poolConnections = 16;
const foldIdleMs = 200;
/** The tail of so long is read with every answer; a step of few rows costs nearly as much as one of many. */
const foldRestMs = 100;
const longestFoldRestMs = 1_000;
/** Nobody adds up what the customers are behind, so they can wait for more rows; still under a second. */
const customersRestMs = 150;
const longestCustomersRestMs = 600;
const rollUpIdleMs = 1_000;
const dayMs = 86_400_000;
const longestSettleMs = 60_000;
const settlePauseMs = 20;

/** Opens the database (the running embedded one, one of our own, or DATABASE_URL), migrated, with its loader. */
export async function openWarehouse(options: WarehouseOptions): Promise<Warehouse> {
  const { config, log, metrics, signal } = options;
  const lifecycle = createLifecycle(log);
  try {
    const { databaseUrl, dataDir } = config;
    const database = await openDatabase({ databaseUrl, dataDir, log, signal });
    lifecycle.onStop('database', () => database.close());
    signal?.throwIfAborted();
    const { connectionString } = database;
    const pool = createPool({
      connectionString,
      applicationName: options.applicationName,
      maximumConnections: poolConnections,
      pipeline: true,
    });
    lifecycle.onStop('pool', () => pool.end());
    await bringUpToDate(pool, config, log);
    signal?.throwIfAborted();
    const { epoch, cluster } = await settleInstallation(pool, config.identity, config.productIdScope);
    await keepPartitions(pool, log, lifecycle);

    const reference = createReference({ pool, log });
    await reference.refresh();
    const fold = createFold({ pool, epoch, log, metrics });
    const { defaultTimeZone, erasureKey, productIdScope } = config;
    const customers = createCustomersFollower({
      ...{ pool, epoch, metrics, clock: systemClock, defaultTimeZone },
      tellsCounters: config.kafka !== undefined,
    });
    const followers = options.followers ? startFollowers(pool, fold, customers, options, lifecycle) : [];
    const erased = await createErasedCustomers({ pool, erasureKey, productIdScope });
    const redis = await openRedisData({ pool, connectionString, reference, erased }, options, lifecycle);
    const loader = openLoader({ pool, reference, epoch, erased, redis }, options);
    const gate = createGate({ pool, clock: systemClock, metrics });
    const load: Warehouse['load'] = async (batch, first) => {
      const outcomes = await loader.load(batch, first);
      for (const follower of followers) follower.poke();
      countOutcomes(metrics, batch, outcomes);
      return outcomes;
    };
    const direct = createDirectStream({
      load,
      admit: gate.admit,
      clock: systemClock,
      log,
    });
    const stream = countSent(direct, metrics);
    lifecycle.onStop('stream', () => stream.stop());
    return {
      pool,
      ...{ connectionString, epoch, cluster, reference, stream, load, erased, redis },
      admit: gate.admit,
      parse: (arrival, snapshot) =>
        parseDocument(arrival, {
          current: snapshot ?? reference.current(),
          config,
          // With a snapshot of its own, a sale that counts already is computed anew.
          accepted: snapshot !== undefined,
        }),
      resolvedDefaults: defaultsOf(config),
      settle: () => settle(pool, [fold, customers]),
      close: () => lifecycle.stop(),
    };
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

function defaultsOf({ defaultPlace, defaultCurrency, defaultTimeZone }: Config): Resolved {
  return { placeId: defaultPlace, currency: defaultCurrency, timeZone: defaultTimeZone };
}

type Opening = Pick<Warehouse, 'pool' | 'reference' | 'epoch' | 'erased' | 'redis'>;

/** Whatever way documents come in, they pass here. */
function openLoader({ pool, reference, epoch, erased, redis }: Opening, options: WarehouseOptions): Loader {
  const { config, log, metrics } = options;
  const loader = createLoader({
    pool,
    reference,
    epoch,
    identity: config.identity,
    erased,
    parse: (arrival, snapshot) => parseDocument(arrival, { current: snapshot, config }),
    log,
    metrics,
  });
  if (redis === undefined) return loader;
  return {
    load: async (...given: Parameters<Loader['load']>) => {
      await redis.prepare(given[0]);
      return await loader.load(...given);
    },
  };
}

async function openRedisData(
  opening: Pick<Warehouse, 'pool' | 'connectionString' | 'reference' | 'erased'>,
  { config, log, metrics }: WarehouseOptions,
  lifecycle: Lifecycle,
): Promise<RedisReference | undefined> {
  if (config.redis === undefined) return undefined;
  const { defaultTimeZone, productIdScope } = config;
  const clock = systemClock;
  const { openRedisReference } = await import('./reference/open-redis-reference.ts');
  const redis = await openRedisReference(config.redis, {
    ...{ ...opening, log, metrics, clock, defaultTimeZone, productIdScope },
  });
  lifecycle.onStop('redis', () => redis.close());
  return redis;
}

function countSent(stream: Stream, metrics: Metrics): Stream {
  const labels = { role: 'collector', topic: 'direct', direction: 'out', verdict: 'sent' };
  return {
    append: async (documents, deadlineMs) => {
      const outcomes = await stream.append(documents, deadlineMs);
      metrics.messages.inc(labels, documents.length);
      return outcomes;
    },
    stop: () => stream.stop(),
  };
}

function countOutcomes(metrics: Metrics, batch: readonly Incoming[], outcomes: readonly Outcome[]): void {
  const counts = new Map<string, Map<string, number>>();
  for (let index = 0; index < batch.length; index++) {
    const topic = batch[index]!.origin?.topic ?? 'direct';
    const { verdict } = outcomes[index]!;
    const ofTopic = counts.get(topic) ?? new Map<string, number>();
    counts.set(topic, ofTopic.set(verdict, (ofTopic.get(verdict) ?? 0) + 1));
  }
  for (const [topic, ofTopic] of counts)
    for (const [verdict, count] of ofTopic)
      metrics.messages.inc({ role: 'processor', topic, direction: 'in', verdict }, count);
}

/** Where daily files go, in either mode: straight into the warehouse, past the stream. */
export function openDailyStore(
  { pool, reference, epoch }: Warehouse,
  {
    config,
    log,
    metrics,
    reports,
  }: Pick<WarehouseOptions, 'config' | 'log' | 'metrics'> & { reports?: DailyReports },
): DailyStore {
  const { admit } = createGate({ pool, clock: systemClock, metrics });
  return createDailyStore({
    ...{ pool, reference, epoch, identity: config.identity, admit, log, metrics },
    ...(reports === undefined ? {} : { reports }),
  });
}

async function settle(pool: Database, steps: readonly { step: () => Promise<number> }[]): Promise<void> {
  const endMs = performance.now() + longestSettleMs;
  while ((await countTail(pool, 1)) > 0 && performance.now() < endMs) {
    let done = 0;
    for (const { step } of steps) done += await step();
    // The program's own followers have it in hand, or a transaction is still running.
    if (done === 0) await sleep(settlePauseMs);
  }
}

async function bringUpToDate(pool: Database, config: Config, log: Log): Promise<void> {
  if (config.migrate) return void (await migrate(pool, { log }));
  const pending = await pendingMigrations(pool);
  if (pending.length > 0) {
    throw new CodedError(
      'migration_failed',
      `MIGRATE=off, and ${pending.length} migrations are pending; start once with MIGRATE=on`,
    );
  }
}

function startFollowers(
  pool: Database,
  fold: ReturnType<typeof createFold>,
  customers: ReturnType<typeof createCustomersFollower>,
  options: WarehouseOptions,
  lifecycle: Lifecycle,
): Follower[] {
  const { log, metrics } = options;
  const rhythm = { log, idleMs: foldIdleMs, restMs: foldRestMs, longestRestMs: longestFoldRestMs };
  const folding = startFollower({
    ...rhythm,
    name: 'fold',
    step: standingBack(pool, 'fold', fold.step),
    fullStep: fold.rowsPerStep,
  });
  lifecycle.onStop('fold', () => folding.stop());
  const counting = startFollower({
    ...rhythm,
    name: 'customers',
    step: standingBack(pool, 'customers', customers.step),
    fullStep: customers.rowsPerStep,
    restMs: customersRestMs,
    longestRestMs: longestCustomersRestMs,
  });
  lifecycle.onStop('customers', () => counting.stop());
  const rollUp = createRollUp({ pool, log, metrics });
  const rolling = startFollower({ name: 'roll-up', log, step: rollUp.step, idleMs: rollUpIdleMs });
  lifecycle.onStop('roll-up', () => rolling.stop());
  return [folding, counting];
}

async function keepPartitions(pool: Database, log: Log, lifecycle: Lifecycle): Promise<void> {
  const make = () =>
    ensurePartitions(pool, systemClock.nowMs()).catch((error) =>
      log.error({ err: error }, 'no partition was made; the default one catches what comes'),
    );
  await make();
  const timer = setInterval(make, dayMs);
  timer.unref();
  lifecycle.onStop('partitions', async () => clearInterval(timer));
}
