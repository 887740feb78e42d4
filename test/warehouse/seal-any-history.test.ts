import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeCatalogue } from '../../examples/orders/catalogue.ts';
import { generateOrders } from '../../examples/orders/generate.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { makeBackup } from '../../src/transfer/backup.ts';
import { restoreBackup } from '../../src/transfer/restore.ts';
import { rebuildVault } from '../../src/vault/rebuild-vault.ts';
import { auditMarts } from '../../src/warehouse/audit.ts';
import { ensurePartitions } from '../../src/warehouse/installation.ts';
import * as views from '../../src/warehouse/mart-views.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { sealJournal } from '../../src/warehouse/seal.ts';
import { runCommand, startCommand } from '../commands/run-command.ts';
import { fileOf, productOf } from '../intake/daily-reading.ts';
import { createTestDatabase } from '../postgres.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';
import { contentOf, differencesOf, settleVault, vaultDepsOf } from '../vault/fixture.ts';

const seed = Number(process.env.SEED ?? Math.trunc(Math.random() * 1e9));
const identity: 'source' | 'place' = process.env.BY === 'place' ? 'place' : 'source';
const nowMs = Date.now();
let tested: TestProgram;
const query = async (text: string, values: unknown[] = []) =>
  (await tested.database.pool.query(text, values)).rows as any[];

const monthsAgo = (months: number) => {
  const now = new Date(nowMs);
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1));
};
const dayOf = (months: number) => monthsAgo(months).toISOString().slice(0, 10);
const progress = () => {};
const seal = (months: number) =>
  sealJournal(
    { pool: tested.database.pool, sendsOrders: false, nowMs, progress },
    { before: monthsAgo(months), identity },
  );
const settle = async () => {
  await tested.settle();
  await settleVault(tested);
};
const rebuildTheVault = () => rebuildVault({ ...vaultDepsOf(tested), rowsPerStep: 200, views, progress });
const rebuildTheMarts = () => {
  const { reference, parse, epoch, pool } = tested.program.warehouse;
  return rebuildMarts({
    ...{ pool, reference, parse, epoch, progress },
    ...{ log: createLog('silent'), metrics: createMetrics() },
  });
};
/** What was known at several moments, before the seal and after it. */
const knownThen = async () =>
  await Promise.all(
    [10, 8, 7, 6, 5, 3].map((months) =>
      query('select v::text as row from dds.v_sale_as_of($1) as v order by 1', [monthsAgo(months)]),
    ),
  );
const nonZero = 'sales <> 0 or refunds <> 0 or receipts <> 0 or refund_receipts <> 0';
const figures = async () => ({
  hours: await query(`select * from cdm.sales_hour where ${nonZero} order by 1, 2, 3, 4, 5, 6`),
  categories: await query(`select * from cdm.category_hour where ${nonZero} order by 1, 2, 3, 4, 5, 6, 7`),
  products: await query(`select * from cdm.product_day where ${nonZero} order by 1, 2, 3, 4, 5, 6, 7`),
});
async function assertClean(): Promise<void> {
  await settle();
  assert.deepEqual(await tested.audit(), []);
  assert.deepEqual(await differencesOf(tested), []);
}

/**
 * That a line is gone, a later version repeats or not, as they came; and which of the sales that say a name is the one
 * that is kept goes by the batches they came in. Nothing is known otherwise by either.
 */
function saidBy(table: string, rows: readonly string[]): readonly string[] {
  if (table === 's_order_line') return rows.filter((row) => row.split(',').at(-4) !== 't');
  if (table !== 's_product_names') return rows;
  return [...new Set(rows.map((row) => row.replace(/,f,"[^"]*"/, '').replace(/,"[^"]*",order,.*/, '')))];
}

async function post(url: string, documents: unknown[]): Promise<void> {
  const lines = documents.map((one) => JSON.stringify(one)).join('\n');
  const answer = await tested.call('POST', url, lines, { 'content-type': 'application/x-ndjson' });
  assert.ok(answer.status < 300, JSON.stringify(answer.body).slice(0, 500));
}
const receipts = (count: number, changes: Record<string, unknown> = {}) =>
  Array.from({ length: count }, (_, index) =>
    receipt({
      transaction_id: `r-${index}`,
      place_id: `p-${index % 3}`,
      customer_id: `c-${index % 9}`,
      timestamp: '2024-02-07T22:30:00',
      ...changes,
    }),
  );
const price = (amount: number) => ({
  items: [{ product_id: 'p', quantity: 1, price: amount, category: 'c' }],
  total_amount: amount,
});
async function declare(place: string, amount: string): Promise<void> {
  const body = fileOf(productOf({ price: amount }), `date="2024-02-07" place_id="${place}"`);
  const answer = await tested.call('POST', '/api/daily-sales/?replace=true', body, {
    'content-type': 'application/xml',
  });
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
}
async function moveTo(place: string, zone: string): Promise<void> {
  await tested.call('PUT', `/api/places/${place}`, { since: 'beginning', time_zone: zone });
  while ((await tested.program.jobs.pending('reattribute')) > 0) await sleep(20);
}

/** The journal as if it had come over ten months, in its order: the oldest row came eleven months ago. */
async function age(): Promise<void> {
  for (const months of [11, 8, 5, 2])
    await ensurePartitions(tested.database.pool, monthsAgo(months).getTime());
  await query(
    `create table public.aged as select position, source, source_id, sale_seq, received_at as old,
       date_trunc('second', $1::timestamptz + (percent_rank() over (order by position)) * interval '300 days') as new,
       case verdict when 'reattributed' then replay_of else position end as document
     from stg.journal`.replace('$1', `'${monthsAgo(11).toISOString()}'`),
  );
  // A contribution says when its document came; what is taken out is that of the row before.
  await query(`
    update stg.journal as j set received_at = a.new, contributions = (
      select jsonb_agg(jsonb_set(e, '{got}', to_jsonb(extract(epoch from d.new)::bigint)) order by n)
      from jsonb_array_elements(j.contributions) with ordinality as c(e, n)
      join public.aged as r on r.source = j.source and r.source_id = j.source_id
        and r.sale_seq = j.sale_seq - case e->>'sign' when '1' then 0 else 1 end
      join public.aged as d on d.position = r.document)
    from public.aged as a where a.position = j.position and a.old = j.received_at`);
  await query(
    'update stg.sale as s set journal_at = a.new from public.aged as a where a.position = s.journal_position',
  );
  await query('drop table public.aged');
}

before(async () => {
  tested = await startTestProgram({ IDENTITY: identity });
  const catalogue = makeCatalogue(seed, { users: 30, restaurants: 4 });
  const orders = [...generateOrders({ seed, orders: 40, catalogue })];
  const half = Math.trunc(orders.length / 2);
  await post('/api/checks/', receipts(60));
  await post('/api/orders/', orders.slice(0, half));
  await declare('d-1', '10');
  await declare('d-2', '10');
  await moveTo('p-0', 'Asia/Tokyo');
  await moveTo('d-1', 'Asia/Tokyo');
  await post('/api/checks/', receipts(25, { revision: 2, ...price(3) }));
  await post('/api/checks/', receipts(40, { revision: 1, ...price(4) }));
  await declare('d-2', '20');
  await post('/api/orders/', orders.slice(half));
  await moveTo('p-1', 'Asia/Tokyo');
  await post('/api/checks/', receipts(10, { revision: 3, ...price(5) }));
  await declare('d-1', '30');
  await settle();
  await age();
  // Marts and vault say too when something came.
  assert.equal((await rebuildTheMarts()).recomputed, 0);
  await rebuildTheVault();
});
after(() => tested.stop());

test(`killed half-way the journal is whole, and run again it is sealed (SEED=${seed})`, async () => {
  await assertClean();
  const [right, vault] = [await figures(), await contentOf(tested)];
  const { connectionString } = tested.database;
  const env = { DATABASE_URL: connectionString, DATA_DIR: tested.config.dataDir, IDENTITY: identity };
  const args = ['seal', '--before', dayOf(6)];
  // Somebody reads: everything is copied, and the exchange waits.
  const reader = await tested.database.pool.connect();
  await reader.query('begin; lock table cdm.generation in access share mode');
  const killed = startCommand(args, env);
  const copied =
    "select from pg_stat_activity where application_name = 'tillstream-seal' and query like 'lock table cdm.generation%'";
  while ((await query(copied)).length === 0) {
    assert.equal(killed.child.exitCode, null, killed.output());
    await sleep(5);
  }
  killed.child.kill('SIGKILL');
  await killed.ended;
  await reader.query('rollback');
  reader.release();
  assert.deepEqual(await query('select from ops.seal'), []);
  assert.deepEqual(await figures(), right);
  const sealed = await runCommand(args, env);
  assert.match(sealed.output, /sealed: \d+ sales .*\n\d+ journal rows kept .* partitions dropped/);
  assert.equal(sealed.code, 0, sealed.output);
  assert.deepEqual(await figures(), right);
  assert.deepEqual(await contentOf(tested), vault);
  await assertClean();
  assert.deepEqual(await query("select from pg_namespace where nspname = 'stg_next'"), []);
});

test('a rebuild of the marts finds nothing to put right', async () => {
  const right = await figures();
  const rebuilt = await rebuildTheMarts();
  assert.deepEqual([rebuilt.recomputed, rebuilt.repaired], [0, 0]);
  assert.deepEqual(await figures(), right);
});

test('a rebuild of the vault keeps the history that the journal has no more, and puts right what it has', async () => {
  const [right, then] = [await contentOf(tested), await knownThen()];
  const positions = new Set((await query('select position from stg.journal')).map((row) => row.position));
  const told = await query('select journal_position as position from dds.s_order_context');
  const gone = told.filter(({ position }) => !positions.has(position));
  assert.ok(gone.length > 20, `${gone.length}`);
  await query(`
    delete from dds.s_order_line where (link_key, version) in (
      select l.link_key, l.version from dds.s_order_line as l join dds.l_order_product as i using (link_key)
      join dds.s_order_context as c on c.order_key = i.order_key and c.version = l.version
      join stg.journal as j on j.position = c.journal_position limit 10)`);
  const rebuilt = await rebuildTheVault();
  assert.equal(rebuilt.sealed?.versions, gone.length);
  const content = await contentOf(tested);
  for (const table of Object.keys(right))
    assert.deepEqual(saidBy(table, content[table]!), saidBy(table, right[table]!), table);
  assert.deepEqual(await knownThen(), then);
  await assertClean();
});

test('rows that come late for a sealed month, while it is sealed, are sealed as they are', async () => {
  const { warehouse } = tested.program;
  const load = (id: string, at: Date, changes: Record<string, unknown> = {}) =>
    warehouse.load([
      warehouse.parse({
        source: 'receipt',
        receivedAtMs: at.getTime(),
        contentType: 'application/json',
        body: Buffer.from(JSON.stringify({ ...receipts(1, changes)[0], transaction_id: id })),
        resolved: warehouse.resolvedDefaults,
      }),
    ]);
  await load('late-1', monthsAgo(4));
  await load('late-2', monthsAgo(4));
  await settle();
  const before = await query('select count(*) as sales from stg.sale');
  const steps: Promise<unknown>[] = [];
  let isFirst = true;
  const sealed = sealJournal(
    {
      ...{ pool: tested.database.pool, sendsOrders: false, nowMs },
      progress: (step) => {
        if (!isFirst || !step.startsWith('journal rows')) return;
        isFirst = false;
        steps.push(load('late-2', monthsAgo(4), { revision: 1, ...price(2) }), load('late-3', monthsAgo(4)));
      },
    },
    { before: monthsAgo(3), identity },
  );
  await sealed;
  await Promise.all(steps);
  const after = await query('select count(*) as sales from stg.sale');
  assert.equal(after[0].sales - before[0].sales, 1);
  // A correction that came after the exchange is a row of its own, which takes out what the sealed one put in.
  const rows = await query(`
    select sum((c->>'sign')::integer * (c->>'total')::bigint)::integer as total
    from stg.sealed_sale, jsonb_array_elements(contributions) as c
    where source_id in ('late-1', 'late-2') group by source_id order by source_id`);
  assert.deepEqual(
    rows.map((row) => row.total),
    [2747, 200],
  );
  await assertClean();
});

test('a backup of a sealed journal restores as one, and it is sealed on', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-sealed-'));
  const database = await createTestDatabase();
  try {
    const onProgress = () => () => {};
    // Months that a start made there lie within what is sealed here.
    await ensurePartitions(database.pool, monthsAgo(6).getTime());
    await makeBackup({ pool: tested.database.pool, onProgress }, path.join(folder, 'whole'));
    await restoreBackup({ ...database, log: createLog('silent'), onProgress }, path.join(folder, 'whole'));
    const { rows } = await database.pool.query('select count(*)::integer as rows from stg.sealed_sale');
    assert.equal(
      rows[0].rows,
      (await query('select count(*)::integer as rows from stg.sealed_sale'))[0].rows,
    );
    await ensurePartitions(database.pool, nowMs);
    const { parse } = tested.program.warehouse;
    const audited = await auditMarts({ pool: database.pool, parse, identity, progress });
    assert.deepEqual(audited.differences, []);
    const scope = { before: monthsAgo(2), identity };
    assert.ok(await sealJournal({ pool: database.pool, sendsOrders: false, nowMs, progress }, scope));
    assert.deepEqual((await auditMarts({ pool: database.pool, parse, identity, progress })).differences, []);
  } finally {
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('products of daily files that were replaced go with them', async () => {
  await seal(1);
  const files = await query(
    'select d.position from stg.daily_document as d left join stg.journal as j using (position) where j.position is null',
  );
  assert.deepEqual(files, []);
  assert.equal((await query('select from stg.daily_line')).length, 2);
  await assertClean();
});
