import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDocument } from '../../src/intake/parse-document.ts';
import { receipt } from '../program.ts';
import { check, context, edited, odd } from './fuzzing.ts';
import { arrivalOf } from './parsing.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}; SEED=${seed} replays it`);

const names = [
  ...Object.keys(receipt()),
  ...['place', 'customer_id', 'customer_name', 'currency', 'type', 'original_transaction_id'],
  ...['revision', 'discount_amount', '__proto__', 'constructor', 'toString', 'a/b~c'],
];
const itemNames = ['product_id', 'name', 'quantity', 'price', 'amount', 'category', 'extra'];
const changed = fc
  .record({
    fields: fc.dictionary(fc.constantFrom(...names), odd, { maxKeys: 3 }),
    item: fc.dictionary(fc.constantFrom(...itemNames), odd, { maxKeys: 2 }),
  })
  .map(({ fields, item }) => {
    const [first, second] = receipt().items as Record<string, unknown>[];
    return Buffer.from(
      JSON.stringify({ ...receipt(), items: [{ ...first, ...item }, second], ...fields }) ?? '',
    );
  });

test('any JSON at all gives a sale or problems whose pointers lead somewhere', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => void check(Buffer.from(text), 'receipt')),
    { seed, numRuns: 2_000 },
  );
});

test('receipts with odd values give a sale or problems whose pointers lead somewhere', () => {
  let accepted = 0;
  let rejected = 0;
  fc.assert(
    fc.property(changed, (body) => {
      if (check(body, 'receipt')) accepted++;
      else rejected++;
    }),
    { seed, numRuns: 4_000 },
  );
  assert.ok(accepted > 100 && rejected > 100, `${accepted} accepted, ${rejected} rejected`);
});

test('receipts with bytes changed, cut or repeated never break the parser', () => {
  const body = Buffer.from(JSON.stringify(receipt({ customer_name: 'Ада Лавлейс 😀' })));
  fc.assert(
    fc.property(edited(body), (bytes) => void check(bytes, 'receipt')),
    { seed, numRuns: 4_000 },
  );
});

test('an amount in cents comes back as itself, whatever sum of floats it was sent as', () => {
  const cents = fc.integer({ min: 1, max: 999_999_99 });
  fc.assert(
    fc.property(cents, cents, (one, other) => {
      const items = [one, other].map((price) => ({
        product_id: 'p',
        category: 'c',
        quantity: 1,
        price: price / 100,
      }));
      const document = receipt({ items, total_amount: one / 100 + other / 100 });
      const { sale } = parseDocument(arrivalOf(JSON.stringify(document)), context);
      assert.equal(sale?.totalMinor, one + other);
      assert.deepEqual(sale?.flags, []);
    }),
    { seed, numRuns: 2_000 },
  );
});
