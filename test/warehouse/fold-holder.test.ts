import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { findFoldHolder, watchFoldHolder } from '../../src/warehouse/fold-holder.ts';
import { until } from '../database/temporary-server.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** A session in an open transaction; `pid` is its own. */
async function openTransaction(name: string, statement: string) {
  const client = new pg.Client({
    connectionString: database.connectionString,
    application_name: name,
  });
  await client.connect();
  await client.query('begin isolation level repeatable read');
  await client.query(statement);
  const { rows } = await client.query('select pg_backend_pid() as pid');
  return { pid: rows[0].pid as number, end: () => client.end() };
}
const holderNow = () => findFoldHolder(database.pool, 0);

test('a transaction that may write holds the fold back and is named; one that reads does not', async () => {
  const reader = await openTransaction('long report', 'select count(*) from stg.sale');
  const writer = await openTransaction('nightly export', 'select pg_current_xact_id()');
  // Other test files write on the same server, each for a moment.
  await until(async () => (await holderNow())?.pid === writer.pid, 'the writer is the oldest');
  const holder = await holderNow();
  assert.equal(holder?.applicationName, 'nightly export');
  assert.equal(holder?.state, 'idle in transaction');
  assert.ok(holder.seconds > 0);
  assert.equal(await findFoldHolder(database.pool, 3_600), undefined, 'not old enough to be told');
  await writer.end();
  await until(async () => (await holderNow())?.pid !== writer.pid, 'the writer is gone');
  for (let look = 0; look < 20; look++) assert.notEqual((await holderNow())?.pid, reader.pid);
  await reader.end();
});

test('the metric is there while something holds the fold back, and only then', async () => {
  const metrics = createMetrics();
  const { pool } = database;
  const watch = () => watchFoldHolder({ pool, metrics, log: createLog('silent'), overSeconds: 0 });
  const shown = async () => await metrics.registry.getSingleMetricAsString('tillstream_fold_held_seconds');
  const writer = await openTransaction('nightly export', 'select pg_current_xact_id()');
  const label = `{application_name="nightly export",pid="${writer.pid}"}`;
  await until(async () => {
    const watching = watch();
    await watching.stop();
    return (await shown()).includes(label);
  }, 'the metric names the writer');
  await writer.end();
  await until(async () => {
    const watching = watch();
    await watching.stop();
    return !(await shown()).includes(label);
  }, 'the metric is gone');
});
