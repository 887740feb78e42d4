import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { createPool } from '../../src/base/db.ts';
import { createLog } from '../../src/base/log.ts';
import { readConfig } from '../../src/config.ts';
import { auditCustomers } from '../../src/customers/audit-customers.ts';
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { type Program, startProgram } from '../../src/start-program.ts';
import { makeBackup } from '../../src/transfer/backup.ts';
import { restoreBackup } from '../../src/transfer/restore.ts';
import { auditMarts } from '../../src/warehouse/audit.ts';
import { adminToken, receipt, startTestProgram, type TestProgram } from '../program.ts';

const log = createLog('silent');
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-go-on-'));
const directory = path.join(folder, 'backup');
const dataDir = path.join(folder, 'data');
const onProgress = () => () => {};
const customers = 5;
const daily = readFileSync('examples/daily-sales/store-1.xml', 'utf8');

let source: TestProgram;
let cluster: EmbeddedPostgres;
let restored: Program;

before(async () => {
  chmodSync(folder, 0o755);
  source = await startTestProgram();
});
after(async () => {
  await restored?.stop();
  await cluster?.stop();
  await source.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Receipt `n` costs n + 1 at first, and 1000 more with each revision. */
const document = (n: number, revision = 0) => {
  const price = n + 1 + 1_000 * revision;
  return receipt({
    transaction_id: `n-${n}`,
    revision,
    customer_id: `c-${n % customers}`,
    place_id: `place-${n % 3}`,
    items: [{ product_id: 'p', quantity: 1, price, category: 'pizza' }],
    total_amount: price,
  });
};

async function call(address: string, method: string, url: string, body?: unknown): Promise<any> {
  const isText = typeof body === 'string';
  const answer = await fetch(`${address}${url}`, {
    method,
    headers: {
      authorization: `Bearer ${adminToken}`,
      'content-type': isText ? 'application/xml' : 'application/json',
    },
    ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}
const there = (method: string, url: string, body?: unknown) => call(restored.address, method, url, body);
const query = async (text: string) => (await restored.warehouse.pool.query(text)).rows;

/** What counts after the restore: number → revision. */
const counted = new Map<number, number>();

async function checkFigures(): Promise<void> {
  const expected = [...counted].map(([n, revision]) => n + 1 + 1_000 * revision);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const { rows } = (await there('GET', '/api/analytics/sales?granularity=total')).body;
  assert.deepEqual([rows[0].sales, rows[0].receipts], [sum(expected), counted.size]);
  await restored.warehouse.settle();
  const { results } = (await there('GET', '/api/customers/')).body;
  for (const { customer_id: id, counters, tags } of results) {
    const mine = [...counted].filter(([n]) => `c-${n % customers}` === id);
    const spent = sum(mine.map(([n, revision]) => n + 1 + 1_000 * revision));
    assert.deepEqual(counters, [{ currency: 'RUB', orders: mine.length, units: mine.length, spent }], id);
    assert.deepEqual(tags, mine.length > 3 ? ['regular'] : [], id);
  }
  const { pool, parse } = restored.warehouse;
  const audited = await auditMarts({
    ...{ pool, parse, identity: 'source', progress: () => {} },
    further: (client) => auditCustomers(client, { clock: systemClock, defaultTimeZone: 'UTC' }),
  });
  assert.deepEqual(audited.differences, []);
}

const events = async () =>
  (
    await query('select entity_key, count(*)::integer as n from ops.outbox group by entity_key order by 1')
  ).map(({ entity_key: key, n }) => `${key} ${n}`);

test('a backup beside a loader holds one moment of it, with what was not folded yet', async () => {
  const at = (method: string, url: string, body?: unknown) => call(source.program.address, method, url, body);
  const rule = { tag: 'regular', scope: 'category', match: 'pizza', metric: 'orders', threshold: 3 };
  assert.equal((await at('POST', '/api/tag-rules/', rule)).status, 201);
  assert.equal((await at('POST', '/api/daily-sales/', daily)).status, 202);
  let next = 0;
  const send = async () => {
    const batch = Array.from({ length: 5 }, () => document(next++));
    assert.equal((await at('POST', '/api/checks/', batch)).status, 202);
  };
  while (next < 50) await send();
  await source.settle();
  // Its transaction id keeps the followers from whatever comes after it.
  const holder = await source.database.pool.connect();
  await holder.query('begin; select pg_current_xact_id()');
  while (next < 100) await send();
  const acknowledged = next;
  let loading = true;
  const loader = (async () => {
    while (loading) await send();
  })();
  while (next < acknowledged + 25) await sleep(1);
  await makeBackup({ pool: source.database.pool, onProgress }, directory);
  loading = false;
  await loader;
  await holder.query('rollback');
  holder.release();

  cluster = await openEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off' } });
  const config = readConfig({
    DATABASE_URL: cluster.connectionString,
    ...{ DATA_DIR: dataDir, PORT: '0', ADMIN_TOKEN: adminToken },
  });
  const { pool } = source.database;
  const target = createPool({
    connectionString: cluster.connectionString,
    applicationName: 'tillstream-restore',
    maximumConnections: 2,
  });
  await restoreBackup(
    { pool: target, connectionString: cluster.connectionString, log, onProgress },
    directory,
  );
  const tail = await target.query(
    `select count(*) as rows, (select max(xid::text::bigint) from stg.journal) > pg_current_xact_id()::text::bigint as ahead
     from stg.journal where contributions is not null and (epoch, xid, position) > (select epoch, xid, position from cdm.cursor where follower = 'fold')`,
  );
  assert.ok(tail.rows[0].rows >= 50, 'the backup has rows that were not folded');
  assert.ok(tail.rows[0].ahead, 'the transaction ids of the backup are ahead of those of the new cluster');
  await target.end();
  restored = await startProgram({ config, log });
  for (const row of await query("select source_id from stg.sale where source = 'receipt'"))
    counted.set(Number(row.source_id.slice(2)), 0);
  for (let n = 0; n < acknowledged; n++) assert.ok(counted.has(n), `${n} was acknowledged before the backup`);
  const [{ rows: known }] = (await pool.query('select count(*) as rows from stg.sale')).rows;
  assert.ok(counted.size < known, 'loading went on after the moment of the backup');
  await checkFigures();
});

test('loading goes on: what comes again counts once, corrections replace, followers go on', async () => {
  const told = await events();
  const everything = [...counted.keys()];
  const again = await there(
    'POST',
    '/api/checks/',
    everything.map((n) => document(n)),
  );
  assert.equal(again.status, 202);
  assert.equal((await there('POST', '/api/daily-sales/', daily)).status, 409);
  await checkFigures();
  const [{ duplicates }] = await query(
    "select count(*) as duplicates from stg.journal where verdict = 'duplicate' and source = 'receipt'",
  );
  assert.equal(duplicates, everything.length);
  assert.deepEqual(await events(), told, 'nobody is told twice');
  const corrected = everything.filter((n) => n % 7 === 0);
  const added = Array.from({ length: 30 }, (_, index) => 5_000 + index);
  await there('POST', '/api/checks/', [
    ...corrected.map((n) => document(n, 1)),
    ...added.map((n) => document(n)),
  ]);
  for (const n of corrected) counted.set(n, 1);
  for (const n of added) counted.set(n, 0);
  await checkFigures();
  const cursors = await query(
    "select follower, epoch from cdm.cursor where follower in ('fold', 'customers') order by 1",
  );
  assert.deepEqual(cursors, [
    { follower: 'customers', epoch: 2 },
    { follower: 'fold', epoch: 2 },
  ]);
  const [{ rows }] = await query('select count(*) - count(distinct position) as rows from stg.journal');
  assert.equal(rows, 0, 'no position is given twice');
});
