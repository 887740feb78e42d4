import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDocument } from '../../src/intake/parse-document.ts';
import type { Incoming } from '../../src/sales/sale.ts';
import { receipt } from '../program.ts';
import { arrivalOf, contextOf } from './parsing.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}; SEED=${seed} replays it`);

const context = contextOf({ places: { unique_place_id1: { timeZone: 'Europe/Berlin' } } });

/** Whether a pointer leads to a value, or to where a member is missing. */
function leadsSomewhere(document: unknown, pointer: string): boolean {
  if (pointer === '') return true;
  if (!pointer.startsWith('/')) return false;
  const keys = pointer
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop()!;
  let value = document;
  for (const key of keys) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return false;
    value = (value as Record<string, unknown>)[key];
  }
  return value !== null && typeof value === 'object' && last.length >= 0;
}

function readable(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

const isAmount = (value: number) => Number.isSafeInteger(value) && value >= 0 && value < 10 ** 12;

function checkSale(sale: NonNullable<Incoming['sale']>): void {
  assert.ok(sale.lines.length > 0 && sale.lines.length <= 10_000);
  for (const amount of [sale.totalMinor, sale.ndsMinor, sale.tipsMinor, sale.discountMinor])
    assert.ok(isAmount(amount), String(amount));
  for (const line of sale.lines) {
    assert.ok(isAmount(line.priceMinor) && isAmount(line.amountMinor));
    assert.ok(Number.isSafeInteger(line.quantityMilli) && line.quantityMilli > 0);
    assert.ok(line.quantityMilli < 10 ** 9);
  }
  for (const id of [sale.sourceId, sale.placeId, sale.lines[0]!.productId, sale.lines[0]!.category!])
    assert.ok(id.length > 0 && Buffer.byteLength(id) <= 512 && id.isWellFormed() && !id.includes('\0'));
}

function check(body: Buffer): void {
  const incoming = parseDocument(arrivalOf(body), context);
  assert.ok(incoming.body.equals(body));
  if (incoming.sale !== undefined) {
    checkSale(incoming.sale);
    return;
  }
  assert.equal(incoming.verdict, 'rejected');
  assert.ok(incoming.problems.length > 0 && incoming.problems.length <= 100);
  const document = readable(body);
  for (const problem of incoming.problems) {
    assert.match(problem.code, /^[a-z0-9_]+$/);
    assert.ok(problem.message.length > 0 && problem.message.isWellFormed());
    assert.ok(problem.pointer.isWellFormed() && !problem.pointer.includes('\0'));
    assert.ok(leadsSomewhere(document, problem.pointer), `${problem.pointer} in ${body.toString()}`);
  }
}

const oddText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom(
    '',
    '\0',
    '\ud800',
    'NaN',
    '-0',
    '1e5',
    '__proto__',
    'x'.repeat(257),
    '2024-02-30T00:00:00',
  ),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
);
const oddNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(-0, 0, 0.1 + 0.2, 1e-9, 1e12, 1e21, 1e308, -1e308, 999_999_999.99, 0.005, 2.675),
);
const odd = fc.oneof(
  oddText,
  oddNumber,
  fc.jsonValue({ maxDepth: 4 }),
  fc.constantFrom(undefined, null, [], {}),
);

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
    fc.property(fc.json({ maxDepth: 6 }), (text) => check(Buffer.from(text))),
    { seed, numRuns: 2_000 },
  );
});

test('receipts with odd values give a sale or problems whose pointers lead somewhere', () => {
  let accepted = 0;
  let rejected = 0;
  fc.assert(
    fc.property(changed, (body) => {
      if (parseDocument(arrivalOf(body), context).sale === undefined) rejected++;
      else accepted++;
      check(body);
    }),
    { seed, numRuns: 4_000 },
  );
  assert.ok(accepted > 100 && rejected > 100, `${accepted} accepted, ${rejected} rejected`);
});

test('receipts with bytes changed, cut or repeated never break the parser', () => {
  const body = Buffer.from(JSON.stringify(receipt({ customer_name: 'Ада Лавлейс 😀' })));
  const edit = fc.tuple(fc.nat(body.length - 1), fc.nat(255), fc.nat(3));
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let bytes = Buffer.from(body);
      for (const [at, byte, kind] of edits) {
        if (kind === 0) bytes[at] = byte;
        else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
        else if (kind === 2)
          bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([byte]), bytes.subarray(at)]);
        else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at >> 1)]);
      }
      check(bytes);
    }),
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
