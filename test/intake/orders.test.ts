import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDocument } from '../../src/intake/parse-document.ts';
import { orderExample } from '../../src/sales/order.ts';
import type { Arrival } from '../../src/sales/sale.ts';
import { arrivalOf, contextOf, problemsOf, saleOf } from './parsing.ts';

type Changes = Record<string, unknown>;

/** The order of the documentation with changes of its payload and of the message around it. */
function parse(
  payload: Changes = {},
  message: Changes = {},
  context = contextOf(),
  arrival: Partial<Arrival> = {},
) {
  const body = JSON.stringify({
    ...orderExample,
    payload: { ...orderExample.payload, ...payload },
    ...message,
  });
  return parseDocument(arrivalOf(body, { source: 'order', ...arrival }), context);
}
const item = orderExample.payload.order_items[0]!;
const items = (changes: Changes) => ({ order_items: [item, item, item, { ...item, ...changes }] });
const flagsOf = (changes: Changes) =>
  saleOf(parse(changes)).flags.map(({ code, message }) => `${code}: ${message}`);

test('the documented order becomes exactly this sale', () => {
  assert.deepEqual(saleOf(parse()), {
    source: 'order',
    sourceId: '1371198',
    version: '2023-04-01T20:45:43.000000 2023-04-08T20:27:36.000000 000004 3',
    status: 'closed',
    kind: 'sale',
    placeId: 'ef8c42c19b7518a9aebec106',
    customerId: '626a81ce9a8cd1920641e29c',
    time: { local: '2023-04-01T20:45:43' },
    currency: 'RUB',
    paymentMethod: 'unknown',
    totalMinor: 87_500,
    ndsMinor: 0,
    tipsMinor: 0,
    discountMinor: 0,
    lines: [
      {
        productId: 'aeca4d08abab78869c20128c',
        name: 'Рис с лимоном',
        quantityMilli: 5000,
        priceMinor: 17_500,
        amountMinor: 87_500,
      },
    ],
    flags: [],
  });
});

test('what an order went through is read once it was accepted', () => {
  assert.deepEqual(saleOf(parse({}, {}, contextOf({ accepted: true }))).statuses, [
    { status: 'CLOSED', time: { local: '2023-04-01T20:45:43' } },
    { status: 'DELIVERING', time: { local: '2023-04-01T20:12:14' } },
    { status: 'COOKING', time: { local: '2023-04-01T19:14:45' } },
    { status: 'OPEN', time: { local: '2023-04-01T18:55:52' } },
  ]);
});

for (const [status, expected] of [
  ['OPEN', 'open'],
  ['COOKING', 'open'],
  ['DELIVERING', 'open'],
  ['CLOSED', 'closed'],
  ['CANCELLED', 'cancelled'],
] as const) {
  test(`${status} is ${expected}`, () => {
    assert.equal(saleOf(parse({ final_status: status })).status, expected);
  });
}

test('ids are text, numbers or not', () => {
  assert.equal(saleOf(parse({}, { object_id: '7' })).sourceId, '7');
  assert.equal(saleOf(parse({}, { object_id: 7 })).sourceId, '7');
  assert.equal(saleOf(parse({}, { object_id: 2 ** 53 - 1 })).sourceId, '9007199254740991');
});

test('what makes no order stays out: a user, a restaurant, statuses, the time it was sent', () => {
  const sale = saleOf(
    parse({ restaurant: undefined, user: undefined, statuses: undefined }, { sent_dttm: undefined }),
  );
  assert.deepEqual([sale.placeId, sale.customerId], ['unknown', undefined]);
  assert.equal(sale.version, '2023-04-01T20:45:43.000000 0000-00-00T00:00:00.000000 000000 3');
  assert.equal(saleOf(parse({ restaurant: {}, user: {} })).placeId, 'unknown');
  assert.equal(
    saleOf(parse({ bonus_payment: undefined, payment: undefined, bonus_grant: null })).discountMinor,
    0,
  );
  assert.deepEqual(
    saleOf(parse({ order_items: [], cost: 0, payment: 0, final_status: 'CANCELLED' })).lines,
    [],
  );
});

test('payment method, tips, VAT and currency are read where they are given', () => {
  const sale = saleOf(
    parse({ payment_method: 'card', tips_amount: 50, nds_amount: '145.83', currency: 'KZT' }),
  );
  assert.deepEqual(
    [sale.paymentMethod, sale.tipsMinor, sale.ndsMinor, sale.currency],
    ['card', 5000, 14_583, 'KZT'],
  );
});

test('bonuses are the discount; what does not add up is flagged with the exact difference', () => {
  assert.equal(saleOf(parse({ bonus_payment: 75, payment: 800 })).discountMinor, 7500);
  assert.deepEqual(flagsOf({ bonus_payment: 75, payment: 800 }), []);
  assert.deepEqual(flagsOf({ bonus_payment: 75 }), [
    'payment_mismatch: payment is 875.00, cost less bonus_payment 800.00',
  ]);
  assert.deepEqual(flagsOf({ cost: 870.5, payment: 870.5 }), [
    'total_mismatch: cost differs by -4.50 from the dishes',
  ]);
  assert.deepEqual(flagsOf({ bonus_payment: 900, payment: 0 }), [
    'payment_mismatch: payment is 0.00, cost less bonus_payment -25.00',
  ]);
});

test('STRICT_TOTALS rejects dishes that do not add up, but no order that was accepted before', () => {
  const wrong = { cost: 870, payment: 870 };
  const strict = { strictTotals: true };
  assert.deepEqual(problemsOf(parse(wrong, {}, contextOf(strict))), ['/payload/cost total_mismatch']);
  assert.deepEqual(problemsOf(parse(wrong, {}, contextOf({ ...strict, accepted: true }))), []);
  assert.deepEqual(problemsOf(parse({ payment: 1 }, {}, contextOf(strict))), [], 'a payment is only flagged');
});

test('the time is read in the zone of the restaurant and flagged where the clocks changed', () => {
  const places = { ef8c42c19b7518a9aebec106: { timeZone: 'Europe/Berlin', currency: 'EUR' } };
  const sale = saleOf(parse({ date: '2023-03-26 02:30:00' }, {}, contextOf({ places })));
  assert.deepEqual([sale.flags.map(({ code }) => code), sale.currency], [['dst_gap'], 'EUR']);
});

test('messages about anything else are kept and not counted, however they look', () => {
  for (const message of [
    { object_type: 'user', object_id: 'u-1', payload: { name: 'x' } },
    { object_type: 'ORDER' },
    { object_type: '' },
  ]) {
    const incoming = parseDocument(arrivalOf(JSON.stringify(message), { source: 'order' }), contextOf());
    assert.ok(incoming.sale === undefined);
    assert.deepEqual(
      [incoming.verdict, incoming.problems, incoming.sourceId],
      ['ignored', [], message.object_id],
    );
  }
});

/** name, changes of the payload, the only problem */
const badPayloads: [string, Changes, string][] = [
  ...['date', 'order_items', 'cost', 'final_status', 'update_ts'].map((name): [string, Changes, string] => [
    `no ${name}`,
    { [name]: undefined },
    `/payload/${name} missing`,
  ]),
  ['a negative price', items({ price: -1 }), '/payload/order_items/3/price negative'],
  ['a price that is text', items({ price: 'much' }), '/payload/order_items/3/price not_a_number'],
  ['no quantity', items({ quantity: 0 }), '/payload/order_items/3/quantity not_positive'],
  ['a dish without an id', items({ id: undefined }), '/payload/order_items/3/id missing'],
  ['a dish without a price', items({ price: undefined }), '/payload/order_items/3/price missing'],
  ['a dish that is null', { order_items: [null] }, '/payload/order_items/0 wrong_type'],
  [
    'dishes that are too much',
    items({ price: 9e9, quantity: 999 }),
    '/payload/order_items/3/quantity out_of_range',
  ],
  ['a closed order without dishes', { order_items: [] }, '/payload/order_items empty_items'],
  ['10,001 dishes', { order_items: Array(10_001).fill(item) }, '/payload/order_items too_many_lines'],
  ['an unknown status', { final_status: 'EATEN' }, '/payload/final_status unknown_value'],
  ['a status in small letters', { final_status: 'closed' }, '/payload/final_status unknown_value'],
  ['a day that does not exist', { date: '2023-02-29 12:00:00' }, '/payload/date invalid_timestamp'],
  ['a date in the future', { date: '2024-06-18 12:00:00' }, '/payload/date timestamp_out_of_range'],
  ['an update of no time', { update_ts: 'now' }, '/payload/update_ts invalid_timestamp'],
  ['an update far ahead', { update_ts: '2099-01-01 00:00:00' }, '/payload/update_ts timestamp_out_of_range'],
  [
    'a status of no time',
    { statuses: [{ status: 'OPEN', dttm: '?' }] },
    '/payload/statuses/0/dttm invalid_timestamp',
  ],
  ['statuses that are text', { statuses: 'OPEN' }, '/payload/statuses wrong_type'],
  ['a negative cost', { cost: -1 }, '/payload/cost negative'],
  ['a negative payment', { payment: -1 }, '/payload/payment negative'],
  ['three decimals', { bonus_payment: 0.001 }, '/payload/bonus_payment too_many_decimals'],
  ['tips of 1e308', { tips_amount: 1e308 }, '/payload/tips_amount out_of_range'],
  ['a restaurant without text', { restaurant: { id: 7 } }, '/payload/restaurant/id wrong_type'],
  ['a restaurant that is text', { restaurant: 'x' }, '/payload/restaurant wrong_type'],
  ['an empty customer', { user: { id: '' } }, '/payload/user/id empty'],
  ['an id of many bytes', { user: { id: '😀'.repeat(129) } }, '/payload/user/id too_long'],
  ['an unknown currency', { currency: 'rub' }, '/payload/currency unknown_currency'],
  ['a NUL', { note: 'a\u0000' }, '/payload/note nul_character'],
];
for (const [name, changes, expected] of badPayloads) {
  test(`${name}: ${expected}`, () => {
    assert.deepEqual(problemsOf(parse(changes)), [expected]);
  });
}

/** name, changes of the message, the only problem */
const badMessages: [string, Changes, string][] = [
  ['no object_type', { object_type: undefined }, '/object_type missing'],
  ['an object_type that is a number', { object_type: 1 }, '/object_type wrong_type'],
  ['no object_id', { object_id: undefined }, '/object_id missing'],
  ['an empty object_id', { object_id: '' }, '/object_id empty'],
  ['half an object_id', { object_id: 1.5 }, '/object_id wrong_type'],
  ['an object_id that JSON rounds', { object_id: 2 ** 53 }, '/object_id out_of_range'],
  ['an object_id of many bytes', { object_id: '😀'.repeat(129) }, '/object_id too_long'],
  ['a sending time that is none', { sent_dttm: 'x' }, '/sent_dttm invalid_timestamp'],
  ['no payload', { payload: undefined }, '/payload missing'],
  ['a payload of null', { payload: null }, '/payload wrong_type'],
];
for (const [name, changes, expected] of badMessages) {
  test(`${name}: ${expected}`, () => {
    assert.deepEqual(problemsOf(parse({}, changes)), [expected]);
  });
}

test('an unknown status names those there are', () => {
  const incoming = parse({ final_status: 'EATEN' });
  assert.ok(incoming.sale === undefined);
  assert.match(incoming.problems[0]!.message, /OPEN, COOKING, DELIVERING, CLOSED, CANCELLED/);
});

test('a rejected message keeps its id and its restaurant; a bound token may name no other', () => {
  const resolved = { placeId: 'mine', currency: 'RUB', timeZone: 'UTC' };
  const bound = { resolved, boundPlaceId: 'mine' };
  const foreign = parse({ restaurant: { id: 'theirs' } }, {}, contextOf(), bound);
  assert.deepEqual(problemsOf(foreign), ['/payload/restaurant/id foreign_place']);
  assert.ok(foreign.sale === undefined);
  assert.deepEqual([foreign.sourceId, foreign.placeId], ['1371198', 'theirs']);
  assert.equal(saleOf(parse({ restaurant: undefined }, {}, contextOf(), bound)).placeId, 'mine');
});
