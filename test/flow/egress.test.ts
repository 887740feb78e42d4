import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { uuid5 } from '../../src/base/uuid5.ts';
import { createCustomersRebuild } from '../../src/customers/rebuild-customers.ts';
import { orderExample } from '../../src/sales/order.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { startTestKafka, type TestKafka, whyNoKafka } from '../kafka.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';
import { makeTopics, readTopics, type Told } from './topic-reader.ts';

const skip = whyNoKafka() ?? false;
const isOurs = process.env.KAFKA_BROKERS === undefined;
/** One partition is enough for what the broker keeps for itself, and quicker made than fifty. */
const smallKafka = { 'transaction.state.log.num.partitions': '1', 'offsets.topic.num.partitions': '1' };
/** A broker that is given keeps what earlier runs sent. */
const run = isOurs ? '' : `-${process.pid}-${Date.now()}`;
const topics = {
  enrichedOrders: `stg-service-orders${run}`,
  stats: `cdm-service-stats${run}`,
  notifications: `notifications${run}`,
  tags: `tags${run}`,
};

let kafka: TestKafka;
let tested: TestProgram;
let reader: Awaited<ReturnType<typeof readTopics>>;
before(async () => {
  if (skip !== false) return;
  kafka = await startTestKafka(smallKafka);
  await makeTopics(kafka.brokers, topics);
  tested = await startTestProgram({
    KAFKA_BROKERS: kafka.brokers.join(),
    TOPIC_ENRICHED_ORDERS: topics.enrichedOrders,
    TOPIC_STATS: topics.stats,
    TOPIC_NOTIFICATIONS: topics.notifications,
    TOPIC_TAGS: topics.tags,
    ERASURE_KEY: 'erasure-key-of-the-tests-only',
  });
  reader = await readTopics(kafka.brokers, Object.values(topics));
});
after(async () => {
  if (skip !== false) return;
  await reader.close();
  await tested.stop();
  await kafka.stop();
});

const example = {
  ...orderExample,
  object_id: 322519,
  payload: {
    ...orderExample.payload,
    restaurant: { id: '626a81cfefa404208fe9abae' },
    date: '2022-11-19 16:06:36',
    update_ts: '2022-11-19 16:06:36',
    user: { id: '626a81ce9a8cd1920641e296' },
    order_items: [{ id: '6276e8cd0cf48b4cded00878', name: 'ролл', price: 180, quantity: 1 }],
    cost: 180,
    payment: 180,
  },
};
function order(id: string | number, payload: Record<string, unknown> = {}) {
  return { ...example, object_id: id, payload: { ...example.payload, ...payload } };
}

async function send(path: string, body: unknown) {
  const answer = await tested.call('POST', path, body, { prefer: 'wait=10' });
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
}
const put = async (path: string, body: unknown) =>
  assert.equal((await tested.call('PUT', path, body)).status, 200);
const ordersOf = (id: string | number) =>
  reader.told.filter(({ topic, value }) => topic === topics.enrichedOrders && value.object_id === id);
const statsOf = (user: string) =>
  reader.told.filter(({ topic, value }) => topic === topics.stats && value[0].user_id === uuid5(user));
const last = (list: Told[]) => list.at(-1)!.value;

function assertInOrder(list: Told[]): void {
  assert.equal(new Set(list.map(({ partition }) => partition)).size, 1);
  const seqs = list.map(({ seq }) => seq);
  assert.deepEqual(
    seqs,
    seqs.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(list.map(({ id }) => id)).size, list.length);
}

test('an enriched order is told in exactly the published format', { skip }, async () => {
  await put('/api/reference/users/626a81ce9a8cd1920641e296', { name: 'Котова Ольга Вениаминовна' });
  await put('/api/reference/restaurants/626a81cfefa404208fe9abae', {
    name: 'Кофейня №1',
    menu: [
      {
        _id: '6276e8cd0cf48b4cded00878',
        name: 'РОЛЛ С ТОФУ И ВЯЛЕНЫМИ ТОМАТАМИ',
        price: 180,
        category: 'Выпечка',
      },
    ],
  });
  await send('/api/orders/', example);
  await reader.until('the order', () => ordersOf(322519).length > 0);
  assert.equal(
    JSON.stringify(last(ordersOf(322519))),
    '{"object_id":322519,"object_type":"order","payload":{"id":322519,"date":"2022-11-19 16:06:36","cost":180,"payment":180,"status":"CLOSED","restaurant":{"id":"626a81cfefa404208fe9abae","name":"Кофейня №1"},"user":{"id":"626a81ce9a8cd1920641e296","name":"Котова Ольга Вениаминовна"},"products":[{"id":"6276e8cd0cf48b4cded00878","price":180,"quantity":1,"name":"РОЛЛ С ТОФУ И ВЯЛЕНЫМИ ТОМАТАМИ","category":"Выпечка"}]}}',
  );
});

test('counters are told in exactly the published format, with their value of now', { skip }, async () => {
  const user = 'counted-user';
  const dish = { price: 100, quantity: 2 };
  const items = [
    { id: 'salad', name: 'Салат Тбилисо', ...dish },
    { id: 'soup', name: 'Суп', ...dish },
  ];
  await put('/api/reference/restaurants/counting', {
    name: 'Counting',
    menu: [
      { _id: 'salad', name: 'Салат Тбилисо', category: 'Салаты' },
      { _id: 'soup', name: 'Суп', category: 'Супы' },
    ],
  });
  const changes = {
    user: { id: user },
    restaurant: { id: 'counting' },
    order_items: items,
    cost: 400,
    payment: 400,
  };
  await send('/api/orders/', order('counted-1', changes));
  await reader.until('the counters', () => statsOf(user).length > 0);
  const element = (product: string, name: string, category: string, count: number) => ({
    user_id: uuid5(user),
    product_id: uuid5(product),
    product_name: name,
    category_id: uuid5(category),
    category_name: category,
    order_cnt: count,
  });
  assert.equal(
    JSON.stringify(last(statsOf(user))),
    JSON.stringify([element('salad', 'Салат Тбилисо', 'Салаты', 1), element('soup', 'Суп', 'Супы', 1)]),
  );
  await send('/api/orders/', order('counted-2', changes));
  await reader.until('two', () => last(statsOf(user))[0].order_cnt === 2);
  await send(
    '/api/orders/',
    order('counted-2', { ...changes, update_ts: '2022-11-19 17:00:00', final_status: 'CANCELLED' }),
  );
  await reader.until('one again', () => last(statsOf(user))[0].order_cnt === 1);
  await send(
    '/api/orders/',
    order('counted-1', { ...changes, update_ts: '2022-11-19 17:00:00', final_status: 'CANCELLED' }),
  );
  await reader.until('none', () => last(statsOf(user)).every((counter: any) => counter.order_cnt === 0));
  assertInOrder(statsOf(user));
});

test('every state of an order is told in its order, and what moves is told again', { skip }, async () => {
  const id = 'life';
  const at = (time: string, final_status: string) =>
    order(id, {
      restaurant: { id: 'late' },
      user: { id: 'late-user' },
      update_ts: `2022-11-19 ${time}`,
      final_status,
    });
  await send('/api/orders/', at('16:00:00', 'OPEN'));
  await send('/api/orders/', [at('16:10:00', 'COOKING'), at('16:20:00', 'CLOSED')]);
  await reader.until('closed', () => ordersOf(id).length === 3);
  assert.deepEqual(
    ordersOf(id).map(({ value }) => value.payload.status),
    ['OPEN', 'COOKING', 'CLOSED'],
  );
  const before = last(ordersOf(id)).payload;
  assert.deepEqual(
    [before.restaurant, before.products[0].category],
    [{ id: 'late', name: 'late' }, 'unknown'],
  );
  await reader.until('the counter', () => statsOf('late-user').length > 0);
  assert.equal(last(statsOf('late-user'))[0].category_name, 'unknown');
  await put('/api/reference/restaurants/late', {
    name: 'Поздняя',
    menu: [{ _id: '6276e8cd0cf48b4cded00878', name: 'Ролл', category: 'Роллы' }],
  });
  await reader.until('told again', () => ordersOf(id).length === 4);
  const { payload } = last(ordersOf(id));
  assert.deepEqual(
    [payload.restaurant.name, payload.products[0].category, payload.status],
    ['Поздняя', 'Роллы', 'CLOSED'],
  );
  await reader.until('moved', () => last(statsOf('late-user'))[0].category_name === 'Роллы');
  assert.equal(last(statsOf('late-user'))[0].order_cnt, 1);
  assertInOrder(ordersOf(id));
});

test('tags and what else stands in the outbox; nothing of a person who was erased', { skip }, async () => {
  const { pool } = tested.database;
  const rule = { tag: 'regular', scope: 'category', match: 'groceries', metric: 'orders', threshold: 0 };
  const made = await tested.call('POST', '/api/tag-rules/', rule);
  assert.ok(made.status < 300, JSON.stringify(made.body));
  await send('/api/checks/', receipt({ transaction_id: 'tagged', customer_id: 'tagged-customer' }));
  const tagsOf = (user: string) =>
    reader.told.filter(({ topic, value }) => topic === topics.tags && value.user_id === uuid5(user));
  await reader.until('the tag', () => tagsOf('tagged-customer').length === 1);
  assert.deepEqual(
    [last(tagsOf('tagged-customer')).event, last(tagsOf('tagged-customer')).tag],
    ['tag.assigned', 'regular'],
  );
  const outbox = `
    insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload)
    select epoch, t.topic, t.event, t.key, nextval('ops.outbox_entity_seq'), t.payload::jsonb
    from ops.installation, (values
      ('tags', 'tag.assigned', 'gone/regular', null),
      ('elsewhere', 'x', 'other/x', '{"a":1}'),
      ('notifications', 'alert.fired', 'rule-1', '{"rule_id":1}')) as t(topic, event, key, payload)`;
  await pool.query(outbox);
  const notified = () => reader.told.filter(({ topic }) => topic === topics.notifications);
  await reader.until('the notification', () => notified().length === 1);
  assert.deepEqual([last(notified()), notified()[0]!.event], [{ rule_id: 1 }, 'alert.fired']);
  assert.equal((await tested.call('DELETE', '/api/customers/tagged-customer')).status < 300, true);
  await reader.until('the erasure', () => tagsOf('tagged-customer').length === 2);
  assert.deepEqual(last(tagsOf('tagged-customer')), {
    event: 'customer.erased',
    user_id: uuid5('tagged-customer'),
  });
  assert.equal(new Set(tagsOf('tagged-customer').map(({ partition }) => partition)).size, 1);
});

test('a rebuild tells nothing', { skip }, async () => {
  await tested.settle();
  const { pool } = tested.database;
  const outbox = async () => (await pool.query('select count(*) as rows from ops.outbox')).rows[0].rows;
  const before = { told: reader.told.length, outbox: await outbox() };
  const { warehouse } = tested.program;
  const log = createLog('silent');
  const metrics = createMetrics();
  const { defaultTimeZone } = tested.config;
  const further = createCustomersRebuild({
    ...{ pool: warehouse.pool, epoch: warehouse.epoch, metrics, clock: systemClock, defaultTimeZone },
    tellsCounters: true,
  });
  await rebuildMarts({ ...warehouse, log, metrics, further, progress: () => {} });
  await send('/api/orders/', order('after-rebuild'));
  await reader.until('what came after it', () => ordersOf('after-rebuild').length === 1);
  await tested.settle();
  await reader.until('its counter', () => reader.told.length >= before.told + 2);
  assert.equal(await outbox(), before.outbox + 1);
  assert.deepEqual(await tested.audit(), []);
});
