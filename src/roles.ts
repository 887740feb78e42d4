import { registerAlertRoutes } from './alerts/alert-routes.ts';
import { registerAlertRuleRoutes } from './alerts/rule-routes.ts';
import { workAlerts } from './alerts/run-alerts.ts';
import { registerChangesRoutes } from './analytics/changes-routes.ts';
import { registerLinesRoutes } from './analytics/lines-routes.ts';
import { registerLiveRoutes } from './analytics/live-routes.ts';
import { registerPopularityRoutes } from './analytics/popularity-routes.ts';
import { registerPulseRoutes } from './analytics/pulse-routes.ts';
import { registerReconciliationRoutes } from './analytics/reconciliation-routes.ts';
import { registerAnalyticsRoutes } from './analytics/routes.ts';
import { registerTokenRoutes } from './auth/routes.ts';
import type { Authenticator } from './auth/tokens.ts';
import { systemClock } from './base/clock.ts';
import { createPool } from './base/db.ts';
import { CodedError } from './base/errors.ts';
import type { Lifecycle } from './base/lifecycle.ts';
import type { Log } from './base/log.ts';
import type { Metrics } from './base/metrics.ts';
import type { KafkaConfig } from './cluster-config.ts';
import type { Config } from './config.ts';
import { workTagJobs } from './customers/apply-tag-rule.ts';
import { workErasures } from './customers/rewrite-journal.ts';
import { registerCustomerRoutes } from './customers/routes.ts';
import { registerTagRuleRoutes } from './customers/tag-rule-routes.ts';
import { registerDashboardRoutes } from './dashboard/routes.ts';
import { createReplicaFollower } from './database/follow-replica.ts';
import { type ReadSide, readFromPrimary } from './database/read-side.ts';
import type { App } from './http/server.ts';
import { registerImportRoutes } from './imports/routes.ts';
import { registerDailyRoutes } from './intake/daily-routes.ts';
import { registerIntakeRoutes } from './intake/routes.ts';
import type { Jobs } from './jobs/jobs.ts';
import { registerJobRoutes } from './jobs/routes.ts';
import { registerChannelRoutes } from './notify/channel-routes.ts';
import { registerDeliveryRoutes } from './notify/delivery-routes.ts';
import { followOutbox } from './notify/follow-outbox.ts';
import { createNotifier } from './notify/notifier.ts';
import { createSecrets } from './notify/secrets.ts';
import { createSender } from './notify/sender.ts';
import { openDailyStore, type Warehouse } from './open-warehouse.ts';
import { registerCatalogueRoutes } from './reference/catalogue-routes.ts';
import { registerReferenceRoutes } from './reference/routes.ts';
import { createDailyReports } from './reports/queue-report.ts';
import { registerReportRoutes } from './reports/report-routes.ts';
import { workReports } from './reports/run-report.ts';
import { workMorningReports } from './reports/schedule-reports.ts';
import { startFollower } from './stream/follow.ts';
import { watchFollowerLag } from './stream/follower-lag.ts';
import type { Stream } from './stream/stream.ts';
import { auditVaultDays } from './vault/audit-days.ts';
import { createVaultFollower } from './vault/load-vault.ts';
import { registerAuditRoutes } from './warehouse/audit-routes.ts';
import { registerDailyReadRoutes } from './warehouse/daily-routes.ts';
import { countTail } from './warehouse/fold.ts';
import { watchFoldHolder } from './warehouse/fold-holder.ts';
import { tailLimit } from './warehouse/gate.ts';
import { registerHealthOverview } from './warehouse/health-routes.ts';
import { workMaintenance } from './warehouse/maintenance.ts';
import { tidyDaily } from './warehouse/name-daily.ts';
import { createReattribution } from './warehouse/reattribute.ts';
import { registerWarehouseRoutes } from './warehouse/routes.ts';
import { registerSaleRoutes } from './warehouse/sale-routes.ts';

/** Every role that there is, in the order in which they start. */
export const programRoles = ['processor', 'vault', 'worker', 'notifier', 'collector', 'analytics'] as const;
export type ProgramRole = (typeof programRoles)[number];

/** What the roles of one process share. */
export type RoleContext = {
  config: Config;
  log: Log;
  metrics: Metrics;
  warehouse: Warehouse;
  jobs: Jobs;
  lifecycle: Lifecycle;
  /** Tries until the server that `work` needs is up. */
  whenUp<T>(work: () => Promise<T>): Promise<T>;
  /** Asked by /readyz: answers `ok` or what is wrong. */
  check(name: string, ask: () => Promise<string>): void;
};

type Room = (app: App, deps: ReturnType<typeof roomDeps> & { reads: ReadSide }) => void;
type Part = {
  rooms: readonly Room[];
  start?: (context: RoleContext) => Promise<void>;
};

/** An import answers with its verdicts and a replay with its own, so both load here and now. */
const importRoom: Room = (app, deps) => registerImportRoutes(app, { ...deps, stream: deps.direct });
const journalRoom: Room = (app, deps) => registerWarehouseRoutes(app, { ...deps, stream: deps.direct });
const saleRoom: Room = (app, { pool }) => registerSaleRoutes(app, pool);

/** What each role starts; a room that two roles of one process have is opened once. */
const parts: Record<ProgramRole, Part> = {
  collector: {
    // What was sent can be read back under the addresses it was sent to.
    rooms: [registerIntakeRoutes, registerDailyRoutes, importRoom, saleRoom, registerDailyReadRoutes],
    start: async ({ warehouse, log }) => await tidyDaily(warehouse.pool, log),
  },
  processor: { rooms: [], start: startProcessor },
  vault: { rooms: [], start: startVault },
  analytics: {
    rooms: [
      saleRoom,
      journalRoom,
      importRoom,
      registerDailyReadRoutes,
      registerReconciliationRoutes,
      registerAnalyticsRoutes,
      registerChangesRoutes,
      registerPulseRoutes,
      registerLinesRoutes,
      registerLiveRoutes,
      registerReferenceRoutes,
      registerCatalogueRoutes,
      registerPopularityRoutes,
      registerCustomerRoutes,
      registerTagRuleRoutes,
      registerChannelRoutes,
      registerDeliveryRoutes,
      registerTokenRoutes,
      registerJobRoutes,
      registerAuditRoutes,
      registerHealthOverview,
      registerReportRoutes,
      registerAlertRuleRoutes,
      registerAlertRoutes,
      registerDashboardRoutes,
    ],
  },
  worker: { rooms: [], start: startWorker },
  notifier: { rooms: [], start: startNotifications },
};

/** The roles of a list such as `collector,processor`; all of them where it is left out. Error `invalid_configuration`. */
export function readRoles(list: string | undefined): ProgramRole[] {
  if (list === undefined) return [...programRoles];
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(programRoles as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new CodedError(
      'invalid_configuration',
      `--roles names ${unknown.join(', ')}; there are ${programRoles.join(', ')}`,
    );
  return programRoles.filter((role) => names.includes(role));
}

/** Without Kafka nothing carries documents from one process to another. Error `invalid_configuration`. */
export function checkRoles(roles: readonly ProgramRole[], config: Config): void {
  if (config.kafka !== undefined || roles.includes('collector') === roles.includes('processor')) return;
  const [alone, missing] = roles.includes('collector')
    ? ['collector', 'processor']
    : ['processor', 'collector'];
  throw new CodedError(
    'invalid_configuration',
    `the role ${alone} runs without ${missing}, and no Kafka is there to carry documents between them; set KAFKA_BROKERS, or start both in one process with --roles collector,processor`,
  );
}

export async function startRoles(roles: readonly ProgramRole[], context: RoleContext): Promise<void> {
  if (!roles.includes('processor')) followReference(context);
  for (const role of roles) await parts[role].start?.(context);
}

/**
 * Where documents that come by HTTP go: Kafka, or straight into the warehouse of this process. Replays and
 * imports always load directly.
 */
export async function openIntakeStream(
  roles: readonly ProgramRole[],
  { config, warehouse, log, metrics, lifecycle, check, whenUp }: RoleContext,
): Promise<Stream> {
  const { kafka } = config;
  if (kafka === undefined || !roles.includes('collector')) return warehouse.stream;
  const { makeTopics, openKafkaStream } = await loadKafka();
  await whenUp(() => makeTopics(kafka, documentTopics(kafka), log));
  const stream = await openKafkaStream({ config, kafka, warehouse, log, metrics });
  lifecycle.onStop('kafka stream', () => stream.stop());
  check('kafka', stream.ask);
  return stream;
}

/** What documents come in by. */
const documentTopics = ({ topics }: KafkaConfig) => [topics.transactions, topics.orders];

/** Kafka's client takes 60 MB, so who has no Kafka does not load it. */
async function loadKafka() {
  return { ...(await import('./open-stream.ts')), ...(await import('./open-egress.ts')) };
}

/** Opens the routes of the roles of this process. */
export function registerRooms(
  app: App,
  roles: readonly ProgramRole[],
  context: RoleContext,
  own: { authenticate: Authenticator; stream: Stream; reads: ReadSide },
): void {
  const deps = roomDeps(context, own);
  for (const room of new Set(roles.flatMap((role) => parts[role].rooms))) room(app, deps);
}

const replicaConnections = 16;

/** What analytics reads from: the replica of DATABASE_READ_URL where one is set, and the primary. */
export async function openReadSide(
  roles: readonly ProgramRole[],
  { config, warehouse, log, metrics, lifecycle, check }: RoleContext,
): Promise<ReadSide> {
  if (config.databaseReadUrl === undefined || !roles.includes('analytics'))
    return readFromPrimary(warehouse.pool);
  const replica = createPool({
    connectionString: config.databaseReadUrl,
    applicationName: 'tillstream-read',
    maximumConnections: replicaConnections,
    connectTimeoutMs: 3_000,
    queryTimeoutMs: 35_000,
  });
  const followed = await createReplicaFollower({ primary: warehouse.pool, replica, log, metrics });
  lifecycle.onStop('replica', () => followed.stop());
  check('replica', async () => followed.describe());
  return followed;
}

function roomDeps(
  { warehouse, jobs, config, log, metrics }: RoleContext,
  { authenticate, stream, reads }: { authenticate: Authenticator; stream: Stream; reads: ReadSide },
) {
  const { pool, reference, parse, epoch, erased } = warehouse;
  const reports = createDailyReports(jobs, config.reportLanguage);
  const store = openDailyStore(warehouse, { config, log, metrics, reports });
  const { erasureKey, defaultTimeZone, productIdScope } = config;
  return {
    ...{
      pool,
      reference,
      stream,
      direct: warehouse.stream,
      parse,
      epoch,
      erased,
      erasureKey,
      store,
      defaultTimeZone,
      productIdScope,
    },
    ...{ jobs, authenticate, reads, config, log, metrics, clock: systemClock },
  };
}

async function startProcessor(context: RoleContext): Promise<void> {
  const { config, warehouse, metrics, log, lifecycle } = context;
  const holder = watchFoldHolder({ pool: warehouse.pool, metrics, log });
  lifecycle.onStop('fold holder', () => holder.stop());
  const { pool } = warehouse;
  const lag = watchFollowerLag({ pool, metrics, log, countRows: () => countTail(pool, 2 * tailLimit) });
  lifecycle.onStop('follower lag', () => lag.stop());
  const { redis } = warehouse;
  if (redis !== undefined) {
    const looking = startFollower({ name: 'redis', log, step: redis.look, idleMs: lookIdleMs });
    lifecycle.onStop('redis look', () => looking.stop());
  }
  const { kafka } = config;
  if (kafka === undefined) return;
  const { makeTopics, openKafkaConsumer, startEgress } = await loadKafka();
  await context.whenUp(() => makeTopics(kafka, documentTopics(kafka), log));
  const consumer = await openKafkaConsumer({ config, kafka, warehouse, log, metrics });
  lifecycle.onStop('kafka consumer', () => consumer.stop());
  context.check('stream', consumer.ask);
  startEgress({ config, kafka, warehouse, log, metrics, lifecycle });
}

/** Fold and customers are seldom further behind while sales come in as usual; in a bulk load the vault follows afterwards. */
const vaultWaitsAtRows = 500;
const vaultIdleMs = 200;
/** Nobody adds up what the vault is behind, and many small steps cost much more than one. */
const vaultRestMs = 500;

async function startVault({ warehouse, config, metrics, log, lifecycle }: RoleContext): Promise<void> {
  const { pool, epoch, reference, parse } = warehouse;
  const { identity } = config;
  const vault = createVaultFollower({ pool, epoch, identity, reference, parse, log, metrics });
  // Loading goes first: the marts are added up with every answer, the vault waits until they are near.
  const step = async () =>
    (await countTail(pool, vaultWaitsAtRows)) < vaultWaitsAtRows ? await vault.step() : 0;
  const following = startFollower({
    ...{ name: 'vault', log, step, fullStep: vault.rowsPerStep },
    ...{ idleMs: vaultIdleMs, restMs: vaultRestMs },
  });
  lifecycle.onStop('vault', () => following.stop());
}

async function startWorker({ warehouse, jobs, config, log, metrics, lifecycle }: RoleContext): Promise<void> {
  const { pool, reference, parse, epoch } = warehouse;
  const { defaultTimeZone } = config;
  await createReattribution({ pool, reference, parse, epoch, log }).work(jobs);
  await workTagJobs({ pool, epoch, clock: systemClock, defaultTimeZone }, jobs);
  await workErasures({ pool, epoch }, jobs);
  await workMaintenance({ pool, epoch, parse, config, log, metrics, further: auditVaultDays }, jobs);
  await workReports({ pool, reference, log, metrics, config, clock: systemClock }, jobs);
  await workMorningReports({ pool, config, clock: systemClock }, jobs);
  const { defaultCurrency } = config;
  const ends = await openEnds(config, lifecycle);
  await workAlerts(
    { pool, reference, epoch, metrics, clock: systemClock, defaultTimeZone, defaultCurrency, ...ends },
    jobs,
  );
}

/** How far behind documents are loaded, where they come by Kafka. */
async function openEnds({ kafka }: Config, lifecycle: Lifecycle) {
  if (kafka === undefined) return {};
  const { openStreamEnds } = await loadKafka();
  const ends = openStreamEnds(kafka);
  lifecycle.onStop('stream ends', () => ends.close());
  return { streamEnds: ends.read };
}

/** Nobody waits for a notification as for an answer, but a second is long enough. */
const notificationsIdleMs = 500;

/** Takes notifications from the topic, or where no Kafka carries them from the outbox, and sends them. */
async function startNotifications(context: RoleContext): Promise<void> {
  const { warehouse, config, log, metrics, lifecycle } = context;
  const { pool, epoch } = warehouse;
  const secrets = createSecrets({ pool, secretsKey: config.secretsKey });
  const notifier = createNotifier({ pool, send: createSender({ config, secrets }), log, metrics });
  lifecycle.onStop('notifier', () => notifier.stop());
  const { kafka } = config;
  if (kafka === undefined) {
    const step = async () => {
      const rows = await followOutbox({ pool, epoch, log, metrics });
      if (rows > 0) notifier.poke();
      return rows;
    };
    const following = startFollower({ name: 'notifications', log, step, idleMs: notificationsIdleMs });
    lifecycle.onStop('notifications', () => following.stop());
    return;
  }
  const { makeTopics, openNotifications } = await loadKafka();
  await context.whenUp(() => makeTopics(kafka, [kafka.topics.notifications], log));
  const reading = openNotifications({ config, kafka, warehouse, log, metrics }, notifier.poke);
  lifecycle.onStop('notifications', () => reading.stop());
  context.check('notifications', reading.ask);
}

/** For users and restaurants that Redis did not have, or did not tell, when they were first named. */
const lookIdleMs = 1_000;
const referenceIdleMs = 1_000;

/** Loading meets every change of the reference history; a process that loads nothing has to look. */
function followReference({ warehouse, log, lifecycle }: RoleContext): void {
  const step = async () => {
    await warehouse.reference.refresh();
    return 0;
  };
  const follower = startFollower({ name: 'reference', log, step, idleMs: referenceIdleMs });
  lifecycle.onStop('reference', () => follower.stop());
}
