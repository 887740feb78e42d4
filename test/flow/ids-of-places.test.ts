import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { createCustomersRebuild } from '../../src/customers/rebuild-customers.ts';
import { orderExample } from '../../src/sales/order.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { forEachStream, receipt, startTestProgram, type TestProgram } from '../program.ts';
import { differencesOf, settleVault } from '../vault/fixture.ts';

/** Under PRODUCT_ID_SCOPE=place the product 1 and the customer 1 of two places have nothing to do with each other. */
forEachStream((stream) => {
  let tested: TestProgram;
  before(async () => {
    const env = { PRODUCT_ID_SCOPE: 'place', ERASURE_KEY: 'a key for erasures, of the tests only' };
    tested = await startTestProgram(env, { stream });
    for (const [place, name] of [
      ['a', 'Tea'],
      ['b', 'Nails'],
    ] as const)
      await sell(place, name);
    await tested.settle();
  });
  after(() => tested.stop());

  const noon = '2024-02-07T12:00:00';
  const wait = { prefer: 'wait=5' };

  /** The product 1 three times in a receipt, twice as a transaction, once in an order and six times in the day's file. */
  async function sell(place: string, name: string): Promise<void> {
    const items = [{ product_id: '1', quantity: 3, price: 10, category: `${name} by receipt`, name }];
    const sold = receipt({ transaction_id: `r-${place}`, place_id: place, timestamp: noon, items });
    const person = { customer_id: '1', customer_name: `Guest of ${place}` };
    await post('/api/checks/', { ...sold, ...person, total_amount: 30, nds_amount: 0 });
    await post('/api/transactions/', transaction(place, `t-${place}`));
    await post('/api/orders/', order(place));
    const xml = `<sales_data date="2024-02-07" place_id="${place}"><products><product><id>1</id><name>${name}</name><quantity>6</quantity><price>10.00</price><category>declared</category></product></products></sales_data>`;
    const type = { 'content-type': 'application/xml' };
    const daily = await tested.call('POST', '/api/daily-sales/', xml, type);
    assert.equal(daily.status, 202, JSON.stringify(daily.body));
  }

  function transaction(place: string, id: string, changes: Record<string, unknown> = {}) {
    const ids = { transaction_id: id, product_id: '1', place_id: place, customer_id: '1' };
    return { ...ids, quantity: 2, total_amount: 20, timestamp: noon, ...changes };
  }

  function order(place: string) {
    const time = '2024-02-07 12:00:00';
    const { payload } = orderExample;
    const order_items = [{ id: '1', price: 10, quantity: 1 }];
    const ids = { restaurant: { id: place }, user: { id: '1' }, order_items };
    const times = { date: time, update_ts: time, statuses: [{ status: 'CLOSED', dttm: time }] };
    const money = { cost: 10, payment: 10, bonus_payment: 0 };
    return { ...orderExample, object_id: `o-${place}`, payload: { ...payload, ...ids, ...times, ...money } };
  }

  async function post(url: string, document: unknown): Promise<void> {
    const answer = await tested.call('POST', url, document, wait);
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
  }

  const get = async (url: string) => (await tested.call('GET', url)).body;
  const sales = async (query: string) =>
    (await get(`/api/analytics/sales?from=2024-02-07&to=2024-02-07&granularity=total&${query}`)).rows;
  const categories = async (place: string) =>
    (await sales(`group_by=category&place_id=${place}`)).map((row: any) => [row.category, row.units]).sort();
  const untilMoved = async () => {
    await tested.settle();
    while ((await tested.program.jobs.pending('reattribute')) > 0) await sleep(20);
    await tested.settle();
  };
  async function rebuild() {
    const { warehouse } = tested.program;
    const common = { ...warehouse, metrics: createMetrics(), log: createLog('silent') };
    const further = createCustomersRebuild({ ...common, clock: systemClock, defaultTimeZone: 'UTC' });
    return await rebuildMarts({ ...common, progress: () => {}, further });
  }

  test('they are two products with their own names and figures in every answer', async () => {
    const ranking = await sales('group_by=product&order=-sales');
    const shown = (row: any) => [row.product_id, row.product_name, row.units, row.receipts];
    const expected = [
      ['a:1', 'Tea', 6, 3],
      ['b:1', 'Nails', 6, 3],
    ];
    assert.deepEqual(ranking.map(shown).sort(), expected);
    assert.deepEqual((await sales('group_by=product&product_id=a:1')).map(shown), [expected[0]]);
    assert.deepEqual(await sales('group_by=product&product_id=1'), []);
    const popular = await get('/api/analytics/popularity?by=product');
    assert.deepEqual(popular.rows.map((row: any) => row.product_id).sort(), ['a:1', 'b:1']);
  });

  test('what a place declares is held against what it sold, product by product', async () => {
    const { rows } = await get('/api/analytics/reconciliation?date=2024-02-07&place_id=a');
    assert.equal(rows.length, 1, JSON.stringify(rows));
    assert.deepEqual(
      [rows[0].product_id, rows[0].units_difference, rows[0].amount_difference],
      ['a:1', 0, 0],
    );
    const stored = await get('/api/daily-sales/2024-02-07?place_id=b');
    assert.match(JSON.stringify(stored), /"id":"b:1"/);
  });

  test('an entry of the catalogue moves the sales of its own product only', async () => {
    const before = await categories('b');
    assert.deepEqual(before, [
      ['Nails by receipt', 3],
      ['unknown', 3],
    ]);
    const changed = await tested.call('PUT', '/api/products/a:1', { name: 'Green tea', category: 'drinks' });
    assert.equal(changed.status, 200, JSON.stringify(changed.body));
    assert.deepEqual([changed.body.product_id, changed.body.category], ['a:1', 'drinks']);
    await untilMoved();
    assert.deepEqual(await categories('a'), [
      ['Tea by receipt', 3],
      ['drinks', 3],
    ]);
    assert.deepEqual(await categories('b'), before);
    assert.deepEqual(await tested.audit(), []);
  });

  test('what is sold at one place gives tags to its own customer only', async () => {
    const rule = { tag: 'tea', scope: 'product', match: 'a:1', metric: 'orders', threshold: 2 };
    assert.equal((await tested.call('POST', '/api/tag-rules/', rule)).status, 201);
    while ((await tested.program.jobs.pending('apply-tag-rule')) > 0) await sleep(20);
    const named = ({ customer_id, customer_name }: any) => [customer_id, customer_name];
    assert.deepEqual((await get('/api/customers/?tag=tea')).results.map(named), [['a:1', 'Guest of a']]);
    assert.deepEqual((await get('/api/customers/')).results.map(named).sort(), [
      ['a:1', 'Guest of a'],
      ['b:1', 'Guest of b'],
    ]);
    const { products, counters } = await get('/api/customers/b:1');
    assert.deepEqual(
      [products.map((one: any) => [one.product_id, one.orders]), counters[0].orders],
      [[['b:1', 3]], 3],
    );
  });

  test('a correction, a refund and a replay stay with the product of their place', async () => {
    await post('/api/transactions/', transaction('b', 't-b', { revision: 1, quantity: 1, total_amount: 10 }));
    await post(
      '/api/transactions/',
      transaction('b', 't-back', { type: 'refund', quantity: 1, total_amount: 10 }),
    );
    const wrong = await tested.call(
      'POST',
      '/api/transactions/',
      transaction('b', 't-new', { quantity: 0 }),
      wait,
    );
    assert.equal(wrong.status, 422);
    const document = transaction('b', 't-new', { quantity: 4, total_amount: 40 });
    const replayed = await tested.call('POST', `/api/journal/${wrong.body.position}/replay`, { document });
    assert.equal(replayed.body.results[0].verdict, 'accepted', JSON.stringify(replayed.body));
    const ranking = await sales('group_by=product');
    assert.deepEqual(ranking.map((row: any) => [row.product_id, row.units, row.net]).sort(), [
      ['a:1', 6, 60],
      ['b:1', 8, 80],
    ]);
  });

  test('marts, customers and vault come out of the journal the same', async () => {
    await tested.settle();
    await settleVault(tested);
    assert.deepEqual(await tested.audit(), []);
    assert.deepEqual(await differencesOf(tested), []);
    const all = async () => [
      await sales('group_by=product'),
      await get('/api/analytics/popularity?by=product').then(({ rows }) => rows),
      (await get('/api/customers/?tag=tea')).results,
    ];
    const before = await all();
    const { repaired, recomputed } = await rebuild();
    assert.deepEqual({ repaired, recomputed }, { repaired: 0, recomputed: 0 });
    assert.deepEqual(await all(), before);
    assert.deepEqual(await tested.audit(), []);
    const { rows } = await tested.database.pool.query('select product_id from dds.h_product order by 1');
    assert.deepEqual(
      rows.map((row) => row.product_id),
      ['a:1', 'b:1'],
    );
  });
});
