import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

let number = 0;
function transaction(productId: string, timestamp: string) {
  const transaction_id = `t-${++number}`;
  return {
    transaction_id,
    product_id: productId,
    quantity: 2,
    total_amount: 10,
    timestamp,
    place_id: 'shop',
  };
}

async function send(...documents: object[]) {
  const answer = await tested.call('POST', '/api/transactions/', documents);
  assert.equal(answer.status, 202);
  assert.equal(answer.body.rejected, 0, JSON.stringify(answer.body));
}

/** Sales by category once every sale has moved; audited every time. */
async function categories(filter = ''): Promise<Record<string, number>> {
  while ((await tested.program.jobs.pending('reattribute')) > 0) await sleep(50);
  assert.deepEqual(await tested.audit(), []);
  const answer = await tested.call(
    'GET',
    `/api/analytics/sales?granularity=total&group_by=category${filter}`,
  );
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return Object.fromEntries(
    answer.body.rows.map((row: { category: string; sales: number }) => [row.category, row.sales]),
  );
}

async function put(path: string, body: object) {
  const answer = await tested.call('PUT', path, body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

test('a product that arrives after its sales takes them out of the category unknown', async () => {
  await send(transaction('milk', '2024-03-01T10:00:00'), transaction('milk', '2024-03-02T10:00:00'));
  assert.deepEqual(await categories(), { unknown: 20 });
  const changed = await put('/api/products/milk', { name: 'Milk', category: 'dairy', price: 5 });
  assert.equal(typeof changed.job_id, 'string');
  assert.deepEqual(await categories(), { dairy: 20 });
  await send(transaction('milk', '2024-03-03T10:00:00'));
  assert.deepEqual(await categories(), { dairy: 30 });
  const { body } = await tested.call('GET', '/api/journal?verdict=reattributed');
  assert.equal(body.results.length, 2);
});

test('a category that changes on a date leaves the sales before it where they were', async () => {
  await put('/api/products/milk', { category: 'drinks', since: '2024-03-02' });
  assert.deepEqual(await categories(), { dairy: 10, drinks: 20 });
  await put('/api/products/milk', { category: 'food', since: 'beginning' });
  assert.deepEqual(await categories(), { food: 10, drinks: 20 });
  await put('/api/products/milk', { category: 'now' });
  assert.deepEqual(await categories(), { food: 10, drinks: 20 }, 'all of them are before now');
  const { body } = await tested.call('GET', '/api/products/milk');
  assert.equal(body.category, 'now');
  assert.equal(body.price, 5);
  assert.deepEqual(
    body.history.map((change: { fields: { category: string } }) => change.fields.category),
    ['now', 'food', 'drinks', 'dairy'],
  );
});

test('what is known already changes nothing; a bulk is one version and one job', async () => {
  const again = await put('/api/products/milk', { category: 'now' });
  assert.deepEqual([again.changed, again.unchanged, again.job_id], [0, 1, null]);
  await send(transaction('bread', '2024-04-01T10:00:00'), transaction('salt', '2024-04-01T10:00:00'));
  const bulk = await tested.call('POST', '/api/products/bulk', [
    { product_id: 'bread', name: 'Bread', category: 'bakery' },
    { product_id: 'salt', category: 'spices' },
    { product_id: 'milk', category: 'now' },
  ]);
  assert.equal(bulk.status, 200, JSON.stringify(bulk.body));
  assert.deepEqual([bulk.body.changed, bulk.body.unchanged], [2, 1]);
  assert.deepEqual(await categories('&from=2024-04-01&to=2024-04-30'), { bakery: 10, spices: 10 });
  const list = await tested.call('GET', '/api/products/?limit=2');
  assert.deepEqual(
    list.body.results.map((product: { product_id: string }) => product.product_id),
    ['bread', 'milk'],
  );
  const rest = await tested.call('GET', `/api/products/?cursor=${list.body.next_cursor}`);
  assert.deepEqual(rest.body, {
    results: [{ product_id: 'salt', category: 'spices' }],
    next_cursor: null,
  });
});

const dish = (id: string, price: number) => ({ id, name: id, price, quantity: 1 });
const order = {
  object_id: 7,
  object_type: 'order',
  sent_dttm: '2024-05-01 12:00:00',
  payload: {
    restaurant: { id: 'r-1' },
    date: '2024-05-01 12:00:00',
    user: { id: 'u-1' },
    order_items: [dish('soup', 100), dish('tea', 50), dish('bread', 20)],
    ...{ bonus_payment: 0, cost: 170, payment: 170, bonus_grant: 0 },
    statuses: [{ status: 'CLOSED', dttm: '2024-05-01 12:00:00' }],
    final_status: 'CLOSED',
    update_ts: '2024-05-01 12:00:00',
  },
};

test('an order takes its categories from the menu of its restaurant, then from the catalogue', async () => {
  assert.equal((await tested.call('POST', '/api/orders/', order)).status, 202);
  const may = '&from=2024-05-01&to=2024-05-31';
  assert.deepEqual(await categories(may), { unknown: 150, bakery: 20 });
  const menu = [
    { _id: 'soup', name: 'Soup of the day', price: 100, category: 'first' },
    { _id: 'bread', category: 'sides' },
  ];
  await put('/api/reference/restaurants/r-1', { _id: 'r-1', name: 'Corner', menu });
  assert.deepEqual(await categories(may), { first: 100, sides: 20, unknown: 50 });
  await put('/api/products/tea', { category: 'drinks' });
  assert.deepEqual(await categories(may), { first: 100, sides: 20, drinks: 50 });
  const places = await tested.call('GET', '/api/places/');
  const corner = places.body.results.find((place: { place_id: string }) => place.place_id === 'r-1');
  assert.equal(corner.place_name, 'Corner');
});

test('a rebuild comes to the same marts', async () => {
  const before = await categories();
  const { pool, reference, parse, epoch } = tested.program.warehouse;
  const quiet = { log: createLog('silent'), metrics: createMetrics(), progress: () => {} };
  await rebuildMarts({ pool, reference, parse, epoch, ...quiet });
  assert.deepEqual(await categories(), before);
});

test('what is wrong is named, all of it, and nothing is stored', async () => {
  const twice = await tested.call('POST', '/api/products/bulk', [
    { product_id: 'a', category: 'x' },
    { product_id: 'a', category: 'y', since: 'soon' },
    { product_id: 'b', since: 'never' },
  ]);
  assert.equal(twice.status, 422);
  assert.deepEqual(
    twice.body.errors.map((error: { pointer: string; code: string }) => [error.pointer, error.code]),
    [
      ['/body/1', 'duplicate_id'],
      ['/body/2/since', 'invalid_timestamp'],
    ],
  );
  const other = await tested.call('PUT', '/api/reference/users/u-1', { _id: 'u-2', name: 'Guest' });
  assert.equal(other.body.errors[0].pointer, '/body/_id');
  const wrong = await tested.call('PUT', '/api/products/a', { price: -1, category: '' });
  assert.equal(wrong.status, 422);
  assert.deepEqual(wrong.body.errors.map((error: { pointer: string }) => error.pointer).sort(), [
    '/body/category',
    '/body/price',
  ]);
  assert.equal((await tested.call('GET', '/api/products/a')).status, 404);
});
