import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inTransaction } from '../../src/base/db.ts';
import { programRoles } from '../../src/roles.ts';
import { auditVault } from '../../src/vault/audit-vault.ts';
import { runCommand } from '../commands/run-command.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';
import { differencesOf, settleVault } from './fixture.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram({}, { roles: programRoles.filter((role) => role !== 'vault') });
  const documents = [0, 1, 2].map((index) =>
    receipt({ transaction_id: `a-${index}`, customer_id: `c-${index}` }),
  );
  const { status } = await tested.call('POST', '/api/checks/', documents, { prefer: 'wait=5' });
  assert.equal(status, 202);
  const corrected = receipt({
    transaction_id: 'a-1',
    revision: 1,
    customer_id: 'c-1',
    items: [{ product_id: 'x', quantity: 1, price: 27.47, category: 'c' }],
  });
  await tested.call('POST', '/api/checks/', corrected, { prefer: 'wait=5' });
  await settleVault(tested);
});
after(() => tested.stop());

/** What the audit finds after `damage`, which is taken back. */
async function findAfter(damage: string): Promise<string[]> {
  const { pool } = tested.database;
  let found: string[] = [];
  await inTransaction(pool, async (client) => {
    await client.query(damage);
    found = (await auditVault(client)).map((one) => `${one.table} ${one.figure}`);
    throw new Error('taken back');
  }).catch((error: Error) => assert.equal(error.message, 'taken back'));
  return [...new Set(found)];
}

const order = "(select order_key from dds.h_order where order_id = 'receipt:a-1')";
const damages: [what: string, damage: string, expected: string[]][] = [
  [
    'a product is lost',
    "delete from dds.h_product where product_id = 'x'",
    ['dds.l_order_product product_key', 'dds.l_product_category product_key', 'dds.v_sale_line_current net'],
  ],
  [
    'a link is lost',
    `delete from dds.l_order_user where order_key = ${order}`,
    ['dds.s_order_context user_key'],
  ],
  [
    'a sum is wrong',
    `update dds.s_order_cost set total = 1 where order_key = ${order} and sale_seq = 2`,
    ['dds.s_order_cost hashdiff', 'dds.v_sale_current sales'],
  ],
  [
    'a sum is lost',
    `delete from dds.s_order_cost where order_key = ${order}`,
    ['dds.s_order_cost rows', 'dds.v_sale_current sales'],
  ],
  [
    'a sale is lost',
    `delete from dds.s_order_context where order_key = ${order}`,
    ['dds.h_order current', 'dds.s_order_line version', 'dds.s_order_context journal_position'],
  ],
  [
    'a removed line stands again',
    'delete from dds.s_order_line where is_deleted',
    ['dds.s_order_line current'],
  ],
  [
    'a key is another',
    "update dds.h_category set category_name = 'other' where category_name = 'groceries'",
    ['dds.h_category category_key'],
  ],
  [
    'a sale counts for another day',
    `update dds.s_order_context set business_date = '2024-02-08' where order_key = ${order}`,
    ['dds.s_order_context hashdiff', 'dds.v_sale_current sales'],
  ],
  [
    'a sale that nobody sent',
    `update dds.s_order_context set journal_position = 999999 where order_key = ${order} and sale_seq = 2`,
    ['dds.s_order_context journal_position'],
  ],
];

test('the audit finds nothing wrong with a vault that is right', async () => {
  assert.deepEqual(await differencesOf(tested), []);
});

for (const [what, damage, expected] of damages)
  test(`the audit finds it when ${what}`, async () => {
    const found = await findAfter(damage);
    for (const one of expected)
      assert.ok(found.includes(one), `${one} is not among ${found.join(', ') || 'nothing'}`);
  });

test('the command tells what differs and ends with 1', async () => {
  await tested.settle();
  const env = { DATABASE_URL: tested.database.connectionString, DATA_DIR: tested.config.dataDir };
  const right = await runCommand(['audit'], env);
  assert.equal(right.code, 0, right.output);
  await tested.database.pool.query(
    `update dds.s_order_cost set total = 1 where order_key = ${order} and sale_seq = 2`,
  );
  const wrong = await runCommand(['audit'], env);
  assert.equal(wrong.code, 1);
  assert.match(
    wrong.output,
    /dds\.v_sale_current {2}2024-02-07 unique_place_id1 receipt credit_card RUB {2}sales: expected \d+, found \d+/,
  );
});
