import { totalmem } from 'node:os';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** From an event to its receiver: as a rule a second or two, at worst a day. */
const deliverySeconds = [0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 21_600, 86_400];
const sizes = [1, 4, 16, 64, 256, 1024, 4096];

/** What a batch of documents passes in each role; a series of every stage is there from the start. */
const stages = {
  collector: ['read', 'parse', 'append'],
  processor: ['read', 'admit', 'reference', 'load', 'fold', 'roll-up'],
  worker: ['reattribute', 'snapshot', 'audit', 'retention', 'write-report', 'alerts'],
  vault: ['write'],
  notifier: ['take', 'send'],
} as const;

/** Every metric of the program, made once at start and handed to the parts that move them. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'tillstream_' });
  const registers = [registry];
  const metrics = {
    registry,
    messages: new Counter({
      name: 'tillstream_messages_total',
      help: 'Documents by role, topic, direction (in, out) and verdict',
      labelNames: ['role', 'topic', 'direction', 'verdict'],
      registers,
    }),
    messageSeconds: new Histogram({
      name: 'tillstream_message_seconds',
      help: 'Time a batch of documents spends in a stage of a role',
      labelNames: ['role', 'stage'],
      buckets: seconds,
      registers,
    }),
    streamMessages: new Counter({
      name: 'tillstream_stream_messages_total',
      help: 'Messages of Kafka topics by group, topic, partition and direction (in: loaded, out: acknowledged)',
      labelNames: ['group', 'topic', 'partition', 'direction'],
      registers,
    }),
    streamLag: new Gauge({
      name: 'tillstream_stream_lag',
      help: 'Messages of a partition that are not loaded yet, as the processor that reads it knows',
      labelNames: ['group', 'topic', 'partition'],
      registers,
    }),
    streamStopped: new Gauge({
      name: 'tillstream_stream_stopped',
      help: '1 where a partition is not read on, since its stored offset is not within its log',
      labelNames: ['group', 'topic', 'partition'],
      registers,
    }),
    loadBatchDocuments: new Histogram({
      name: 'tillstream_load_batch_documents',
      help: 'Documents in one load transaction',
      buckets: sizes,
      registers,
    }),
    loadSeconds: new Histogram({
      name: 'tillstream_load_seconds',
      help: 'Duration of one load transaction',
      buckets: seconds,
      registers,
    }),
    loadRetries: new Counter({
      name: 'tillstream_load_retries_total',
      help: 'Load transactions tried again, by SQLSTATE',
      labelNames: ['sqlstate'],
      registers,
    }),
    foldSeconds: new Histogram({
      name: 'tillstream_fold_seconds',
      help: 'Duration of one fold or roll-up step',
      labelNames: ['step'],
      buckets: seconds,
      registers,
    }),
    tailRows: new Gauge({
      name: 'tillstream_tail_rows',
      help: 'Journal rows not yet folded into the marts',
      registers,
    }),
    followerLagSeconds: new Gauge({
      name: 'tillstream_follower_lag_seconds',
      help: 'Age of the oldest sale that fold, customers or vault have not taken yet, as processors see it; 0 where there is none',
      labelNames: ['follower'],
      registers,
    }),
    foldHeldSeconds: new Gauge({
      name: 'tillstream_fold_held_seconds',
      help: 'Age of the transaction that holds the fold back; absent while nothing does',
      labelNames: ['application_name', 'pid'],
      registers,
    }),
    referenceLookups: new Counter({
      name: 'tillstream_reference_lookups_total',
      help: 'Users and restaurants looked up in Redis: found, missing, invalid, unanswered',
      labelNames: ['result'],
      registers,
    }),
    auditDifferences: new Counter({
      name: 'tillstream_audit_differences_total',
      help: 'Figures that the hourly audit found to be other than what the journal says, by table',
      labelNames: ['table'],
      registers,
    }),
    notifications: new Counter({
      name: 'tillstream_notifications_total',
      help: 'Notifications that the notifier took up: taken, ignored (they name no channel), unreadable',
      labelNames: ['result'],
      registers,
    }),
    deliveries: new Counter({
      name: 'tillstream_deliveries_total',
      help: 'Attempts to deliver by kind of channel and outcome: delivered, retry, failed (for good)',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    deliverySeconds: new Histogram({
      name: 'tillstream_delivery_seconds',
      help: 'Time from an event to its delivery by kind of channel',
      labelNames: ['kind'],
      buckets: deliverySeconds,
      registers,
    }),
    deliveriesWaiting: new Gauge({
      name: 'tillstream_deliveries_waiting',
      help: 'Deliveries that are not sent yet, those that are tried again included, by kind of channel',
      labelNames: ['kind'],
      registers,
    }),
    deliveryOldestSeconds: new Gauge({
      name: 'tillstream_delivery_oldest_seconds',
      help: 'Age of the oldest event that waits to be delivered by kind of channel',
      labelNames: ['kind'],
      registers,
    }),
    channelsFailing: new Gauge({
      name: 'tillstream_channels_failing',
      help: 'Channels whose last delivery did not come through, or that were switched off for it, by kind',
      labelNames: ['kind'],
      registers,
    }),
    jobs: new Counter({
      name: 'tillstream_jobs_total',
      help: 'Tries of jobs by queue and result (done, failed); one that failed is tried again',
      labelNames: ['queue', 'result'],
      registers,
    }),
    retentionRows: new Counter({
      name: 'tillstream_retention_rows_total',
      help: 'Rows that retention took away or emptied, by what they are',
      labelNames: ['kind'],
      registers,
    }),
    memoryLimitBytes: new Gauge({
      name: 'tillstream_memory_limit_bytes',
      help: 'Memory that the process may take: that of its container, or of the machine',
      registers,
    }),
    ready: new Gauge({
      name: 'tillstream_ready',
      help: '1 where a check of /readyz is passed, 0 where it is not',
      labelNames: ['check'],
      registers,
    }),
    replicaUp: new Gauge({
      name: 'tillstream_replica_up',
      help: '1 while analytics reads from the replica of DATABASE_READ_URL, 0 while the primary answers for it',
      registers,
    }),
    replicaLagSeconds: new Gauge({
      name: 'tillstream_replica_lag_seconds',
      help: 'How far the replica is behind the primary',
      registers,
    }),
    reports: new Counter({
      name: 'tillstream_reports_total',
      help: 'Reports by author (model, program) and, where a model was asked in vain, why',
      labelNames: ['author', 'fallback'],
      registers,
    }),
    alertsFiring: new Gauge({
      name: 'tillstream_alerts_firing',
      help: 'Alerts that fire, by the kind of their rule, as the worker that judged last knows',
      labelNames: ['kind'],
      registers,
    }),
    alertEvents: new Counter({
      name: 'tillstream_alert_events_total',
      help: 'Alerts that fired and that were resolved, by the kind of their rule',
      labelNames: ['kind', 'event'],
      registers,
    }),
    alertsHeldBack: new Gauge({
      name: 'tillstream_alerts_held_back',
      help: '1 while alert rules wait since the fold or the stream is more than a minute behind',
      labelNames: ['reason'],
      registers,
    }),
    liveListeners: new Gauge({
      name: 'tillstream_live_listeners',
      help: 'Readers of the live feed that are connected to this process',
      registers,
    }),
    liveEnded: new Counter({
      name: 'tillstream_live_ended_total',
      help: 'Readers of the live feed that were cut off: slow, token (revoked or expired), unread (the database did not answer)',
      labelNames: ['reason'],
      registers,
    }),
    httpSeconds: new Histogram({
      name: 'tillstream_http_seconds',
      help: 'HTTP requests by method, route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: seconds,
      registers,
    }),
  };
  for (const [role, names] of Object.entries(stages))
    for (const stage of names) metrics.messageSeconds.zero({ role, stage });
  // Without a limit it is 0 or more than there is.
  metrics.memoryLimitBytes.set(Math.min(process.constrainedMemory() || totalmem(), totalmem()));
  return metrics;
}

export type Metrics = ReturnType<typeof createMetrics>;

type Stages = typeof stages;

/** Counts a batch's time in a stage, since `startedMs` of `performance.now()`. */
export function observeStage<Role extends keyof Stages>(
  metrics: Metrics,
  role: Role,
  stage: Stages[Role][number],
  startedMs: number,
): void {
  metrics.messageSeconds.observe({ role, stage }, (performance.now() - startedMs) / 1000);
}
