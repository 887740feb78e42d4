import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { readConfig } from '../../src/config.ts';
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { type Program, startProgram } from '../../src/start-program.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { createRollUp } from '../../src/warehouse/roll-up.ts';
import { makeStandby, primarySettings, type Standby } from '../database/standby.ts';
import { until } from '../database/temporary-server.ts';
import { adminToken, receipt } from '../program.ts';

const log = createLog('silent');
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-replica-'));
const dataDir = path.join(folder, 'data');
let server: EmbeddedPostgres;
let standby: Standby;
let program: Program;

before(async () => {
  chmodSync(folder, 0o755);
  server = await openEmbeddedPostgres({ dataDir, log, settings: primarySettings });
  standby = await makeStandby(server, path.join(dataDir, 'postgres'), path.join(folder, 'standby'));
  await standby.start();
  const config = readConfig({
    DATABASE_URL: server.connectionString,
    DATABASE_READ_URL: standby.connectionString,
    DATA_DIR: dataDir,
    PORT: '0',
    ADMIN_TOKEN: adminToken,
  });
  program = await startProgram({ config, log });
});
after(async () => {
  await program?.stop();
  await standby?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function call(method: string, url: string, body?: unknown) {
  const answer = await fetch(`${program.address}${url}`, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = /json/.test(answer.headers.get('content-type') ?? '');
  return { status: answer.status, body: isJson ? JSON.parse(text) : text, headers: answer.headers };
}

async function ask(url: string): Promise<any> {
  const { status, body } = await call('GET', url);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

const send = async (ids: readonly string[]) => {
  const { status } = await call(
    'POST',
    '/api/checks/?wait=5',
    ids.map((id) => receipt({ transaction_id: id, customer_id: `c-${id}` })),
  );
  assert.equal(status, 202);
};
const receiptsOf = async () => (await ask('/api/analytics/sales')).rows[0]?.receipts ?? 0;
const replicaState = async () => (await ask('/readyz')).checks.replica as string;
const isUsed = async () => /^ok, [\d.]+ s behind$/.test(await replicaState());
const metric = async (name: string) =>
  Number(new RegExp(`^${name} (.+)$`, 'm').exec(await ask('/metrics'))?.[1]);
/** Nobody else reads by this name, so whoever does is the program on the replica. */
async function onStandby(text: string): Promise<any[]> {
  const client = new pg.Client({ connectionString: standby.connectionString });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

const questions = [
  '/api/analytics/',
  '/api/analytics/sales?granularity=month&group_by=category',
  '/api/analytics/sales?granularity=day&from=2024-02-01&to=2024-02-29&compare=previous',
  '/api/analytics/sales?granularity=hour&from=2024-02-01&to=2024-02-29',
  '/api/analytics/sales?group_by=product&granularity=total',
  '/api/analytics/reconciliation?date=2024-02-07',
  '/api/customers/',
];

test('every question of analytics is answered by the replica, which says as of when', async () => {
  await send(['a', 'b', 'c']);
  const sentAt = new Date().toISOString();
  await until(isUsed, 'the replica is used');
  await until(async () => (await ask('/api/analytics/sales')).as_of > sentAt, 'it has what was sent');
  for (const url of [...questions, '/api/analytics/popularity?by=category', '/api/customers/c-a']) {
    const body = await ask(url);
    assert.ok(body.as_of > sentAt, `${url}: ${JSON.stringify(body)}`);
  }
  assert.equal(await receiptsOf(), 3);
  for (const url of ['/api/analytics/sales?format=csv', '/api/customers/?format=csv']) {
    const { status, headers } = await call('GET', url);
    assert.deepEqual([status, headers.get('x-as-of')! > sentAt], [200, true], url);
  }
  assert.equal(await metric('tillstream_replica_up'), 1);
  assert.ok((await metric('tillstream_replica_lag_seconds')) < 60);
});

test('what the replica does not have yet is not claimed to be there', async () => {
  await onStandby('select pg_wal_replay_pause()');
  const before = await receiptsOf();
  await send(['late']);
  const sentAt = new Date().toISOString();
  const lag = async () => await metric('tillstream_replica_lag_seconds');
  await until(async () => (await lag()) > 1.5 && Date.now() > Date.parse(sentAt) + 1_500, 'the lag shows');
  const { rows, as_of: asOf } = await ask('/api/analytics/sales');
  assert.equal(rows[0].receipts, before);
  assert.ok(asOf <= sentAt, `${asOf} is past ${sentAt}, when another receipt was there`);
  const customer = await ask('/api/customers/c-a');
  assert.ok(customer.as_of <= sentAt, 'customers are no newer than the replica');
  await onStandby('select pg_wal_replay_resume()');
  await until(async () => (await receiptsOf()) === before + 1, 'it goes on');
});

/** Marts that are wrong all in the same way, so that a mixture with right ones shows in any answer. */
const doubleMarts = ['sales_hour', 'sales_day', 'sales_month', 'sales_year', 'sales_chain_day']
  .concat(['category_hour', 'category_day', 'category_month', 'category_year', 'category_chain_day'])
  .map((table) => `update cdm.${table} set sales = 2 * sales, receipts = 2 * receipts`)
  .join('; ');

test('a swap of the marts is replayed under questions: the old marts or the new, never a mixture', async () => {
  const { warehouse } = program;
  await warehouse.settle();
  const rollUp = createRollUp({ pool: warehouse.pool, log, metrics: createMetrics(), rest: false });
  while ((await warehouse.pool.query('select from cdm.dirty')).rowCount !== 0) await rollUp.step();
  const asked = questions.slice(0, 4);
  const same = ({ as_of: _, ...answer }: any) => JSON.stringify(answer);
  const askAll = () => Promise.all(asked.map(async (url) => same(await ask(url))));
  const replayed = async () => {
    const now = new Date().toISOString();
    await until(async () => (await ask('/api/analytics/sales')).as_of > now, 'the replica has it');
  };
  await replayed();
  const fresh = await askAll();
  await warehouse.pool.query(doubleMarts);
  await replayed();
  const old = await askAll();
  const seen = asked.map(() => ({ old: 0, fresh: 0 }));
  const readers = asked.map(async (url, index) => {
    while (seen[index]!.fresh === 0) {
      const body = await ask(url);
      // What the primary answered for the replica may be newer than what the replica says next.
      if (body.as_of === undefined) continue;
      const answer = same(body);
      if (answer === fresh[index]) seen[index]!.fresh++;
      else assert.equal(answer, old[index], `a mixture: ${url}`);
      if (answer === old[index]) seen[index]!.old++;
    }
  });
  await rebuildMarts({ ...warehouse, log, metrics: createMetrics(), progress: () => {} });
  await Promise.all(readers);
  for (const { old: times } of seen) assert.ok(times > 0, 'every reader saw the old marts first');
  await replayed();
  assert.deepEqual(await askAll(), fresh);
});

test('a replica that goes away is answered for by the primary, and used again when it is back', async () => {
  const before = await receiptsOf();
  await standby.stop('SIGQUIT');
  const { rows, as_of: asOf } = await ask('/api/analytics/sales');
  assert.deepEqual([rows[0].receipts, asOf], [before, undefined]);
  await send(['while-away']);
  for (const url of questions) assert.equal((await ask(url)).as_of, undefined, url);
  assert.equal(await receiptsOf(), before + 1);
  assert.match(await replicaState(), /^ok, the primary answers instead: /);
  assert.equal(await metric('tillstream_replica_up'), 0);
  await standby.start();
  await until(isUsed, 'the replica is used again');
  await until(async () => (await ask('/api/analytics/sales')).rows[0].receipts === before + 1, 'it has all');
  assert.ok((await ask('/api/analytics/sales')).as_of !== undefined);
});
