import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readMapping } from '../../src/imports/mapping.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-mapping-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const fixed = { const: 0 };
const good = {
  source: 'receipt',
  receipt: {
    transaction_id: { column: 'id' },
    timestamp: { column: 'at' },
    total_amount: { sum: 'items' },
    nds_amount: fixed,
    payment_method: { const: 'cash' },
  },
  items: {
    product_id: { column: 'p' },
    quantity: { column: 'q' },
    price: { column: 'c' },
    category: { const: 'x' },
  },
};

function write(value: unknown): string {
  const file = path.join(folder, 'mapping.json');
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
  return file;
}

const withField = (name: string, field: unknown) => ({
  ...good,
  receipt: { ...good.receipt, [name]: field },
});

test('a mapping that is right is read', () => {
  assert.deepEqual(readMapping(write(good)), good);
});

test('every kind of mistake is named with where it stands', () => {
  const mistakes: [unknown, RegExp][] = [
    ['{', /cannot be read: .*JSON/],
    [{ ...good, encoding: 'utf-32' }, /\/encoding .*utf-8, latin1, windows-1251/],
    [{ ...good, delimiter: '::' }, /\/delimiter/],
    [{ ...good, delimiter: '"' }, /\/delimiter/],
    [{ ...good, groupBy: 'id' }, /groupBy, which means nothing there/],
    [{ ...good, sorted: false }, /\/sorted is of use only with group_by/],
    [withField('tips_amount', {}), /\/receipt\/tips_amount needs exactly one of/],
    [withField('tips_amount', { column: 'a', const: 1 }), /\/receipt\/tips_amount needs exactly one of/],
    [withField('tips_amount', { const: 1, decimal: ',' }), /decimal is of use only with column or format/],
    [
      withField('timestamp', { column: 'at', date: 'DD.MM' }),
      /\/receipt\/timestamp\/date "DD.MM" has no YYYY/,
    ],
    [withField('timestamp', { column: 'at', date: 'DD.DD.MM.YYYY' }), /has a part twice/],
    [withField('timestamp', { column: 'at', date: 'DD.MM.YYYY hh:mm' }), /needs hh and A together/],
    [{ ...good, items: { ...good.items, price: { sum: 'items' } } }, /\/items\/price has no items to sum/],
    [{ ...good, items: { product_id: fixed } }, /\/items gives no quantity, which every receipt needs/],
    [{ ...good, receipt: { transaction_id: fixed } }, /\/receipt gives no nds_amount/],
  ];
  for (const [value, expected] of mistakes) assert.throws(() => readMapping(write(value)), expected);
});

const transactions = {
  source: 'transaction',
  transaction: {
    transaction_id: { column: 'id' },
    product_id: { column: 'p' },
    quantity: { column: 'q' },
    total_amount: { column: 'sum' },
    timestamp: { column: 'at' },
  },
};

test('a mapping of transactions has neither items nor groups', () => {
  assert.deepEqual(readMapping(write(transactions)), transactions);
  const { quantity: _, ...incomplete } = transactions.transaction;
  const mistakes: [unknown, RegExp][] = [
    [
      { ...transactions, transaction: incomplete },
      /\/transaction gives no quantity, which every transaction/,
    ],
    [{ ...transactions, items: good.items }, /\/items is of no use where source is transaction/],
    [{ ...transactions, group_by: 'id' }, /\/group_by is of no use/],
    [
      { ...transactions, transaction: { ...transactions.transaction, x: { sum: 'items' } } },
      /no items to sum/,
    ],
    [{ source: 'transaction' }, /\/ has no transaction/],
    [
      { ...good, transaction: transactions.transaction },
      /\/transaction is of no use where source is receipt/,
    ],
    [{ ...good, source: 'order' }, /\/source .*receipt, transaction/],
  ];
  for (const [value, expected] of mistakes) assert.throws(() => readMapping(write(value)), expected);
});

test('all mistakes are told at once', () => {
  const value = { ...withField('tips_amount', {}), sorted: false };
  assert.throws(
    () => readMapping(write(value)),
    (error: Error) => /tips_amount/.test(error.message) && /sorted/.test(error.message),
  );
});
