import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDocument } from '../../src/intake/parse-document.ts';
import type { Arrival } from '../../src/sales/sale.ts';
import { transactionExample } from '../../src/sales/transaction.ts';
import { arrivalOf, contextOf, problemsOf, saleOf } from './parsing.ts';

const required = {
  transaction_id: 't-1',
  product_id: 'p',
  quantity: 2,
  total_amount: 21.98,
  timestamp: '2024-02-07T12:34:56',
};

function parse(changes: Record<string, unknown> = {}, context = contextOf(), arrival: Partial<Arrival> = {}) {
  const body = JSON.stringify({ ...required, ...changes });
  return parseDocument(arrivalOf(body, { source: 'transaction', ...arrival }), context);
}

test('a transaction with nothing but what is required becomes exactly this sale', () => {
  assert.deepEqual(saleOf(parse()), {
    source: 'transaction',
    sourceId: 't-1',
    version: '0000000000',
    status: 'closed',
    kind: 'sale',
    placeId: 'unknown',
    time: { local: '2024-02-07T12:34:56' },
    currency: 'RUB',
    paymentMethod: 'unknown',
    totalMinor: 2198,
    ndsMinor: 0,
    tipsMinor: 0,
    discountMinor: 0,
    lines: [{ productId: 'p', quantityMilli: 2000, priceMinor: 1099, amountMinor: 2198 }],
    flags: [],
  });
});

test('every optional field finds its place in the sale', () => {
  const sale = saleOf(
    parse({
      place_id: 'shop',
      place_name: 'Shop',
      customer_id: 'u-1',
      customer_name: 'Ada',
      currency: 'EUR',
      type: 'refund',
      original_transaction_id: 't-0',
      revision: 12,
      payment_method: 'cash',
      nds_amount: 3.66,
      tips_amount: 1,
      discount_amount: 2,
    }),
  );
  assert.deepEqual(
    [sale.placeId, sale.placeName, sale.customerId, sale.customerName, sale.currency],
    ['shop', 'Shop', 'u-1', 'Ada', 'EUR'],
  );
  assert.deepEqual(
    [sale.kind, sale.originalId, sale.version, sale.paymentMethod],
    ['refund', 't-0', '0000000012', 'cash'],
  );
  assert.deepEqual(
    [sale.totalMinor, sale.ndsMinor, sale.tipsMinor, sale.discountMinor],
    [2198, 366, 100, 200],
  );
  assert.equal(sale.lines[0]!.amountMinor, 2398, 'product figures are before the discount');
  assert.equal(saleOf(parse({ place: { place_id: 'nested' } })).placeId, 'nested');
  assert.equal(saleOf(parse(transactionExample)).placeId, transactionExample.place_id);
});

/** quantity, total, price in minor units */
const prices: [number | string, number | string, number][] = [
  [3, 10, 333],
  [6, 10, 167],
  [0.335, 3.35, 1000],
  [2.5, '0.05', 2],
  [1, 0, 0],
  [999_999, 9_999_999_999.99, 1_000_001],
];
for (const [quantity, total_amount, price] of prices) {
  test(`${total_amount} for ${quantity} is ${price} minor units each, rounded half up`, () => {
    assert.equal(saleOf(parse({ quantity, total_amount })).lines[0]!.priceMinor, price);
  });
}

/** name, changes, the only problem */
const bad: [string, Record<string, unknown>, string][] = [
  ...Object.keys(required).map((name): [string, Record<string, unknown>, string] => [
    `no ${name}`,
    { [name]: undefined },
    `/${name} missing`,
  ]),
  ['an empty product', { product_id: '' }, '/product_id empty'],
  ['a product that is a number', { product_id: 7 }, '/product_id wrong_type'],
  ['an id of many bytes', { product_id: '😀'.repeat(129) }, '/product_id too_long'],
  ['no quantity at all', { quantity: 0 }, '/quantity not_positive'],
  ['four decimals of a quantity', { quantity: 1.0001 }, '/quantity too_many_decimals'],
  ['a negative total', { total_amount: -1 }, '/total_amount negative'],
  ['three decimals', { total_amount: 1.001 }, '/total_amount too_many_decimals'],
  ['1e308', { total_amount: 1e308 }, '/total_amount out_of_range'],
  ['a price that is too much', { quantity: 0.001, total_amount: 9e9 }, '/total_amount out_of_range'],
  [
    'a discount that makes too much',
    { total_amount: 9e9, discount_amount: 9e9 },
    '/total_amount out_of_range',
  ],
  ['an unknown currency', { currency: 'XQZ' }, '/currency unknown_currency'],
  ['an unknown type', { type: 'gift' }, '/type unknown_value'],
  ['a day that does not exist', { timestamp: '2023-02-29T00:00:00' }, '/timestamp invalid_timestamp'],
  ['a time in the future', { timestamp: '2024-06-18T00:00:00' }, '/timestamp timestamp_out_of_range'],
  ['an empty payment method', { payment_method: '' }, '/payment_method empty'],
  ['a NUL', { payment_method: 'a\u0000' }, '/payment_method nul_character'],
];
for (const [name, changes, expected] of bad) {
  test(`${name}: ${expected}`, () => {
    assert.deepEqual(problemsOf(parse(changes)), [expected]);
  });
}

test('the advice on negative amounts names a transaction', () => {
  const incoming = parse({ total_amount: -1 });
  assert.match(
    incoming.sale === undefined ? incoming.problems[0]!.message : '',
    /transaction of type "refund"/,
  );
});

test('a bound token may name no other place; the id of a rejected one is kept', () => {
  const resolved = { placeId: 'mine', currency: 'RUB', timeZone: 'UTC' };
  const bound = { resolved, boundPlaceId: 'mine' };
  assert.equal(saleOf(parse({}, contextOf(), bound)).placeId, 'mine');
  const foreign = parse({ place_id: 'theirs' }, contextOf(), bound);
  assert.deepEqual(problemsOf(foreign), ['/place_id foreign_place']);
  assert.ok(foreign.sale === undefined);
  assert.deepEqual([foreign.sourceId, foreign.placeId], ['t-1', 'theirs']);
});
