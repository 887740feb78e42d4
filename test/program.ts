import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../src/base/clock.ts';
import { createLog } from '../src/base/log.ts';
import { createMetrics } from '../src/base/metrics.ts';
import { type Config, readConfig } from '../src/config.ts';
import { auditCustomers } from '../src/customers/audit-customers.ts';
import { type Program, startProgram } from '../src/start-program.ts';
import { auditMarts, type Difference } from '../src/warehouse/audit.ts';
import { createRollUp } from '../src/warehouse/roll-up.ts';
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
  /** Folds and rolls up everything there is. */
  settle(): Promise<void>;
  audit(): Promise<Difference[]>;
  stop(): Promise<void>;
};

/** The whole program on a database of its own, listening on a free port. */
export async function startTestProgram(env: Record<string, string> = {}): Promise<TestProgram> {
  const database = await createTestDatabase();
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-program-'));
  const config = readConfig({
    DATABASE_URL: database.connectionString,
    DATA_DIR: dataDir,
    PORT: '0',
    ADMIN_TOKEN: adminToken,
    LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
    ...env,
  });
  const program = await startProgram({ config, log: createLog(config.logLevel) });
  const { warehouse } = program;
  const rollUp = createRollUp({
    pool: warehouse.pool,
    log: createLog('silent'),
    metrics: createMetrics(),
    rest: false,
  });
  return {
    program,
    database,
    config,
    async call(method, url, body, headers = {}) {
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
    },
    async settle() {
      await warehouse.settle();
      while ((await rollUp.step()) > 0);
    },
    async audit() {
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
      await database.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
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
