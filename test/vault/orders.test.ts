import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeCatalogue } from '../../examples/orders/catalogue.ts';
import { generateOrders } from '../../examples/orders/generate.ts';
import { startTestProgram, type TestProgram } from '../program.ts';
import { differencesOf, revenueByDay, settleVault } from './fixture.ts';

const orders = Number(process.env.ORDERS ?? 1_500);
const seed = Number(process.env.SEED ?? 11);
let tested: TestProgram;
let messages: any[];

before(async () => {
  tested = await startTestProgram();
  const catalogue = makeCatalogue(seed, { users: 200, restaurants: 12 });
  messages = [...generateOrders({ seed, orders, catalogue })];
  for (let start = 0; start < messages.length; start += 1_000) {
    const lines = messages.slice(start, start + 1_000).map((one) => JSON.stringify(one));
    const answer = await tested.call('POST', '/api/orders/', lines.join('\n'), {
      'content-type': 'application/x-ndjson',
    });
    assert.equal(answer.status, 202, JSON.stringify(answer.body).slice(0, 500));
  }
  await tested.settle();
  await settleVault(tested);
});
after(() => tested.stop());

test(`the vault of ${orders} orders passes its own checks (SEED=${seed})`, async () => {
  assert.deepEqual(await differencesOf(tested), []);
  assert.deepEqual(await tested.audit(), []);
});

test('it gives the same revenue per day as the marts', async () => {
  const { marts, vault } = await revenueByDay(tested);
  assert.ok(vault.length >= 7, `${vault.length} days`);
  assert.deepEqual(vault, marts);
});
