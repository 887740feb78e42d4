import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDocument } from '../../src/intake/parse-document.ts';
import { receipt } from '../program.ts';
import { arrivalOf, contextOf, parseChanged, problemsOf, saleOf } from './parsing.ts';

const item = { product_id: 'p', quantity: 1, price: 1, category: 'c' };
const flagsOf = (...given: Parameters<typeof parseChanged>) => saleOf(parseChanged(...given)).flags;

test('the documented receipt becomes exactly this sale', () => {
  const body = JSON.stringify(receipt());
  const arrival = arrivalOf(body);
  assert.deepEqual(parseDocument(arrival, contextOf()), {
    ...arrival,
    referenceVersion: 1,
    sale: {
      source: 'receipt',
      sourceId: 'unique_transaction_id297',
      version: '0000000000',
      status: 'closed',
      kind: 'sale',
      placeId: 'unique_place_id1',
      placeName: 'Store ABCE',
      time: { local: '2024-02-07T12:34:56' },
      currency: 'RUB',
      paymentMethod: 'credit_card',
      totalMinor: 2747,
      ndsMinor: 247,
      tipsMinor: 300,
      discountMinor: 0,
      lines: [
        {
          productId: 'product_id_1',
          category: 'groceries',
          quantityMilli: 2000,
          priceMinor: 1099,
          amountMinor: 2198,
        },
        {
          productId: 'product_id_2',
          category: 'electronics',
          quantityMilli: 1000,
          priceMinor: 549,
          amountMinor: 549,
        },
      ],
      flags: [],
    },
  });
});

test('every optional field finds its place in the sale', () => {
  const sale = saleOf(
    parseChanged({
      customer_id: 'u-1',
      customer_name: 'Ada',
      currency: 'EUR',
      type: 'refund',
      original_transaction_id: 'r-1',
      revision: 12,
      discount_amount: 1,
      items: [{ ...item, name: 'Tea', amount: 28.47 }],
    }),
  );
  assert.deepEqual(
    [sale.customerId, sale.customerName, sale.currency, sale.kind, sale.originalId, sale.version],
    ['u-1', 'Ada', 'EUR', 'refund', 'r-1', '0000000012'],
  );
  assert.deepEqual([sale.discountMinor, sale.lines[0]!.name, sale.lines[0]!.amountMinor], [100, 'Tea', 2847]);
  assert.deepEqual(sale.flags, []);
});

test('revisions compare as numbers although they are kept as text', () => {
  const versions = [0, 2, 9, 10, 99, 100, 2_147_483_647].map(
    (revision) => saleOf(parseChanged({ revision })).version,
  );
  assert.deepEqual([...versions].sort(), versions);
});

/** price, quantity, the line's amount in minor units */
const lines: [number | string, number | string, number][] = [
  [10.99, 2, 2198],
  [3, 0.335, 101],
  [1, 0.005, 1],
  [1, 0.004, 0],
  [0.01, 0.5, 1],
  [129.9, 2.474, 32137],
  ['10.990', '2.000', 2198],
  [10.990000000000002, 1, 1099],
  [9_999_999.99, 999, 998_999_999_001],
];
for (const [price, quantity, amount] of lines) {
  test(`${quantity} × ${price} is ${amount} minor units, rounded half up`, () => {
    const sale = saleOf(parseChanged({ items: [{ ...item, price, quantity }] }));
    assert.equal(sale.lines[0]!.amountMinor, amount);
  });
}

test('floats and decimal strings are read as meant, in the digits of the currency', () => {
  for (const value of [27.47, 27.470000000000002, 27.47 - 2 ** -48, '27.47', '27.4700'])
    assert.equal(saleOf(parseChanged({ total_amount: value })).totalMinor, 2747, String(value));
  const yen = { currency: 'JPY', nds_amount: 2, items: [{ ...item, price: 27 }], total_amount: 27 };
  assert.equal(saleOf(parseChanged(yen)).totalMinor, 27);
  assert.deepEqual(problemsOf(parseChanged({ ...yen, total_amount: 27.5 })), [
    '/total_amount too_many_decimals',
  ]);
  assert.equal(saleOf(parseChanged({ currency: 'KWD', nds_amount: 0.005 })).ndsMinor, 5);
});

test('the currency is that of the document, else of the place, else the default on arrival', () => {
  const context = contextOf({ places: { unique_place_id1: { currency: 'EUR' } } });
  assert.equal(saleOf(parseChanged({ currency: 'USD' }, context)).currency, 'USD');
  assert.equal(saleOf(parseChanged({}, context)).currency, 'EUR');
  assert.equal(saleOf(parseChanged({ place_id: 'other' }, context)).currency, 'RUB');
});

test('a total that disagrees is flagged with the exact difference, or rejected where that is asked', () => {
  assert.deepEqual(flagsOf({ total_amount: 27.48 }), [
    { code: 'total_mismatch', message: 'total_amount differs by 0.01 from the lines less the discount' },
  ]);
  assert.match(flagsOf({ discount_amount: 30 })[0]!.message, / 30\.00 /);
  assert.match(flagsOf({ total_amount: 0 })[0]!.message, / -27\.47 /);
  assert.deepEqual(flagsOf({ discount_amount: 7.47, total_amount: 20 }), []);
  const strict = contextOf({ strictTotals: true });
  assert.deepEqual(problemsOf(parseChanged({ total_amount: 27.48 }, strict)), [
    '/total_amount total_mismatch',
  ]);
  assert.deepEqual(problemsOf(parseChanged({}, strict)), []);
});

test('tips are on top of the total and VAT is inside it: neither makes a mismatch', () => {
  assert.deepEqual(flagsOf({ tips_amount: 100, nds_amount: 27 }), []);
  assert.equal(saleOf(parseChanged({ tips_amount: undefined })).tipsMinor, 0);
});

test('what counts already is computed anew whatever the settings say now', () => {
  const strict = { strictTotals: true, minimumDate: '2030-01-01', maximumFutureHours: 0 };
  const changes = { total_amount: 1 };
  assert.equal(problemsOf(parseChanged(changes, contextOf(strict))).length, 1);
  assert.equal(saleOf(parseChanged(changes, contextOf({ ...strict, accepted: true }))).totalMinor, 100);
});

/** name, fields of the document, place of the token, the place of the sale */
const places: [string, Record<string, unknown>, string | undefined, string][] = [
  ['place_id', { place_id: 'a' }, undefined, 'a'],
  ['place.place_id', { place_id: undefined, place: { place_id: 'b' } }, undefined, 'b'],
  ['place_id before place.place_id', { place_id: 'a', place: { place_id: 'b' } }, undefined, 'a'],
  ['the default', { place_id: undefined }, undefined, 'unknown'],
  ['the default where place is empty', { place_id: undefined, place: {} }, undefined, 'unknown'],
  ['the place of the token', { place_id: undefined }, 'mine', 'mine'],
  ['the same as the token', { place_id: 'mine' }, 'mine', 'mine'],
];
for (const [name, changes, bound, expected] of places) {
  test(`the place of a receipt: ${name}`, () => {
    const resolved = { placeId: bound ?? 'unknown', currency: 'RUB', timeZone: 'UTC' };
    const arrival = bound === undefined ? { resolved } : { resolved, boundPlaceId: bound };
    assert.equal(saleOf(parseChanged(changes, contextOf(), arrival)).placeId, expected);
  });
}

test('the name of the place comes from either form', () => {
  assert.equal(saleOf(parseChanged({})).placeName, 'Store ABCE');
  const nested = { place_id: undefined, place_name: undefined, place: { place_id: 'b', place_name: 'B' } };
  assert.equal(saleOf(parseChanged(nested)).placeName, 'B');
});

test('a bound token may name no other place, in either form', () => {
  const resolved = { placeId: 'mine', currency: 'RUB', timeZone: 'UTC' };
  const bound = { resolved, boundPlaceId: 'mine' };
  const direct = parseChanged({ place_id: 'theirs' }, contextOf(), bound);
  assert.deepEqual(problemsOf(direct), ['/place_id foreign_place']);
  assert.equal(direct.boundPlaceId, 'mine');
  const nested = { place_id: undefined, place: { place_id: 'theirs' } };
  assert.deepEqual(problemsOf(parseChanged(nested, contextOf(), bound)), ['/place/place_id foreign_place']);
});

test('unknown fields and __proto__ are no problem and change nothing', () => {
  const body = JSON.stringify(receipt({ cashier: { name: 'x' } })).replace(
    '{',
    '{"__proto__":{"revision":7},"constructor":1,',
  );
  const sale = saleOf(parseDocument(arrivalOf(body), contextOf()));
  assert.equal(sale.version, '0000000000');
  assert.equal(({} as Record<string, unknown>).revision, undefined);
});
