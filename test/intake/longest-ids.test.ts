import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

/** Characters of four bytes that do not repeat, so that PostgreSQL cannot compress them. */
function text(bytes: number): string {
  const codes = Array.from({ length: bytes / 4 }, () => 0x10000 + Math.floor(Math.random() * 0xd0000));
  return String.fromCodePoint(...codes);
}

test('the longest ids that are accepted fit the keys of every mart', async () => {
  const place = text(512);
  const token = await tested.call('POST', '/api/tokens/', {
    name: 'longest',
    roles: ['collector'],
    place_id: place,
  });
  const item = { product_id: text(512), category: text(512), quantity: 1, price: 27.47 };
  const longest = receipt({
    transaction_id: text(512),
    place_id: undefined,
    customer_id: text(512),
    payment_method: text(400),
    items: [item, { ...item, category: text(512) }],
    total_amount: 54.94,
  });
  const answer = await tested.call('POST', '/api/checks/', longest, {
    authorization: `Bearer ${token.body.secret ?? token.body.token}`,
    prefer: 'wait=5',
  });
  assert.equal(answer.status, 201, JSON.stringify(answer.body).slice(0, 300));
  await tested.settle();
  assert.deepEqual(await tested.audit(), []);
  const { body } = await tested.call('GET', '/api/analytics/');
  assert.equal(body.results[0].net, 54.94);
});
