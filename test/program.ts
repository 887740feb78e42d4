import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { getConstructionPlans } from 'pg-boss';
import { systemClock } from '../src/base/clock.ts';
import type { Database } from '../src/base/db.ts';
import { createLog } from '../src/base/log.ts';
import { createMetrics } from '../src/base/metrics.ts';
import type { KafkaConfig } from '../src/cluster-config.ts';
import { type Config, readConfig } from '../src/config.ts';
import { auditCustomers } from '../src/customers/audit-customers.ts';
import { type ProgramRole, programRoles } from '../src/roles.ts';
import { type Program, startProgram } from '../src/start-program.ts';
import { createTopicsClient } from '../src/stream/kafka-topics.ts';
import { partitionKey, readStreamOffsets } from '../src/stream/stream-offsets.ts';
import { auditMarts, type Difference } from '../src/warehouse/audit.ts';
import { createRollUp } from '../src/warehouse/roll-up.ts';
import { startTestKafka, type TestKafka, whyNoKafka } from './kafka.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';

export const adminToken = 'admin-token-of-the-tests-only';

export type TestProgram = {
  program: Program;
  database: TestDatabase;
  config: Config;
  /** One request as admin, or with another token; the answer's body is parsed where it is JSON. */
  call(
    method: string,
    url: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: any; headers: Headers }>;
  /** The same at once, where `call` lets everything that Kafka has be loaded first. */
  callNow: TestProgram['call'];
  /** Folds and rolls up everything there is. */
  settle(): Promise<void>;
  audit(): Promise<Difference[]>;
  stop(): Promise<void>;
};

export type StreamKind = 'embedded' | 'kafka';

/** Once for each way that documents can travel; `describe` gives the tests their names. */
export function forEachStream(describeTests: (stream: StreamKind) => void): void {
  for (const stream of ['embedded', 'kafka'] as const) {
    const skip = stream === 'kafka' ? (whyNoKafka() ?? false) : false;
    describe(`stream: ${stream}`, { skip }, () => describeTests(stream));
  }
}

/**
 * Jobs that come each minute, hour or night come to no test, or they would take a snapshot or judge rules in the
 * midst of any: the tables of the jobs say that somebody looked at the schedules already, for a day to come.
 */
const noScheduledJobs = `${getConstructionPlans()}; update pgboss.version set cron_on = now() + interval '1 day'`;

let sharedKafka: Promise<TestKafka> | undefined;
let programsOnKafka = 0;

/** One broker for all programs of a test file; the last one to stop ends it. */
async function joinKafka(): Promise<{ env: Record<string, string>; leave: () => Promise<void> }> {
  programsOnKafka++;
  sharedKafka ??= startTestKafka();
  const kafka = await sharedKafka;
  const name = randomBytes(4).toString('hex');
  return {
    env: {
      KAFKA_BROKERS: kafka.brokers.join(','),
      KAFKA_PARTITIONS: '3',
      TOPIC_TRANSACTIONS: `transactions-${name}`,
      TOPIC_ORDERS: `orders-${name}`,
      TOPIC_NOTIFICATIONS: `notifications-${name}`,
    },
    async leave() {
      if (--programsOnKafka > 0) return;
      sharedKafka = undefined;
      await kafka.stop();
    },
  };
}

/** The whole program on a database of its own, listening on a free port. */
export async function startTestProgram(
  env: Record<string, string> = {},
  { stream = 'embedded', roles = programRoles }: { stream?: StreamKind; roles?: readonly ProgramRole[] } = {},
): Promise<TestProgram> {
  const joined = stream === 'kafka' ? await joinKafka() : undefined;
  const database = await createTestDatabase();
  await database.pool.query(noScheduledJobs);
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-program-'));
  const config = readConfig({
    DATABASE_URL: database.connectionString,
    DATA_DIR: dataDir,
    PORT: '0',
    ADMIN_TOKEN: adminToken,
    LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
    // The sales of most tests are of 2024, and all marts are compared.
    RETENTION_PULSE_DAYS: '0',
    ...joined?.env,
    ...env,
  });
  const program = await startProgram({ config, roles, log: createLog(config.logLevel) });
  const { warehouse } = program;
  const rollUp = createRollUp({
    pool: warehouse.pool,
    log: createLog('silent'),
    metrics: createMetrics(),
    rest: false,
  });
  const drained: Drained =
    config.kafka === undefined ? async () => {} : watchDrained(warehouse.pool, config.kafka);
  const callNow: TestProgram['call'] = async (method, url, body, headers = {}) => {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(`${program.address}${url}`, {
      method,
      headers: {
        authorization: `Bearer ${adminToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, body: json ? JSON.parse(text) : text, headers: response.headers };
  };
  return {
    program,
    database,
    config,
    callNow,
    async call(method, url, body, headers) {
      if (!isIntake(method, url)) await drained();
      return await callNow(method, url, body, headers);
    },
    async settle() {
      await drained();
      await warehouse.settle();
      // The program's own roll-up may be at it, and would finish only after the test has looked.
      while ((await warehouse.pool.query('select from cdm.dirty limit 1')).rowCount !== 0)
        if ((await rollUp.step()) === 0) await sleep(10);
    },
    async audit() {
      await drained();
      const audited = await auditMarts({
        pool: warehouse.pool,
        parse: warehouse.parse,
        identity: config.identity,
        progress: () => {},
        further: (client) =>
          auditCustomers(client, { clock: systemClock, defaultTimeZone: config.defaultTimeZone }),
      });
      return audited.differences;
    },
    async stop() {
      await program.stop();
      await drained.close?.();
      await joined?.leave();
      await database.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const isIntake = (method: string, url: string) =>
  method === 'POST' && /^\/api\/(checks|transactions|orders)\/?$/.test(url);

type Drained = (() => Promise<void>) & { close?: () => Promise<void> };

/** Resolves once everything that Kafka has is loaded. */
export function watchDrained(pool: Database, kafka: KafkaConfig): Drained {
  const topics = createTopicsClient(kafka);
  const names = [kafka.topics.transactions, kafka.topics.orders];
  const drained: Drained = async () => {
    const partitions = await topics.partitions(names);
    const ranges = await topics.ranges(partitions);
    for (let attempt = 0; ; attempt++) {
      const offsets = await readStreamOffsets(pool, partitions);
      const behind = partitions.filter(
        (partition, index) => (offsets.get(partitionKey(partition)) ?? 0) < ranges[index]!.end,
      );
      if (behind.length === 0) return;
      if (attempt > 12_000) throw new Error(`${behind.length} partitions are not loaded within two minutes`);
      await sleep(10);
    }
  };
  drained.close = () => topics.close();
  return drained;
}

/** The receipt of the documentation, with changes. */
export function receipt(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    transaction_id: 'unique_transaction_id297',
    timestamp: '2024-02-07T12:34:56',
    place_id: 'unique_place_id1',
    place_name: 'Store ABCE',
    items: [
      { product_id: 'product_id_1', quantity: 2, price: 10.99, category: 'groceries' },
      { product_id: 'product_id_2', quantity: 1, price: 5.49, category: 'electronics' },
    ],
    total_amount: 27.47,
    nds_amount: 2.47,
    tips_amount: 3.0,
    payment_method: 'credit_card',
    ...changes,
  };
}
