import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuid5 } from '../../src/base/uuid5.ts';
import { redactDocument } from '../../src/customers/redact-document.ts';
import { canonicalHash } from '../../src/sales/canonical-hash.ts';

const isPerson = (id: string) => id === '42';

test('an id is replaced where a person is spoken of, and nowhere else', () => {
  const receipt = {
    transaction_id: '42',
    customer_id: '42',
    customer_name: 'Anna',
    items: [{ product_id: '42' }],
  };
  assert.deepEqual(redactDocument(receipt, isPerson, 'erased_1'), {
    transaction_id: '42',
    customer_id: 'erased_1',
    items: [{ product_id: '42' }],
  });
  assert.deepEqual(redactDocument(receipt, isPerson, undefined), {
    transaction_id: '42',
    items: [{ product_id: '42' }],
  });
  const order = {
    object_id: 42,
    payload: { user: { id: '42', login: 'anna', seen: 3 }, restaurant: { id: '42' } },
  };
  assert.deepEqual(redactDocument(order, isPerson, 'erased_1'), {
    object_id: 42,
    payload: { user: { id: 'erased_1' }, restaurant: { id: '42' } },
  });
  assert.equal(redactDocument({ transaction_id: '42', customer_id: '43' }, isPerson, 'erased_1'), undefined);
});

test('keys are UUIDs that anyone can compute', () => {
  // python3: uuid.uuid5(uuid.NAMESPACE_OID, 'g-1')
  assert.equal(uuid5('g-1'), '8b515e41-af0a-5241-80ab-45666b3340ad');
});

test('the hash of values knows neither the order of members nor the spelling of numbers', () => {
  const hash = (text: string) => canonicalHash(Buffer.from(text))?.toString('hex');
  assert.equal(hash('{"a":[1.0,{"x":1,"y":2}],"b":"ж"}'), hash('{"b":"\\u0436","a":[1,{"y":2.00,"x":1}]}'));
  assert.notEqual(hash('{"a":[1,2]}'), hash('{"a":[2,1]}'));
  assert.equal(hash('{'), undefined);
});
