import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { auditVaultDays } from '../../src/vault/audit-days.ts';
import { type AuditDaysDeps, auditTouchedDays } from '../../src/warehouse/audit-days.ts';
import { runCommand } from '../commands/run-command.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';
import { settleVault } from '../vault/fixture.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

const metrics = createMetrics();
const audit = (options: Partial<AuditDaysDeps> = {}) =>
  auditTouchedDays({
    ...tested.program.warehouse,
    ...{ identity: tested.config.identity, log: createLog('silent'), metrics },
    further: (client) => auditVaultDays(client),
    ...options,
  });
const query = async (text: string) => (await tested.database.pool.query(text)).rows;
const audits = async (url = '/api/audits/') => (await tested.call('GET', url)).body.results;

async function send(id: string, changes: Record<string, unknown> = {}): Promise<void> {
  const answer = await tested.call('POST', '/api/checks/', receipt({ transaction_id: id, ...changes }));
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
}
const settle = async () => {
  await tested.settle();
  await settleVault(tested);
};

test('before the first sale nothing is audited; then the days that were touched, once', async () => {
  assert.deepEqual(await audit(), { days: 0, sales: 0, differences: 0, waiting_days: 0 });
  assert.deepEqual(await audits(), []);
  for (let index = 0; index < 4; index++) await send(`a-${index}`);
  await send('other', { timestamp: '2024-02-09T10:00:00', place_id: 'second' });
  await settle();
  await send('tail');
  assert.deepEqual(await audit(), { days: 2, sales: 6, differences: 0, waiting_days: 0 });
  await settle();
  await audit();
  assert.deepEqual(await audit(), { days: 0, sales: 0, differences: 0, waiting_days: 0 });
  await send('a-1', { revision: 1, total_amount: 27.47, type: 'refund' });
  await settle();
  assert.deepEqual(await audit(), { days: 1, sales: 5, differences: 0, waiting_days: 0 });
});

const place = "place_id = 'unique_place_id1'";
const add = (table: string, figure: string, where: string) => ({
  table: `cdm.${table}`,
  change: `update cdm.${table} set ${figure} = ${figure} + 1 where ${where}`,
  undo: `update cdm.${table} set ${figure} = ${figure} - 1 where ${where}`,
});
const total = (amount: number) =>
  `update stg.journal set contributions = jsonb_set(contributions, '{0,total}', '${amount}') where source_id = 'a-3'`;
const wrongs = [
  add('sales_hour', 'sales', place),
  add('category_hour', 'units', `${place} and category = 'groceries'`),
  add('product_day', 'receipts', `${place} and product_id = 'product_id_1'`),
  add('place_pulse', 'tips', `${place} and not by_arrival`),
  add('sales_day', 'nds', place),
  add('product_month', 'sales', `${place} and product_id = 'product_id_1'`),
  add('category_chain_day', 'sales', 'true'),
  {
    table: 'stg.sale',
    change: "update stg.sale set content_hash = '\\x00' where source_id = 'a-2'",
    undo: "update stg.sale set content_hash = sha256((select document from stg.journal where source_id = 'a-2')) where source_id = 'a-2'",
  },
  { table: 'stg.journal', change: total(9), undo: total(2747) },
  {
    table: 'dds.v_sale_current',
    change: 'update dds.s_order_cost set total = total + 1',
    undo: 'update dds.s_order_cost set total = total - 1',
  },
  {
    table: 'dds.v_sale_line_current',
    change: 'update dds.s_order_line set amount = amount + 1',
    undo: 'update dds.s_order_line set amount = amount - 1',
  },
];

test('what is wrong in a touched day is told by its row, as an event, a metric and to doctor', async () => {
  for (const [index, { table, change, undo }] of wrongs.entries()) {
    await send(`touch-${index}`);
    await settle();
    await query(change);
    const found = await audit();
    const [newest] = await audits();
    assert.ok(found.differences > 0, `${table} was not found`);
    assert.ok(
      newest.differences.some((one: any) => one.table === table),
      `${table}: ${JSON.stringify(newest.differences)}`,
    );
    const events = await query(
      "select event, entity_key, payload from ops.outbox where topic = 'notifications' order by entity_seq",
    );
    assert.equal(events.length, index + 1);
    assert.equal(events.at(-1)!.event, 'audit.difference');
    assert.equal(events.at(-1)!.payload.audit_id, newest.audit_id);
    assert.deepEqual(events.at(-1)!.payload.rows, newest.differences.slice(0, 20));
    const counted = (await metrics.auditDifferences.get()).values.find((one) => one.labels.table === table);
    assert.ok(counted!.value > 0);
    if (table === 'cdm.sales_hour') {
      const { output } = await runCommand(['doctor'], { DATABASE_URL: tested.database.connectionString });
      assert.match(
        output,
        /warn {2}hourly audit: .* differences in 7 days, .*cdm\.sales_hour unique_place_id1/,
      );
    }
    await query(undo);
  }
});

test('it looks at touched days alone, a little each time', async () => {
  await send('touch-last');
  await settle();
  assert.equal((await audit()).differences, 0);
  await query("update cdm.sales_hour set sales = sales + 1 where place_id = 'second'");
  await send('touch-more');
  await settle();
  assert.equal((await audit()).differences, 0);
  assert.equal((await audits('/api/audits/?differences_only=true')).length, wrongs.length);
  const { body } = await tested.call('GET', '/api/audits/?limit=1');
  assert.equal(body.results.length, 1);
  const rest = await tested.call('GET', `/api/audits/?limit=1&cursor=${body.next_cursor}`);
  assert.equal(rest.body.results[0].audit_id, body.results[0].audit_id - 1);

  await query("delete from cdm.touched_until where reader = 'audit'");
  // The first look at a long history takes all days in, and leaves most for later.
  const many = Array.from({ length: 250 }, (_, day) =>
    receipt({
      transaction_id: `many-${day}`,
      timestamp: `${new Date(Date.UTC(2023, 0, day + 1)).toISOString().slice(0, 10)}T12:00:00`,
    }),
  );
  await tested.call('POST', '/api/checks/', many);
  await settle();
  const first = await audit({ salesPerAudit: 1 });
  assert.deepEqual([first.days, first.waiting_days], [200, 52]);
  const second = await audit({ salesPerAudit: 1 });
  assert.deepEqual([second.days, second.waiting_days], [52, 0]);
  // The one that was made wrong above is among them.
  assert.ok(first.differences + second.differences > 0);
});

test('ids told apart by place, daily files, moved categories and an erased person accuse nothing', async (context) => {
  const main = tested;
  tested = await startTestProgram({
    IDENTITY: 'place',
    ERASURE_KEY: 'a key for erasures, of the tests only',
  });
  context.after(async () => {
    await tested.stop();
    tested = main;
  });
  for (const place of ['east', 'west'])
    for (let index = 0; index < 3; index++)
      await send(`same-${index}`, {
        place_id: place,
        customer_id: 'guest',
        ...(index === 2 ? { type: 'refund' } : {}),
      });
  const file =
    '<sales_data date="2024-02-07" place_id="east"><products><product><id>1</id><name>A</name><quantity>2</quantity><price>5.00</price><category>Tea</category></product></products></sales_data>';
  const xml = { 'content-type': 'application/xml' };
  await tested.call('POST', '/api/daily-sales/', file, xml);
  await tested.call('POST', '/api/daily-sales/?replace=true', file.replace('5.00', '6.00'), xml);
  const sold = {
    transaction_id: 't',
    product_id: 'late',
    quantity: 1,
    total_amount: 3,
    timestamp: '2024-02-07T10:00:00',
    place_id: 'west',
  };
  assert.equal((await tested.call('POST', '/api/transactions/', sold)).status, 202);
  await settle();
  const clean = { days: 2, sales: 8, differences: 0, waiting_days: 0 };
  assert.deepEqual(await audit(), clean, JSON.stringify(await audits()));
  await tested.call('PUT', '/api/products/late', { name: 'Late', category: 'found', price: 3 });
  await tested.call('PUT', '/api/places/east', {
    time_zone: 'Asia/Tokyo',
    business_day_start: '14:00',
    since: 'beginning',
  });
  assert.equal((await tested.call('DELETE', '/api/customers/guest')).status, 202);
  while ((await query("select from pgboss.job where state in ('created', 'retry', 'active')")).length > 0);
  await settle();
  const audited = await audit();
  assert.equal(audited.differences, 0, JSON.stringify((await audits())[0]));
  assert.ok(audited.days >= 2 && audited.sales >= 4, JSON.stringify(audited));
});
