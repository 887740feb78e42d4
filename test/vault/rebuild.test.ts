import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rebuildVault } from '../../src/vault/rebuild-vault.ts';
import * as views from '../../src/warehouse/mart-views.ts';
import { runCommand } from '../commands/run-command.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';
import { contentOf, differencesOf, settleVault, vaultDepsOf } from './fixture.ts';

let tested: TestProgram;
const query = async (text: string) => (await tested.database.pool.query(text)).rows;
const rebuild = () => rebuildVault({ ...vaultDepsOf(tested), rowsPerStep: 50, views, progress: () => {} });

async function send(documents: Record<string, unknown>[]): Promise<void> {
  const { status, body } = await tested.call('POST', '/api/checks/', documents, { prefer: 'wait=5' });
  assert.ok(status < 300, JSON.stringify(body));
}
const receipts = (prefix: string, count: number, changes: Record<string, unknown> = {}) =>
  Array.from({ length: count }, (_, index) =>
    receipt({
      transaction_id: `${prefix}-${index}`,
      place_id: `r-${index % 3}`,
      customer_id: `c-${index % 7}`,
      ...changes,
    }),
  );

before(async () => {
  tested = await startTestProgram();
  await send(receipts('r', 120));
  await send(
    receipts('r', 40, { revision: 2, items: [{ product_id: 'p', quantity: 1, price: 3, category: 'c' }] }),
  );
  await send(receipts('r', 20, { revision: 1, total_amount: 9 }));
  await settleVault(tested);
});
after(() => tested.stop());

/** Only what differs, so that a failure can be read. */
function differing(one: Record<string, string[]>, other: Record<string, string[]>): string[] {
  return Object.keys(one).flatMap((table) => {
    const known = new Set(other[table]);
    return one[table]!.filter((row) => !known.has(row)).map((row) => `${table} ${row}`);
  });
}
async function assertSame(right: Record<string, string[]>): Promise<void> {
  const content = await contentOf(tested);
  assert.deepEqual([differing(right, content), differing(content, right)], [[], []]);
}

test('a rebuild gives the same vault, row by row', async () => {
  const right = await contentOf(tested);
  assert.equal(right.h_order!.length, 120);
  await rebuild();
  await assertSame(right);
  assert.deepEqual(await query("select nspname from pg_namespace where nspname = 'dds_next'"), []);
});

test('it puts a vault right that lost rows, and indexes, comments of views and grants stay', async () => {
  const right = await contentOf(tested);
  const shape = async () => [
    await query(
      "select tablename, indexname, replace(indexdef, 'dds_next', 'dds') as text from pg_indexes where schemaname = 'dds' order by 1, 2",
    ),
    await query(
      "select relname, relacl::text from pg_class where relnamespace = 'dds'::regnamespace and relkind in ('r', 'v') order by 1",
    ),
    await query(
      "select relname, obj_description(oid, 'pg_class') as text from pg_class where relnamespace = 'dds'::regnamespace and relkind in ('r', 'v') order by 1",
    ),
    await query("select definition from pg_views where viewname = 'of_mine'"),
  ];
  await query('grant select on dds.h_order to public');
  await query('create view of_mine as select order_key, count(*) as n from dds.s_order_cost group by 1');
  const before = await shape();
  await query(
    'delete from dds.h_product; delete from dds.s_order_line where line_number = 1; update dds.s_order_cost set total = 1',
  );
  assert.ok((await differencesOf(tested)).length > 100);
  const { code, output } = await runCommand(['rebuild', 'vault'], {
    DATABASE_URL: tested.database.connectionString,
    DATA_DIR: tested.config.dataDir,
  });
  assert.equal(code, 0, output);
  assert.match(output, /vault rebuilt: \d+ journal rows/);
  await assertSame(right);
  assert.deepEqual(await shape(), before);
  assert.equal((await query('select count(*) as n from of_mine'))[0].n, 120);
});

test('it runs beside loading, and readers always find a whole vault', async () => {
  let isDone = false;
  const totals: number[] = [];
  const reading = (async () => {
    while (!isDone) totals.push((await query('select count(*) as n from dds.v_sale_current'))[0].n);
  })();
  const loading = (async () => {
    for (let round = 0; round < 5; round++) await send(receipts(`live-${round}`, 60));
  })();
  await rebuild();
  await loading;
  isDone = true;
  await reading;
  await settleVault(tested);
  assert.ok(
    totals.every((total) => total >= 120),
    totals.join(),
  );
  assert.equal((await query('select count(*) as n from dds.v_sale_current'))[0].n, 420);
  assert.deepEqual(await differencesOf(tested), []);
});
