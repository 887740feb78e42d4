import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { importReference } from '../../src/imports/import-reference.ts';
import { orderExample } from '../../src/sales/order.ts';
import type { Sale } from '../../src/sales/sale.ts';
import { readOrderNames } from '../../src/warehouse/order-names.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';
import { differencesOf, settleVault } from '../vault/fixture.ts';

/** Under PRODUCT_ID_SCOPE=place the guest 1 and the dish 1 of two restaurants have nothing to do with each other. */
let tested: TestProgram;
before(async () => {
  const env = { PRODUCT_ID_SCOPE: 'place', ERASURE_KEY: 'a key for erasures, of the tests only' };
  tested = await startTestProgram(env);
});
after(() => tested.stop());

function order(id: string, place: string) {
  const { payload } = orderExample;
  const order_items = [{ id: '1', price: 875, quantity: 1 }];
  const ids = { restaurant: { id: place }, user: { id: '1' }, order_items };
  return { ...orderExample, object_id: id, payload: { ...payload, ...ids } };
}

const wait = { prefer: 'wait=5' };
const send = async (url: string, document: unknown) =>
  (await tested.call('POST', url, document, wait)).status;
const get = async (url: string) => (await tested.call('GET', url)).body;
const restaurant = (id: string) => `/api/reference/restaurants/${id}`;
const put = async (url: string, body: unknown) => await tested.call('PUT', url, body);
const query = async (text: string) => (await tested.database.pool.query(text)).rows;

async function untilDone(): Promise<void> {
  for (const kind of ['reattribute', 'erase-customer'])
    while ((await tested.program.jobs.pending(kind)) > 0) await sleep(20);
  await tested.settle();
  await settleVault(tested);
}

async function noDifferences(): Promise<void> {
  assert.deepEqual(await tested.audit(), []);
  assert.deepEqual(await differencesOf(tested), []);
}

async function categories(place: string): Promise<string[]> {
  const period = 'granularity=total&from=2023-01-01&to=2023-12-31';
  const { rows } = await get(`/api/analytics/sales?${period}&group_by=category&place_id=${place}`);
  return rows.map((row: any) => row.category);
}

test('a menu names the dishes of its restaurant as that writes them, and moves no other', async () => {
  for (const place of ['a', 'b']) assert.equal(await send('/api/orders/', order(`o-${place}`, place)), 201);
  await tested.settle();
  const menu = (category: string, name: string) => [{ _id: '1', name, price: 875, category }];
  await put(restaurant('a'), { name: 'A', menu: menu('soups', 'Borscht') });
  const second = await put(restaurant('b'), { name: 'B', menu: menu('cakes', 'Napoleon') });
  assert.deepEqual(second.body.menu, menu('cakes', 'Napoleon'));
  await untilDone();
  assert.deepEqual([await categories('a'), await categories('b')], [['soups'], ['cakes']]);
  const { results } = await get('/api/reference/restaurants/');
  assert.deepEqual(results[0], { _id: 'a', name: 'A', menu: menu('soups', 'Borscht') });
  const { history, _id, ...same } = await get(restaurant('a'));
  assert.deepEqual(history[0].fields.menu, same.menu);
  assert.deepEqual((await put(restaurant('a'), same)).body.unchanged, 1);
  await noDifferences();
  assert.deepEqual(await query('select product_id, product_name from ops.product order by 1'), [
    { product_id: 'a:1', product_name: 'Borscht' },
    { product_id: 'b:1', product_name: 'Napoleon' },
  ]);
  const sold = { placeId: 'b', customerId: 'b:1', lines: [{ productId: 'b:1' }] } as unknown as Sale;
  const client = await tested.database.pool.connect();
  const names = await readOrderNames(client, [sold]).finally(() => client.release());
  assert.equal(names.dish('b', 'b:1'), 'Napoleon');
});

test('an id that tells no place is refused wherever it would name nothing', async () => {
  const refused = [
    await put('/api/products/1', { category: 'c' }),
    await put('/api/reference/users/1', { name: 'Nobody' }),
    await tested.call('POST', '/api/products/bulk', [{ product_id: 'a:1', name: 'x' }, { product_id: '1' }]),
    await put(restaurant('r'.repeat(250)), { menu: [{ _id: 'a dish' }] }),
    await tested.call('DELETE', '/api/customers/1'),
  ];
  for (const { status, body } of refused)
    assert.deepEqual([status, body.errors[0].code], [422, 'other_scope'], JSON.stringify(body));
  assert.equal(refused[2]!.body.errors[0].pointer, '/body/1');
  assert.match(refused[4]!.body.detail, /<place_id>:<id> under PRODUCT_ID_SCOPE=place/);
  assert.equal((await put('/api/reference/users/a%3A1', { name: 'Anna' })).status, 200, 'the colon escaped');
  assert.equal((await get('/api/customers/a:1')).customer_name, 'Anna');
});

test('a file of users and restaurants is taken where its ids tell the place', async () => {
  const { pool, reference, erased } = tested.program.warehouse;
  const { jobs } = tested.program;
  const lines = [
    { _id: '1', name: 'Nobody' },
    { _id: 'b:1', name: 'Boris' },
    { _id: 'c', menu: [{ _id: '1', category: 'tea' }] },
  ];
  const input = (async function* () {
    yield Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n'));
  })();
  const deps = { pool, reference, erased, jobs, clock: systemClock, defaultTimeZone: 'UTC' };
  const summary = await importReference({ ...deps, productIdScope: 'place' }, input);
  assert.deepEqual([summary.user, summary.restaurant, summary.changed], [1, 1, 2]);
  assert.match(summary.rejected[0]!.reason, /id of a user is <place_id>:<id>/);
  assert.equal((await get('/api/customers/b:1')).customer_name, 'Boris');
  await untilDone();
});

test('a guest of one place is erased, whoever else has the number', async () => {
  const bought = (id: string, place: string, changes: Record<string, unknown> = {}) =>
    receipt({
      transaction_id: id,
      place_id: place,
      customer_id: '1',
      customer_name: `of ${place}`,
      ...changes,
    });
  for (const place of ['a', 'b']) {
    assert.equal(await send('/api/checks/', bought(`r-${place}`, place)), 201);
    assert.equal(await send('/api/checks/', bought(`bad-${place}`, place, { total_amount: -1 })), 422);
  }
  const { body: token } = await tested.call('POST', '/api/tokens/', {
    ...{ name: 'b', roles: ['collector'], place_id: 'b' },
  });
  const bound = { ...wait, authorization: `Bearer ${token.secret ?? token.token}` };
  const foreign = await tested.call('POST', '/api/checks/', bought('foreign', 'a'), bound);
  assert.equal(foreign.body.code, 'foreign_place');
  await tested.settle();
  const other = await get('/api/customers/b:1');
  assert.equal((await tested.call('DELETE', '/api/customers/a:1')).status, 202);
  await untilDone();
  assert.equal((await tested.call('GET', '/api/customers/a:1')).status, 404);
  const { as_of: _, ...left } = await get('/api/customers/b:1');
  const { as_of: __, ...before } = other;
  assert.deepEqual(left, before);
  const named = await query(
    `select source_id from stg.journal where convert_from(document, 'UTF8') ~ 'customer_id":"1"|user":\\{"id":"1"' order by 1`,
  );
  assert.deepEqual(
    named.map((row) => row.source_id),
    ['bad-b', 'o-b', 'r-b'],
  );
  await noDifferences();

  assert.equal(await send('/api/checks/', bought('r-a', 'a')), 200, 'still a duplicate');
  assert.equal(await send('/api/checks/', bought('again-a', 'a')), 201);
  assert.equal(await send('/api/checks/', bought('again-b', 'b')), 201);
  await tested.settle();
  assert.equal((await tested.call('GET', '/api/customers/a:1')).status, 404);
  const { counters } = await get('/api/customers/b:1');
  assert.equal(counters[0].orders, before.counters[0].orders + 1);
  await untilDone();
  await noDifferences();
});
