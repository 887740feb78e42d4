import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Order, orderExample } from '../../src/sales/order.ts';
import type { Source } from '../../src/sales/sale.ts';
import { Transaction, transactionExample } from '../../src/sales/transaction.ts';
import { check, edited, odd } from './fuzzing.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}; SEED=${seed} replays it`);

const some = (names: readonly string[], maxKeys: number) =>
  fc.dictionary(fc.constantFrom(...names, '__proto__', 'constructor', 'a/b~c'), odd, { maxKeys });
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '');
const { payload } = orderExample;
const [item] = payload.order_items;

const orders = fc
  .record({
    message: some(Object.keys(Order.properties), 1),
    inside: some(Object.keys(Order.properties.payload.properties), 2),
    dish: some(['id', 'name', 'price', 'quantity'], 1),
    status: some(['status', 'dttm'], 1),
    ids: fc.record({ user: some(['id'], 1), restaurant: some(['id'], 1) }),
  })
  .map(({ message, inside, dish, status, ids }) =>
    bytesOf({
      ...orderExample,
      payload: {
        ...payload,
        user: { ...payload.user, ...ids.user },
        restaurant: { ...payload.restaurant, ...ids.restaurant },
        order_items: [item, { ...item, ...dish }],
        statuses: [payload.statuses[0], { ...payload.statuses[1], ...status }],
        ...inside,
      },
      ...message,
    }),
  );
const transactions = some(Object.keys(Transaction.properties), 3).map((fields) =>
  bytesOf({ ...transactionExample, ...fields }),
);

const kinds: [Source, fc.Arbitrary<Buffer>, unknown][] = [
  ['order', orders, orderExample],
  ['transaction', transactions, { ...transactionExample, customer_name: 'Ада Лавлейс 😀' }],
];
for (const [source, changed, example] of kinds) {
  test(`any JSON at all, sent as ${source}, gives a sale or problems whose pointers lead somewhere`, () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => void check(Buffer.from(text), source)),
      { seed, numRuns: 1_500 },
    );
  });

  test(`of kind ${source}, odd values give a sale or problems whose pointers lead somewhere`, () => {
    const counts = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(changed, (body) => {
        counts[check(body, source) ? 'accepted' : 'refused']++;
      }),
      { seed, numRuns: 4_000 },
    );
    assert.ok(counts.accepted > 100 && counts.refused > 100, JSON.stringify(counts));
  });

  test(`of kind ${source}, bytes changed, cut or repeated never break the parser`, () => {
    fc.assert(
      fc.property(edited(bytesOf(example)), (bytes) => void check(bytes, source)),
      { seed, numRuns: 3_000 },
    );
  });
}
