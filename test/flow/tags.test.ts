import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { createCustomersRebuild } from '../../src/customers/rebuild-customers.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { forEachStream, receipt, startTestProgram, type TestProgram } from '../program.ts';

forEachStream((stream) => {
  let tested: TestProgram;
  before(async () => {
    tested = await startTestProgram({}, { stream });
  });
  after(() => tested.stop());

  const item = (category: string, product: string, quantity = 1, price = 10) => ({
    product_id: product,
    category,
    quantity,
    price,
  });
  const bought = (customer: string, id: string, changes: Record<string, unknown> = {}) =>
    receipt({
      transaction_id: id,
      customer_id: customer,
      items: [item('pizza', 'p1')],
      total_amount: 10,
      ...changes,
    });

  async function send(...documents: Record<string, unknown>[]): Promise<void> {
    const answer = await tested.call('POST', '/api/checks/', documents);
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    assert.equal(answer.body.rejected, 0, JSON.stringify(answer.body));
    await tested.settle();
  }

  async function makeRule(rule: Record<string, unknown>): Promise<{ rule_id: number }> {
    const answer = await tested.call('POST', '/api/tag-rules/', rule);
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body;
  }

  async function untilApplied(ruleId: number): Promise<void> {
    for (let tries = 0; tries < 1_200; tries++) {
      const { status, body } = await tested.call('GET', `/api/tag-rules/${ruleId}`);
      if (status === 200 && body.is_applied) return;
      await sleep(50);
    }
    assert.fail('the rule was not applied');
  }

  const customer = async (id: string) => (await tested.call('GET', `/api/customers/${id}`)).body;
  const tagsOf = async (id: string) => ((await customer(id)).tags as { tag: string }[]).map(({ tag }) => tag);
  async function events(customerId: string): Promise<string[]> {
    const { rows } = await tested.database.pool.query({
      text: `select event, payload->>'tag' as tag from ops.outbox where payload->>'customer_id' = $1 order by entity_seq`,
      values: [customerId],
    });
    return rows.map((row) => `${row.event} ${row.tag}`);
  }

  test('an order with two dishes of one category counts once for it', async () => {
    const items = [
      item('pizza', 'margherita', 2, 10),
      item('pizza', 'diavola', 1, 12),
      item('cola', 'c', 1, 3),
    ];
    await send(bought('two-dishes', 'td-1', { items, total_amount: 35, customer_name: 'Анна' }));
    const found = await customer('two-dishes');
    assert.equal(found.customer_name, 'Анна');
    assert.deepEqual(found.counters, [{ currency: 'RUB', orders: 1, units: 4, spent: 35 }]);
    const categories = found.categories.map((one: any) => [one.category, one.orders, one.units, one.spent]);
    assert.deepEqual(categories.sort(), [
      ['cola', 1, 1, 3],
      ['pizza', 1, 3, 32],
    ]);
    assert.equal(found.products.length, 3);
    assert.deepEqual(found.last_sales, [
      {
        source: 'receipt',
        id: 'td-1',
        place_id: 'unique_place_id1',
        business_date: '2024-02-07',
        at: '2024-02-07T12:34:56.000Z',
        type: 'sale',
        currency: 'RUB',
        total: 35,
      },
    ]);
    const { rows } = await tested.database.pool.query(
      `select category_name, order_cnt, units, spent from cdm.user_category_counters
     where user_id = '${found.user_id}' order by category_name`,
    );
    assert.deepEqual(rows, [
      { category_name: 'cola', order_cnt: 1, units: 1000, spent: 300 },
      { category_name: 'pizza', order_cnt: 1, units: 3000, spent: 3200 },
    ]);
  });

  test('a guest is tagged when the value exceeds the threshold, with evidence, and untagged below it', async () => {
    await makeRule({ tag: 'regular', scope: 'category', match: 'pizza', metric: 'orders', threshold: 2 });
    await send(bought('guest', 'g-1'), bought('guest', 'g-2'));
    assert.deepEqual(await tagsOf('guest'), []);
    await send(bought('guest', 'g-3'), bought('guest', 'g-4'));
    const [tag] = (await customer('guest')).tags;
    assert.equal(tag.tag, 'regular');
    assert.equal(tag.value, 3, 'right after the sale that crossed the threshold');
    assert.deepEqual(tag.sale, { source: 'receipt', id: 'g-3' });

    // Corrected away from the category: two are left.
    const cola = [item('cola', 'c1')];
    await send(
      bought('guest', 'g-1', { revision: 1, items: cola }),
      bought('guest', 'g-3', { revision: 1, items: cola }),
    );
    assert.deepEqual(await tagsOf('guest'), []);
    assert.deepEqual(await events('guest'), ['tag.assigned regular', 'tag.revoked regular']);
    await send(bought('guest', 'g-3', { revision: 2 }));
    assert.deepEqual(await tagsOf('guest'), ['regular']);
  });

  test('a refund lowers what was spent and is no order; a sticky tag stays', async () => {
    await makeRule({ tag: 'spender', scope: 'total', metric: 'spent', threshold: 99.99 });
    await makeRule({
      tag: 'once a spender',
      scope: 'total',
      metric: 'spent',
      threshold: 99.99,
      sticky: true,
    });
    const hundred = { items: [item('pizza', 'p1', 1, 100)], total_amount: 100 };
    await send(bought('rich', 'r-1', hundred));
    assert.deepEqual((await tagsOf('rich')).sort(), ['once a spender', 'spender']);
    await send(bought('rich', 'r-2', { ...hundred, type: 'refund', original_transaction_id: 'r-1' }));
    assert.deepEqual(await tagsOf('rich'), ['once a spender']);
    const found = await customer('rich');
    assert.deepEqual(found.counters, [{ currency: 'RUB', orders: 1, units: 0, spent: 0 }]);
  });

  test('a new rule is applied to the customers there are, a changed and a deleted one too', async () => {
    await send(bought('old', 'o-1'), bought('old', 'o-2'), bought('older', 'o-3'));
    const rule = { tag: 'old hand', scope: 'product', match: 'p1', metric: 'units', threshold: 1.5 };
    const preview = await tested.call('POST', '/api/tag-rules/preview', rule);
    assert.ok(preview.body.examples.some((one: any) => one.customer_id === 'old' && one.value === 2));
    assert.deepEqual(await tagsOf('old'), []);
    const { rule_id } = await makeRule(rule);
    await untilApplied(rule_id);
    assert.deepEqual(await tagsOf('old'), ['old hand']);
    const tagged = (await tested.call('GET', '/api/customers/?tag=old%20hand&limit=1000')).body.results;
    assert.equal(tagged.length, preview.body.customers);
    assert.deepEqual(await tagsOf('older'), []);

    const changed = await tested.call('PUT', `/api/tag-rules/${rule_id}`, { ...rule, threshold: 0.5 });
    assert.equal(changed.status, 200);
    await untilApplied(rule_id);
    assert.deepEqual(await tagsOf('older'), ['old hand']);

    assert.equal((await tested.call('DELETE', `/api/tag-rules/${rule_id}`)).status, 200);
    assert.deepEqual(await tagsOf('older'), [], 'a deleted rule shows no tags from then on');
    for (let tries = 0; tries < 1_200 && (await events('older')).length < 2; tries++) await sleep(50);
    assert.deepEqual(await events('older'), ['tag.assigned old hand', 'tag.revoked old hand']);
    assert.equal((await tested.call('GET', `/api/tag-rules/${rule_id}`)).status, 404);
  });

  test('what a rule gets wrong is told with its pointer, and one tag has one rule', async () => {
    const wrong = await tested.call('POST', '/api/tag-rules/', {
      tag: 'x',
      scope: 'category',
      metric: 'orders',
      threshold: 1.5,
      currency: 'EUR',
    });
    assert.equal(wrong.status, 422);
    assert.deepEqual(wrong.body.errors.map((one: any) => one.pointer).sort(), [
      '/body/currency',
      '/body/match',
      '/body/threshold',
    ]);
    const rule = { tag: 'regular', scope: 'total', metric: 'orders', threshold: 1 };
    assert.match((await tested.call('POST', '/api/tag-rules/', rule)).body.detail, /another rule/);
  });

  test('customers come in pages and as CSV without formulas', async () => {
    await send(bought('=cmd', 'csv-1', { customer_name: '+1' }));
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await tested.call('GET', `/api/customers/?limit=2${cursor}`);
      seen.push(...body.results.map((one: any) => one.customer_id));
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    assert.equal(new Set(seen).size, seen.length);
    const csv = await tested.call('GET', '/api/customers/', undefined, { accept: 'text/csv' });
    const lines = csv.body.trim().split('\r\n');
    assert.equal(lines[0], 'customer_id,customer_name,tags,currency,orders,units,spent');
    assert.equal(lines.length - 1, seen.length);
    assert.ok(lines.includes("'=cmd,'+1,,RUB,1,1,10"), csv.body);
    const tagged = await tested.call('GET', '/api/customers/?tag=regular&format=csv&sep=;');
    assert.match(tagged.body, /\r\nguest;;regular;RUB;4;4;40\r\n/);
    assert.equal((await tested.call('GET', '/api/customers/?tag=none')).status, 422);
  });

  test('a token bound to a place sees no customers', async () => {
    const { body } = await tested.call('POST', '/api/tokens/', {
      name: 'bound',
      roles: ['marketer', 'analyst'],
      place_id: 'unique_place_id1',
    });
    const headers = { authorization: `Bearer ${body.secret}` };
    for (const url of [
      '/api/customers/',
      '/api/customers/guest',
      '/api/tag-rules/',
      '/api/analytics/popularity?by=product',
    ])
      assert.equal((await tested.call('GET', url, undefined, headers)).status, 403, url);
  });

  test('without a key nobody is erased, and the answer says what to set', async () => {
    const { status, body } = await tested.call('DELETE', '/api/customers/guest');
    assert.deepEqual([status, body.code], [501, 'not_configured']);
    assert.match(body.detail, /ERASURE_KEY/);
    assert.deepEqual(await tagsOf('guest'), ['regular']);
  });

  test('popularity by orders and by unique customers, for the periods that are counted', async () => {
    const cola = { items: [item('cola', 'c1')] };
    const past = (year: string, day: string) => ({
      timestamp: `${year}-${day}T12:00:00`,
      place_id: 'popular',
    });
    await send(
      bought('a', 'pop-1', past('2021', '03-01')),
      bought('a', 'pop-2', past('2021', '03-02')),
      bought('b', 'pop-3', { ...past('2021', '03-02'), ...cola }),
      bought('b', 'pop-4', { ...past('2021', '03-08'), ...cola }),
      { ...bought('x', 'pop-5', past('2021', '03-08')), customer_id: undefined },
    );
    const ask = async (range: string) =>
      (await tested.call('GET', `/api/analytics/popularity?by=category${range}`)).body;
    const row = (body: any, category: string) => body.rows.find((one: any) => one.category === category);
    const month = await ask('&from=2021-03-01&to=2021-03-31');
    assert.equal(month.period, 'month');
    assert.ok(Date.parse(month.as_of) > Date.now() - 60_000);
    assert.deepEqual(row(month, 'pizza'), {
      category: 'pizza',
      orders: 3,
      orders_share: 0.6,
      customers: 1,
      customers_share: 0.5,
    });
    assert.equal(row(month, 'cola').customers, 1);
    const week = await ask('&from=2021-03-01&to=2021-03-07');
    assert.deepEqual([week.period, week.orders, week.customers], ['week', 3, 2]);
    const day = await ask('&from=2021-03-08&to=2021-03-08');
    assert.deepEqual([day.period, day.orders, day.customers, row(day, 'pizza').customers], ['day', 2, 1, 0]);
    assert.equal((await ask('&from=2021-01-01&to=2021-12-31')).period, 'year');
    assert.equal((await ask('')).period, 'all');
    const refused = await ask('&from=2021-03-01&to=2021-03-09');
    assert.deepEqual([refused.status, refused.code], [422, 'not_answerable']);
  });

  test('the audit finds what is counted wrong, and a rebuild makes it right without events', async () => {
    assert.deepEqual(await tested.audit(), []);
    const { pool } = tested.database;
    const eventsBefore = (await pool.query('select count(*) as n from ops.outbox')).rows[0].n;
    const spoil = `
    update cdm.user_counter set orders = orders + 5 where user_no = (select user_no from cdm.customer where customer_id = 'guest');
    delete from cdm.user_day where user_no = (select user_no from cdm.customer where customer_id = 'a');
    update cdm.unique_customers set customers = 99 where kind = 'all';
    delete from cdm.customer_sale where source_id = 'g-4';
    update ops.customer_tag set assigned = not assigned
      where rule_id in (select rule_id from ops.tag_rule where not sticky)`;
    await pool.query(spoil);
    const tables = new Set((await tested.audit()).map((one) => one.table));
    for (const table of ['user_counter', 'user_day', 'unique_customers', 'customer_sale'])
      assert.ok(tables.has(`cdm.${table}`), `${table} is not told`);
    assert.ok(tables.has('ops.customer_tag'));
    const { warehouse } = tested.program;
    const log = createLog('silent');
    const metrics = createMetrics();
    const further = createCustomersRebuild({
      ...warehouse,
      metrics,
      clock: systemClock,
      defaultTimeZone: 'UTC',
    });
    await rebuildMarts({ ...warehouse, log, metrics, progress: () => {}, further });
    assert.deepEqual(await tested.audit(), []);
    assert.deepEqual(await tagsOf('guest'), ['regular']);
    assert.deepEqual(await tagsOf('rich'), ['once a spender'], 'a sticky tag is kept');
    assert.equal((await pool.query('select count(*) as n from ops.outbox')).rows[0].n, eventsBefore);
    // The follower goes on with the new counters.
    await send(bought('guest', 'g-5'));
    assert.equal((await customer('guest')).counters[0].orders, 5);
    assert.deepEqual(await tested.audit(), []);
  });
});
