import { createPool, type Database } from '../../src/base/db.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { type CustomersDeps, createCustomersFollower } from '../../src/customers/follow-customers.ts';
import { type CheckedRule, createRule } from '../../src/customers/tag-rules.ts';
import { parseDocument } from '../../src/intake/parse-document.ts';
import { createReference } from '../../src/reference/load-reference.ts';
import type { Incoming } from '../../src/sales/sale.ts';
import { countTail } from '../../src/warehouse/fold.ts';
import { ensurePartitions, settleInstallation } from '../../src/warehouse/installation.ts';
import { createLoader, type LoaderDeps } from '../../src/warehouse/load.ts';
import { createTestDatabase } from '../postgres.ts';
import { receipt } from '../program.ts';

/** Loader and customers follower by themselves; the clock stands still. */
export async function createCustomersFixture(now: string) {
  const database = await createTestDatabase();
  const { pool } = database;
  const log = createLog('silent');
  const metrics = createMetrics();
  const { epoch } = await settleInstallation(pool, 'source');
  await ensurePartitions(pool, Date.now());
  const reference = createReference({ pool, log });
  await reference.refresh();
  const config = {
    ...{ strictTotals: false, maximumFutureHours: 48, minimumDate: '2000-01-01' },
    productIdScope: 'chain' as const,
  };
  const parse: LoaderDeps['parse'] = (arrival, snapshot) =>
    parseDocument(arrival, { current: snapshot, config });
  const loader = createLoader({ pool, reference, epoch, identity: 'source', parse, log, metrics });
  const clock = { nowMs: () => Date.parse(now) };
  const followerDeps: CustomersDeps = { pool, epoch, metrics, clock, defaultTimeZone: 'UTC' };
  return {
    database,
    pool,
    epoch,
    clock,
    loader,
    parse(changes: Record<string, unknown>): Incoming {
      return parseDocument(
        {
          source: 'receipt',
          receivedAtMs: Date.now(),
          contentType: 'application/json',
          body: Buffer.from(JSON.stringify(receipt(changes))),
          resolved: { placeId: 'unknown', currency: 'RUB', timeZone: 'UTC' },
        },
        { current: reference.current(), config },
      );
    },
    follower: (changes: Partial<CustomersDeps> = {}) =>
      createCustomersFollower({ ...followerDeps, ...changes }),
    /** To the end of the journal; a transaction of the server itself holds a step back for a moment. */
    async follow(follower = createCustomersFollower(followerDeps)): Promise<void> {
      while ((await countTail(pool, 1, ['customers'])) > 0) await follower.step();
    },
    async rule(rule: Partial<CheckedRule> & Pick<CheckedRule, 'tag' | 'metric' | 'threshold'>) {
      const whole = { scope: 'total', match: '', window_days: null, sticky: false, currency: null } as const;
      const jobs = { enqueue: async () => null };
      return (await createRule({ pool, jobs }, { ...whole, ...rule })).rule;
    },
    /** Another pool on the same database. */
    openPool: (): Database =>
      createPool({
        connectionString: database.connectionString,
        applicationName: 'test-other',
        maximumConnections: 4,
      }),
  };
}

export type CustomersFixture = Awaited<ReturnType<typeof createCustomersFixture>>;

/** A pool whose connections die at the n-th statement from now, wherever in a transaction that is; null: not. */
export function createDyingPool(pool: Database): {
  pool: Database;
  dieAfter: (statements: number | null) => void;
} {
  let left = Number.POSITIVE_INFINITY;
  const connect = async () => {
    const client = await pool.connect();
    return new Proxy(client, {
      get(target, name) {
        if (name !== 'query') {
          const value = Reflect.get(target, name) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        }
        return async (...args: unknown[]) => {
          if (args[0] !== 'rollback' && left-- <= 0) throw new Error('killed');
          return await (target.query as (...all: unknown[]) => Promise<unknown>).apply(target, args);
        };
      },
    });
  };
  return {
    pool: { connect } as unknown as Database,
    dieAfter: (statements) => {
      left = statements ?? Number.POSITIVE_INFINITY;
    },
  };
}
