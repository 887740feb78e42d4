import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { programRoles } from '../../src/roles.ts';
import { createVaultFollower } from '../../src/vault/load-vault.ts';
import { createDyingPool } from '../customers/fixture.ts';
import { startTestProgram, type TestProgram } from '../program.ts';
import { differencesOf, revenueByDay, settleVault, vaultDepsOf } from './fixture.ts';

let tested: TestProgram;
const query = async (text: string) => (await tested.database.pool.query(text)).rows;
before(async () => {
  // Only the followers of this test write the vault.
  tested = await startTestProgram({}, { roles: programRoles.filter((role) => role !== 'vault') });
});
after(() => tested.stop());

async function sendFile(date: string, products: number, price: number): Promise<void> {
  const list = Array.from(
    { length: products },
    (_, index) =>
      `<product><id>p${index}</id><name>Product ${index}</name><quantity>2</quantity><price>${price}</price><category>c${index % 3}</category></product>`,
  );
  const body = `<sales_data date="${date}" place_id="shop"><products>${list.join('')}</products></sales_data>`;
  const answer = await tested.call('POST', '/api/daily-sales/?replace=true', body, {
    'content-type': 'application/xml',
  });
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
}

const lines = (date: string) =>
  query(
    `select count(*) as n, sum(amount)::bigint as amount from dds.v_sale_line_current where business_date = '${date}'`,
  );

test('a daily file is a sale of as many lines; a replacement leaves what it no longer has', async () => {
  await sendFile('2024-01-01', 30, 10);
  await settleVault(tested);
  assert.deepEqual(await lines('2024-01-01'), [{ n: 30, amount: 60_000 }]);
  await sendFile('2024-01-01', 20, 11);
  await tested.settle();
  await settleVault(tested);
  assert.deepEqual(await lines('2024-01-01'), [{ n: 20, amount: 44_000 }]);
  assert.equal((await query('select count(*) as n from dds.s_order_line where is_deleted'))[0].n, 10);
  assert.deepEqual(await differencesOf(tested), []);
  const { marts, vault } = await revenueByDay(tested);
  assert.deepEqual(vault, marts);
});

test('a file too large for one step goes in page by page, is seen whole or not at all, and survives kills', async () => {
  await sendFile('2024-01-02', 100, 10);
  await sendFile('2024-01-02', 90, 10);
  const dying = createDyingPool(tested.database.pool);
  const pool = Object.assign(Object.create(tested.database.pool), dying.pool);
  const follower = createVaultFollower({ ...vaultDepsOf(tested), pool, linesPerPage: 15 });
  let kills = 0;
  for (let statements = 4; statements < 60; statements += 3) {
    dying.dieAfter(statements);
    await follower.step().catch((error: Error) => {
      assert.equal(error.message, 'killed');
      kills++;
    });
    assert.ok([0, 90, 100].includes((await lines('2024-01-02'))[0].n));
    assert.deepEqual(await differencesOf(tested), []);
  }
  assert.ok(kills > 5, `${kills} kills`);
  await settleVault(tested);
  assert.deepEqual(await lines('2024-01-02'), [{ n: 90, amount: 180_000 }]);
  assert.deepEqual(await differencesOf(tested), []);
});
