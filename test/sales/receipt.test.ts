import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Receipt, receiptExample, receiptValidator } from '../../src/sales/receipt.ts';
import { receipt } from '../program.ts';

test('the example is the documented receipt, and the schema takes it', () => {
  assert.deepEqual(receiptExample, receipt());
  assert.ok(receiptValidator.Check(receiptExample));
});

test('these fields are required and no others', () => {
  assert.deepEqual([...Receipt.required].sort(), [
    'items',
    'nds_amount',
    'payment_method',
    'timestamp',
    'total_amount',
    'transaction_id',
  ]);
  assert.deepEqual([...Receipt.properties.items.items.required].sort(), [
    'category',
    'price',
    'product_id',
    'quantity',
  ]);
});

test('unknown fields are taken at every level', () => {
  const items = [{ ...receiptExample.items[0], shelf: 4 }];
  assert.ok(receiptValidator.Check({ ...receiptExample, items, place: { floor: 1 }, cashier: null }));
});

test('an id is limited in characters and in bytes', () => {
  const takes = (place_id: string) => receiptValidator.Check({ ...receiptExample, place_id });
  assert.ok(takes('x'.repeat(256)) && takes('ж'.repeat(256)) && takes('😀'.repeat(128)));
  assert.ok(!takes('x'.repeat(257)) && !takes('你'.repeat(171)) && !takes('😀'.repeat(129)));
});
