import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contributionOf, negated } from '../../src/sales/contribution.ts';
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
