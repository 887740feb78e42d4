import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contributionOf, negated, severalCategories } from '../../src/sales/contribution.ts';
import type { Line, Sale } from '../../src/sales/sale.ts';

const receivedAtMs = Date.parse('2024-02-07T12:40:00.900Z');
const settings = { timeZone: 'Europe/Moscow', businessDayStart: '00:00' };

function line(productId: string, category: string, quantityMilli: number, amountMinor: number): Line {
  return { productId, category, quantityMilli, amountMinor, priceMinor: 0 };
}

function saleOf(changes: Partial<Sale> = {}): Sale {
  return {
    source: 'receipt',
    sourceId: 'r',
    version: '0000000000',
    status: 'closed',
    kind: 'sale',
    placeId: 'p',
    time: { local: '2024-02-07T12:34:56' },
    currency: 'RUB',
    paymentMethod: 'cash',
    totalMinor: 1000,
    ndsMinor: 100,
    tipsMinor: 50,
    discountMinor: 10,
    lines: [line('a', 'x', 1000, 1010)],
    flags: [],
    ...changes,
  };
}

const contribution = (changes?: Partial<Sale>) => contributionOf(saleOf(changes), receivedAtMs, settings)!;

test('the whole contribution of a sale of one line', () => {
  assert.deepEqual(contribution({ customerId: 'u' }), {
    f: 1,
    sign: 1,
    refund: 0,
    place: 'p',
    date: '2024-02-07',
    hour: Date.parse('2024-02-07T09:00:00Z') / 1000,
    at: Date.parse('2024-02-07T09:34:56Z') / 1000,
    got: Date.parse('2024-02-07T12:40:00Z') / 1000,
    source: 'receipt',
    payment: 'cash',
    currency: 'RUB',
    customer: 'u',
    total: 1000,
    nds: 100,
    tips: 50,
    discount: 10,
    categories: [['x', 1000, 1010]],
    products: [['a', 'x', 1000, 1010, 1]],
  });
});

test('lines of one category and of one product are summed', () => {
  const lines = [line('a', 'x', 1000, 100), line('b', 'x', 500, 20), line('a', 'x', 2000, 200)];
  const { categories, products } = contribution({ lines });
  assert.deepEqual(categories, [['x', 3500, 320]]);
  assert.deepEqual(products, [
    ['a', 'x', 3000, 300, 1],
    ['b', 'x', 500, 20, 1],
  ]);
});

test('few lines and many are summed alike, whatever products and categories they name', () => {
  const part = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'y'), fc.nat(9), fc.nat(9));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 60 }), (parts) => {
      const { categories, products } = contribution({ lines: parts.map((each) => line(...each)) });
      const sums = (names: (each: (typeof parts)[number]) => string[]) =>
        [...Map.groupBy(parts, (each) => names(each).join(' '))].map(([key, found]) => [
          ...key.split(' '),
          found.reduce((sum, [, , quantity]) => sum + quantity, 0),
          found.reduce((sum, [, , , amount]) => sum + amount, 0),
        ]);
      assert.deepEqual(
        categories,
        sums(([, category]) => [category]),
      );
      const single = sums(([product, category]) => [product, category]).map((row) => [...row, 1]);
      const several = [...Map.groupBy(single, ([product]) => product)]
        .filter(([, rows]) => rows.length > 1)
        .map(([product, rows]) => [product, severalCategories, 0, 0, 1 - rows.length]);
      assert.deepEqual(products, [...single, ...several]);
    }),
  );
});

test('a product under several categories counts its sale once in their sum', () => {
  const lines = [line('a', 'x', 1, 1), line('a', 'y', 1, 1), line('a', 'z', 1, 1), line('b', 'x', 1, 1)];
  const { products } = contribution({ lines });
  const receipts = (product: string) =>
    products.filter(([id]) => id === product).reduce((sum, row) => sum + row[4], 0);
  assert.deepEqual([receipts('a'), receipts('b')], [1, 1]);
  assert.deepEqual(
    products.find(([, category]) => category === '*'),
    ['a', '*', 0, 0, -2],
  );
});

test('only what is closed contributes; a refund is marked; taken out it is the same with the other sign', () => {
  assert.equal(contributionOf(saleOf({ status: 'open' }), receivedAtMs, settings), null);
  assert.equal(contributionOf(saleOf({ status: 'cancelled' }), receivedAtMs, settings), null);
  const refund = contribution({ kind: 'refund' });
  assert.equal(refund.refund, 1);
  assert.deepEqual(negated(refund), { ...refund, sign: -1 });
});
