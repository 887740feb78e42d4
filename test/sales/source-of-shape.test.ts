import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { orderExample } from '../../src/sales/order.ts';
import { receiptExample } from '../../src/sales/receipt.ts';
import { sourceOfShape } from '../../src/sales/source-of-shape.ts';
import { transactionExample } from '../../src/sales/transaction.ts';

const of = (text: string) => sourceOfShape(Buffer.from(text));

/** name, document, its kind */
const documents: [string, string, string | undefined][] = [
  ['the receipt of the documentation', JSON.stringify(receiptExample), 'receipt'],
  ['the transaction of the documentation', JSON.stringify(transactionExample), 'transaction'],
  ['the order of the documentation', JSON.stringify(orderExample, null, 2), 'order'],
  ['a message of another type', '{"object_type":"user"}', 'order'],
  ['object_type before items', '{"items":[],"object_type":"order"}', 'order'],
  ['items before product_id', '{"product_id":"a","items":[]}', 'receipt'],
  ['a member of something inside', '{"a":{"items":[]},"product_id":"b"}', 'transaction'],
  ['a value that looks like a member', '{"a":"object_type","product_id" : "b"}', 'transaction'],
  ['text with quotes and braces', '{"a":"\\"items\\":[{","product_id":1}', 'transaction'],
  ['an escaped member', '{"object\\u005ftype":"order"}', 'order'],
  ['neither', '{"a":1}', undefined],
  ['a list', '["items"]', undefined],
  ['no JSON', 'items', undefined],
  ['half a document', '{"items', undefined],
  ['nothing', '', undefined],
];
for (const [name, text, expected] of documents) {
  test(`${name} is ${expected ?? 'of no kind'}`, () => {
    assert.equal(of(text), expected);
  });
}

test('for any JSON it says what a look at the parsed members says', () => {
  const key = fc.oneof(fc.constantFrom('object_type', 'items', 'product_id', 'a'), fc.string());
  fc.assert(
    fc.property(fc.dictionary(key, fc.jsonValue({ maxDepth: 3 })), fc.nat(2), (document, indent) => {
      const text = JSON.stringify(document, null, indent);
      const has = (name: string) => Object.hasOwn(JSON.parse(text), name);
      const expected = has('object_type')
        ? 'order'
        : has('items')
          ? 'receipt'
          : has('product_id')
            ? 'transaction'
            : undefined;
      assert.equal(of(text), expected);
    }),
    { numRuns: 2_000 },
  );
});
