import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDocument } from '../../src/intake/parse-document.ts';
import { receipt } from '../program.ts';
import { arrivalOf, contextOf, parseChanged, problemsOf } from './parsing.ts';

const item = { product_id: 'p', quantity: 1, price: 1, category: 'c' };
const items = (changes: Record<string, unknown>) => ({ items: [{ ...item, ...changes }] });
const parseText = (body: Buffer | string) => parseDocument(arrivalOf(body), contextOf());

/** name, changes of the documented receipt, its only problem */
const values: [string, Record<string, unknown>, string][] = [
  ['a number for a string', { payment_method: 7 }, '/payment_method wrong_type'],
  ['null for a string', { transaction_id: null }, '/transaction_id wrong_type'],
  ['an object for items', { items: {} }, '/items wrong_type'],
  ['a number for an item', { items: [5] }, '/items/0 wrong_type'],
  ['true for a number', { total_amount: true }, '/total_amount wrong_type'],
  ['a list for the place', { place: [] }, '/place wrong_type'],
  ['a revision that is text', { revision: '1' }, '/revision wrong_type'],
  ['a revision that is no integer', { revision: 1.5 }, '/revision wrong_type'],
  ['a negative revision', { revision: -1 }, '/revision out_of_range'],
  ['a huge revision', { revision: 2 ** 31 }, '/revision out_of_range'],
  ['empty items', { items: [] }, '/items empty_items'],
  ['an empty id', { transaction_id: '' }, '/transaction_id empty'],
  ['an empty product', items({ product_id: '' }), '/items/0/product_id empty'],
  ['an empty category', items({ category: '' }), '/items/0/category empty'],
  ['a negative quantity', items({ quantity: -1 }), '/items/0/quantity not_positive'],
  ['a zero quantity', items({ quantity: 0 }), '/items/0/quantity not_positive'],
  ['a quantity of almost zero', items({ quantity: 1e-12 }), '/items/0/quantity not_positive'],
  ['four decimals of a quantity', items({ quantity: 0.0005 }), '/items/0/quantity too_many_decimals'],
  ['a huge quantity', items({ quantity: 1_000_000 }), '/items/0/quantity out_of_range'],
  ['a negative price', items({ price: -0.01 }), '/items/0/price negative'],
  ['a huge price', items({ price: 10_000_000_000 }), '/items/0/price out_of_range'],
  ['a product that is too much', items({ price: 9e9, quantity: 999 }), '/items/0/quantity out_of_range'],
  ['a negative total', { total_amount: -1 }, '/total_amount negative'],
  ['a negative tip', { tips_amount: -1 }, '/tips_amount negative'],
  ['a negative discount', { discount_amount: -1 }, '/discount_amount negative'],
  ['too many decimals', { total_amount: 10.999 }, '/total_amount too_many_decimals'],
  ['too many decimals in text', { nds_amount: '0.001' }, '/nds_amount too_many_decimals'],
  ['1e308', { total_amount: 1e308 }, '/total_amount out_of_range'],
  ['a quantity of 1e308', items({ quantity: 1e308 }), '/items/0/quantity out_of_range'],
  ['text NaN', { total_amount: 'NaN' }, '/total_amount not_a_number'],
  ['text Infinity', { total_amount: '-Infinity' }, '/total_amount not_a_number'],
  ['text with an exponent', { total_amount: '1e3' }, '/total_amount not_a_number'],
  ['hexadecimal text', { total_amount: '0x1b' }, '/total_amount not_a_number'],
  ['text with a comma', { total_amount: '27,47' }, '/total_amount not_a_number'],
  ['text with a space', { total_amount: ' 27.47' }, '/total_amount not_a_number'],
  ['empty text', { total_amount: '' }, '/total_amount not_a_number'],
  ['an unknown currency', { currency: 'XQZ' }, '/currency unknown_currency'],
  ['a currency in small letters', { currency: 'rub' }, '/currency unknown_currency'],
  ['an unknown type', { type: 'gift' }, '/type unknown_value'],
  ['a long id', { transaction_id: 'x'.repeat(257) }, '/transaction_id too_long'],
  ['an id of many bytes', { place_id: '😀'.repeat(129) }, '/place_id too_long'],
  ['a long category', items({ category: 'x'.repeat(257) }), '/items/0/category too_long'],
  ['a long name', { place_name: 'x'.repeat(1001) }, '/place_name too_long'],
  ['a NUL', { payment_method: 'a\u0000' }, '/payment_method nul_character'],
  ['a NUL in a field nobody knows', { a: [{ 'b/~': '\u0000' }] }, '/a/0/b~1~0 nul_character'],
  ['a NUL in a key', { a: { 'b\u0000': 1 } }, '/a nul_character'],
  ['a lone surrogate', { customer_name: '\ud83d' }, '/customer_name lone_surrogate'],
  ['a lone surrogate in a key', { '\udc00': 1 }, ' lone_surrogate'],
];
for (const [name, changes, expected] of values) {
  test(`${name}: ${expected.trim()}`, () => {
    assert.deepEqual(problemsOf(parseChanged(changes)), [expected]);
  });
}

for (const name of [
  'transaction_id',
  'timestamp',
  'items',
  'total_amount',
  'nds_amount',
  'payment_method',
] as const) {
  test(`${name} is required`, () => {
    assert.deepEqual(problemsOf(parseChanged({ [name]: undefined })), [`/${name} missing`]);
  });
}
for (const name of ['product_id', 'quantity', 'price', 'category']) {
  test(`${name} of an item is required`, () => {
    assert.deepEqual(problemsOf(parseChanged(items({ [name]: undefined }))), [`/items/0/${name} missing`]);
  });
}
for (const name of ['place_id', 'place_name', 'tips_amount']) {
  test(`${name} is not required`, () => {
    assert.deepEqual(problemsOf(parseChanged({ [name]: undefined })), []);
  });
}

/** name, body, its only problem */
const bodies: [string, Buffer | string, string][] = [
  ['nothing', '', ' not_json'],
  ['half a document', '{"transaction_id":"a"', ' not_json'],
  ['two documents', '{}{}', ' not_json'],
  ['NaN', '{"total_amount":NaN}', ' not_json'],
  ['a raw NUL', '{"transaction_id":"a\u0000"}', ' not_json'],
  ['a number', '1', ' wrong_type'],
  ['null', 'null', ' wrong_type'],
  ['text', '"receipt"', ' wrong_type'],
  ['a list in a list', '[[]]', ' wrong_type'],
  ['broken UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), ' broken_utf8'],
  ['a surrogate as UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), ' broken_utf8'],
  ['deep lists', '['.repeat(500_000), ' too_deep'],
  ['deep objects', '{"a":'.repeat(200_000), ' too_deep'],
];
for (const [name, body, expected] of bodies) {
  test(`a body of ${name} is${expected}`, () => {
    assert.deepEqual(problemsOf(parseText(body)), [expected]);
  });
}

test('what a message quotes of a broken body can be stored', () => {
  for (const text of ['{"a":😀}', `{"a":${'😀'.repeat(30)}}`, '{"a":\0}', `[1,2,3,4 \0 ${'x'.repeat(40)}]`]) {
    const incoming = parseText(text);
    assert.ok(incoming.sale === undefined);
    const [problem] = incoming.problems;
    assert.equal(problem!.code, 'not_json');
    assert.ok(problem!.message.isWellFormed() && !problem!.message.includes('\0'), problem!.message);
  }
});

test('64 levels are read, 65 are not; brackets inside strings are no levels', () => {
  const nested = (levels: number) => parseChanged({ a: JSON.parse('['.repeat(levels) + ']'.repeat(levels)) });
  assert.deepEqual(problemsOf(nested(63)), []);
  assert.deepEqual(problemsOf(nested(64)), [' too_deep']);
  assert.deepEqual(problemsOf(parseChanged({ note: '\\"[{'.repeat(100) })), []);
});

test('10,000 lines are read, 10,001 are not', () => {
  const many = (count: number) => parseChanged({ items: Array.from({ length: count }, () => item) });
  assert.deepEqual(problemsOf(many(10_000)), []);
  assert.deepEqual(problemsOf(many(10_001)), ['/items too_many_lines']);
});

test('lines that add up to more than a sale can hold are a problem, not an overflow', () => {
  const line = { ...item, price: 9_999_999_999 };
  const sum = parseChanged({ items: Array.from({ length: 2_000 }, () => line) });
  assert.deepEqual(problemsOf(sum), ['/items out_of_range']);
});

test('everything that is wrong is named at once, up to a hundred', () => {
  const bad = { ...item, quantity: 'two', price: 'ten' };
  const wrong = problemsOf(
    parseChanged({ timestamp: 'x', currency: 'x', items: [bad, item, bad], nds_amount: -1 }),
  );
  assert.deepEqual(wrong.sort(), [
    '/currency unknown_currency',
    '/items/0/price not_a_number',
    '/items/0/quantity not_a_number',
    '/items/2/price not_a_number',
    '/items/2/quantity not_a_number',
    '/nds_amount negative',
    '/timestamp invalid_timestamp',
  ]);
  const shapes = problemsOf(parseChanged({ items: Array.from({ length: 40 }, () => ({})) }));
  assert.equal(shapes.length, 100);
  assert.equal(problemsOf(parseChanged({ items: Array.from({ length: 200 }, () => bad) })).length, 100);
});

test('a rejected document keeps its id and its place, where they can be read and stored', () => {
  const idsOf = (changes: Record<string, unknown>) => {
    const incoming = parseChanged({ nds_amount: 'x', ...changes });
    assert.ok(incoming.sale === undefined);
    return [incoming.sourceId, incoming.placeId];
  };
  assert.deepEqual(idsOf({}), ['unique_transaction_id297', 'unique_place_id1']);
  assert.deepEqual(idsOf({ place_id: undefined, place: { place_id: 'b' } }), [
    'unique_transaction_id297',
    'b',
  ]);
  for (const unusable of [5, '', 'x'.repeat(257), 'a\u0000', '\ud800', null])
    assert.deepEqual(idsOf({ transaction_id: unusable, place_id: unusable }), [undefined, undefined]);
});

test('the body stays what arrived, byte for byte', () => {
  const body = `  ${JSON.stringify(receipt()).replace('27.47', '2747e-2')} \n`;
  assert.equal(parseText(body).body.toString(), body);
});
