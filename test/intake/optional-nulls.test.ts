import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutNulls } from '../../src/intake/optional-nulls.ts';
import { Receipt, receiptExample } from '../../src/sales/receipt.ts';
import { parseChanged, problemsOf, saleOf } from './parsing.ts';

const [item] = receiptExample.items;

test('null where a member is optional counts as left out, at any depth', () => {
  const nothing = { customer_id: null, discount_amount: null, revision: null, currency: null, type: null };
  const changes = {
    ...nothing,
    place: { place_id: null, place_name: null },
    items: [{ ...item, name: null, amount: null }],
    total_amount: 21.98,
  };
  const { flags, ...sale } = saleOf(parseChanged(changes));
  assert.deepEqual(flags, []);
  const left = { items: [item], total_amount: 21.98 };
  const { flags: _, ...expected } = saleOf(parseChanged(left));
  assert.deepEqual(sale, expected);
});

test('null where a member is required stays a problem, and only that one', () => {
  assert.deepEqual(problemsOf(parseChanged({ transaction_id: null, customer_id: null })), [
    '/transaction_id wrong_type',
  ]);
  assert.deepEqual(problemsOf(parseChanged({ items: [null] })), ['/items/0 wrong_type']);
});

test('what the schema does not name is left alone', () => {
  const value = { unknown: null, items: [{ unknown: { deep: null } }], __proto__: { place_id: null } };
  assert.deepEqual(withoutNulls(Receipt, value), { unknown: null, items: [{ unknown: { deep: null } }] });
  assert.equal(withoutNulls(Receipt, null), null);
});
