import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

test('what waits behind the journal, who holds it, how loads went and what audits found', async () => {
  const empty = (await tested.call('GET', '/api/health/')).body;
  assert.equal(empty.last_sale_at, null);
  assert.deepEqual(empty.audit, { last_at: null, waiting_days: 0, differences: 0, of_days: 7 });
  // An open transaction that has written keeps every follower where it is.
  const client = await tested.database.pool.connect();
  await client.query(
    "begin; set local application_name = 'a forgotten session'; select pg_current_xact_id()",
  );
  await tested.call('POST', '/api/checks/', [receipt(), receipt({ transaction_id: 'second' })]);
  const held = (await tested.call('GET', '/api/health/')).body;
  assert.deepEqual(
    held.followers.map((one: any) => [one.follower, one.waiting_rows]),
    [
      ['fold', 2],
      ['customers', 2],
      ['vault', 2],
    ],
  );
  assert.ok(held.loading.batches >= 1 && held.loading.mean_ms > 0);
  assert.ok(Date.parse(held.last_sale_at) > 0);
  await client.query('update pg_catalog.pg_class set relname = relname where false; select pg_sleep(2.1)');
  const named = (await tested.call('GET', '/api/health/')).body;
  assert.equal(named.held_by.application_name, 'a forgotten session');
  await client.query('rollback');
  client.release();
  await tested.settle();
  await tested.database.pool.query(
    `insert into ops.audit (started_at, finished_at, days, sales, waiting_days, complete, differences)
     select now(), now(), 1, 1, 3, true, '[{"table":"t"},{"table":"u"}]'`,
  );
  const after = (await tested.call('GET', '/api/health/')).body;
  assert.equal(after.followers.find((one: any) => one.follower === 'fold').waiting_rows, 0);
  assert.equal(after.held_by, null);
  assert.equal(after.audit.waiting_days, 3);
  assert.equal(after.audit.differences, 2);
});
