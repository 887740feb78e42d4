import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDocument } from '../../src/intake/parse-document.ts';
import { scopedId, splitScopedId } from '../../src/sales/id-scope.ts';
import { orderExample } from '../../src/sales/order.ts';
import { fileOf, problemsOf as problemsOfFile, productOf, readDaily } from './daily-reading.ts';
import { arrivalOf, contextOf, parseChanged, problemsOf, saleOf } from './parsing.ts';

const ofPlaces = contextOf({ productIdScope: 'place' });
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

test(`no two places, and no two ids of one, ever make one id (SEED=${seed})`, () => {
  const text = fc.string({
    minLength: 1,
    unit: fc.constantFrom('%', ':', '2', '5', '3', 'A', 'a', '/', 'é'),
  });
  fc.assert(
    fc.property(text, text, (placeId, id) => {
      assert.deepEqual(splitScopedId(scopedId(placeId, id)), { placeId, id });
    }),
    { seed },
  );
  for (const none of ['1', ':1', 'a:', '%:1', 'a%3a:1', 'a%41:1'])
    assert.equal(splitScopedId(none), undefined);
});

test('each kind of document names products and customers of its place; without the setting as it is written', () => {
  const { lines, customerId } = saleOf(parseChanged({ customer_id: '7' }, ofPlaces));
  assert.deepEqual(
    [lines.map((line) => line.productId), customerId],
    [['unique_place_id1:product_id_1', 'unique_place_id1:product_id_2'], 'unique_place_id1:7'],
  );
  const settled = saleOf(parseChanged({ place_id: undefined, customer_id: '7' }, ofPlaces));
  assert.equal(settled.customerId, 'unknown:7');
  assert.equal(saleOf(parseChanged({ customer_id: '7' })).customerId, '7');
  const transaction = { transaction_id: 't', product_id: '1', quantity: 1, total_amount: 1, place_id: 'a:b' };
  const sent = JSON.stringify({ ...transaction, timestamp: '2024-02-07T12:00:00' });
  const parsed = parseDocument(arrivalOf(sent, { source: 'transaction' }), ofPlaces);
  assert.equal(saleOf(parsed).lines[0]!.productId, 'a%3Ab:1');
  const order = saleOf(parseDocument(arrivalOf(JSON.stringify(orderExample), { source: 'order' }), ofPlaces));
  const { restaurant, user, order_items } = orderExample.payload as any;
  assert.deepEqual(
    [order.lines[0]!.productId, order.customerId],
    [`${restaurant.id}:${order_items[0].id}`, `${restaurant.id}:${user.id}`],
  );
});

test('what is too long together with its place is rejected where it stands, but not taken back once it counts', () => {
  const long = { place_id: 'p'.repeat(200), customer_id: 'c'.repeat(56) };
  const refused = parseChanged(long, ofPlaces);
  assert.deepEqual(problemsOf(refused), ['/customer_id too_long']);
  assert.equal(refused.sale === undefined && refused.sourceId, 'unique_transaction_id297');
  assert.equal(
    saleOf(parseChanged({ ...long, customer_id: 'c'.repeat(55) }, ofPlaces)).placeId,
    long.place_id,
  );
  assert.ok(parseChanged(long).sale !== undefined);
  const kept = saleOf(parseChanged(long, contextOf({ productIdScope: 'place', accepted: true })));
  assert.equal(kept.customerId, `${long.place_id}:${long.customer_id}`);
  const item = { quantity: 1, price: 1, category: 'c' };
  const items = [
    { ...item, product_id: '1' },
    { ...item, product_id: 'ж'.repeat(250) },
  ];
  assert.deepEqual(problemsOf(parseChanged({ items }, ofPlaces)), ['/items/1/product_id too_long']);
});

test('the products of a daily file are those of its place', async () => {
  const file = fileOf(productOf({ id: '1' }), 'date="2024-01-01" place_id="a"');
  const productsOf = async (productIdScope: 'chain' | 'place') =>
    (await readDaily(file, { productIdScope })).lines.map((line) => line.productId);
  assert.deepEqual([await productsOf('place'), await productsOf('chain')], [['a:1'], ['1']]);
  const long = fileOf(productOf({ id: 'p'.repeat(256) }), 'date="2024-01-01" place_id="a"');
  const refused = await readDaily(long, { productIdScope: 'place' });
  assert.deepEqual(problemsOfFile(refused), ['1 /products/product/1/id too_long']);
});
