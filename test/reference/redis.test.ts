import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { systemClock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { createRedisReference } from '../../src/reference/redis-reference.ts';
import { orderExample } from '../../src/sales/order.ts';
import type { Incoming } from '../../src/sales/sale.ts';
import { startTestProgram, type TestProgram } from '../program.ts';
import { startTestRedis, type TestRedis, whyNoRedis } from '../redis.ts';

const skip = whyNoRedis() ?? false;
const isOurs = process.env.REDIS_URL === undefined;

let redis: TestRedis;
let client: Redis;
let tested: TestProgram;
before(async () => {
  if (skip !== false) return;
  redis = await startTestRedis();
  client = connect();
  tested = await startTestProgram({ REDIS_URL: redis.url, ERASURE_KEY: 'erasure-key-of-the-tests-only' });
});
after(async () => {
  if (skip !== false) return;
  await tested.stop();
  client.disconnect();
  await redis.stop();
});

function connect(): Redis {
  const made = new Redis(redis.url, { retryStrategy: () => 50 });
  made.on('error', () => {});
  return made;
}

const run = `${process.pid}-${Date.now()}`;
let count = 0;
const fresh = (what: string) => `${what}-${run}-${++count}`;

function order(restaurant: string, user: string, dish: string, changes: Record<string, unknown> = {}) {
  const { payload } = orderExample;
  const item = { id: dish, price: 175, quantity: 5 };
  return {
    ...orderExample,
    object_id: fresh('order'),
    payload: {
      ...payload,
      restaurant: { id: restaurant },
      user: { id: user },
      order_items: [item],
      ...changes,
    },
  };
}

const put = async (list: Record<string, unknown>) => {
  for (const [id, value] of Object.entries(list))
    await client.set(id, JSON.stringify({ _id: id, ...(value as object) }));
};

async function send(...orders: unknown[]) {
  const { status, body } = await tested.call('POST', '/api/orders/', orders, { prefer: 'wait=5' });
  assert.ok(status < 300, JSON.stringify(body));
}

async function categoriesAt(place: string): Promise<string[]> {
  await tested.settle();
  const url = `/api/analytics/sales?granularity=total&group_by=category&place_id=${place}&from=2023-01-01&to=2023-12-31`;
  const { body } = await tested.call('GET', url);
  return body.rows.map((row: { category: string }) => row.category).sort();
}

async function names(
  table: 'place' | 'customer' | 'product',
  id: string,
): Promise<string | null | undefined> {
  const { rows } = await tested.database.pool.query(
    `select ${table}_name as name from ops.${table} where ${table}_id = $1`,
    [id],
  );
  return rows[0]?.name;
}

async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 2_400; attempt++) {
    if (await ask()) return;
    await sleep(50);
  }
  assert.fail(`never came: ${what}`);
}

const reattributed = async () => {
  await until('the re-attribution', async () => (await tested.program.jobs.pending('reattribute')) === 0);
};

test('what Redis knows is known before the first order counts, and enters the history', {
  skip,
}, async () => {
  const [restaurant, user, dish] = [fresh('r'), fresh('u'), fresh('d')];
  await put({
    [restaurant]: {
      name: 'Кофейня №1',
      menu: [{ _id: dish, name: 'Ролл', price: 175, category: 'Выпечка' }],
      update_ts: 'changes with each write',
    },
    [user]: { name: 'Guest 1', login: 'guest_1' },
  });
  await send(order(restaurant, user, dish));
  assert.deepEqual(await categoriesAt(restaurant), ['Выпечка']);
  const { rows } = await tested.database.pool.query(
    'select verdict from stg.journal where place_id = $1 order by position',
    [restaurant],
  );
  assert.deepEqual(rows, [{ verdict: 'accepted' }], 'it was right from the start, not moved later');
  assert.equal(await names('place', restaurant), 'Кофейня №1');
  assert.equal(await names('customer', user), 'Guest 1');
  assert.equal(await names('product', dish), 'Ролл');
  const { body } = await tested.call('GET', `/api/reference/restaurants/${restaurant}`);
  assert.equal(body.history.length, 1);
  assert.deepEqual(body.menu, [{ _id: dish, name: 'Ролл', price: 175, category: 'Выпечка' }]);
  assert.equal(body.update_ts, undefined);
});

test('one question a batch, and none about what was asked lately', { skip }, async () => {
  const [restaurant, user, dish] = [fresh('r'), fresh('u'), fresh('d')];
  await put({ [restaurant]: { name: 'R' }, [user]: { name: 'U' } });
  const calls = async () => {
    const stats = await client.info('commandstats');
    return Number(/cmdstat_mget:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const before = await calls();
  await send(...Array.from({ length: 50 }, (_, index) => order(restaurant, `${user}-${index}`, dish)));
  const first = (await calls()) - before;
  assert.ok(first >= 1 && first <= 3, `${first} questions about one request`);
  const wanted = "select count(*) as rows from ops.reference_wanted where id like $1 || '%'";
  assert.equal((await tested.database.pool.query(wanted, [user])).rows[0].rows, 50);
  await tested.database.pool.query("update ops.reference_wanted set next_look_at = now() + interval '1 day'");
  const later = await calls();
  await send(...Array.from({ length: 50 }, (_, index) => order(restaurant, `${user}-${index}`, dish)));
  assert.equal(await calls(), later);
});

test('what Redis did not have moves to its place once it has', { skip }, async () => {
  const [restaurant, user, dish] = [fresh('r'), fresh('u'), fresh('d')];
  await send(order(restaurant, user, dish));
  assert.deepEqual(await categoriesAt(restaurant), ['unknown']);
  await put({
    [restaurant]: { name: 'Late', menu: [{ _id: dish, category: 'Супы' }] },
    [user]: { name: 'Later' },
  });
  await until('the name', async () => (await names('customer', user)) === 'Later');
  await reattributed();
  assert.deepEqual(await categoriesAt(restaurant), ['Супы']);
  const { rows } = await tested.database.pool.query(
    'select id from ops.reference_wanted where id = any($1)',
    [[restaurant, user]],
  );
  assert.deepEqual(rows, []);
});

test('an outage of Redis delays no order and loses no name', { skip: skip || !isOurs }, async () => {
  const [restaurant, user, dish] = [fresh('r'), fresh('u'), fresh('d')];
  await put({
    [restaurant]: { name: 'Down', menu: [{ _id: dish, category: 'Супы' }] },
    [user]: { name: 'U' },
  });
  await redis.kill();
  await send(order(restaurant, user, dish));
  assert.deepEqual(await categoriesAt(restaurant), ['unknown']);
  assert.equal((await tested.call('GET', '/readyz')).status, 200);
  await redis.start();
  await until('the name', async () => (await names('place', restaurant)) === 'Down');
  await reattributed();
  assert.deepEqual(await categoriesAt(restaurant), ['Супы']);
  assert.deepEqual(await tested.audit(), []);
});

test('values that cannot be used keep no order from loading', { skip }, async () => {
  const bad: Record<string, string> = {
    text: 'not JSON',
    list: '[1]',
    number: '{"name": 7}',
    nul: '{"name": "a\\u0000b"}',
    half: '{"name": "\\ud800"}',
    other: '{"_id": "somebody else", "name": "N"}',
    long: JSON.stringify({ name: 'n'.repeat(1001) }),
    dish: '{"name": "R", "menu": [{"name": "without id"}]}',
  };
  for (const [what, text] of Object.entries(bad)) {
    const [restaurant, user, dish] = [fresh(what), fresh(what), fresh('d')];
    await client.set(restaurant, text);
    await client.set(user, text);
    await send(order(restaurant, user, dish));
    assert.deepEqual(await categoriesAt(restaurant), ['unknown'], what);
    const known = await tested.call('GET', `/api/reference/restaurants/${restaurant}`);
    assert.equal(known.status, 404, what);
  }
});

test('an erased person is neither asked about nor wanted', { skip }, async () => {
  const [restaurant, user, dish] = [fresh('r'), fresh('u'), fresh('d')];
  await put({ [user]: { name: 'Somebody' } });
  await send(order(restaurant, user, dish));
  await tested.settle();
  const erased = await tested.call('DELETE', `/api/customers/${user}`);
  assert.ok(erased.status < 300, JSON.stringify(erased.body));
  await send(order(restaurant, user, dish));
  const { rows } = await tested.database.pool.query(
    `select id from ops.reference where id = $1 union all select id from ops.reference_wanted where id = $1`,
    [user],
  );
  assert.deepEqual(rows, []);
  assert.equal(await names('customer', user), undefined);
});

test('where places number their own, Redis is asked by the id that an order names', { skip }, async () => {
  const [restaurant, user, dish] = [fresh('r'), fresh('u'), fresh('d')];
  const { pool, reference, erased } = tested.program.warehouse;
  const asked: string[] = [];
  let refreshed = 0;
  let nowMs = systemClock.nowMs();
  const menu = [{ _id: dish, name: 'Уха', category: 'Супы' }];
  const known: Record<string, unknown> = { [restaurant]: { name: 'R', menu }, [user]: { name: 'Иван' } };
  const looked = createRedisReference({
    ...{ pool, erased, jobs: tested.program.jobs, defaultTimeZone: 'UTC' },
    reference: {
      ...reference,
      refresh: () => {
        refreshed++;
        return reference.refresh();
      },
    },
    productIdScope: 'place',
    clock: { nowMs: () => nowMs },
    metrics: createMetrics(),
    log: createLog('silent'),
    redis: {
      isUp: () => true,
      read: async (keys) => {
        asked.push(...keys);
        return keys.map((key) => (known[key] === undefined ? null : JSON.stringify(known[key])));
      },
      settled: async () => {},
      close: async () => {},
    },
  });
  const customerId = `${restaurant}:${user}`;
  const batch = [{ sale: { source: 'order', placeId: restaurant, customerId } }] as unknown as Incoming[];
  await looked.prepare(batch);
  assert.deepEqual(asked, [restaurant, user]);
  assert.equal(await names('customer', customerId), 'Иван');
  assert.equal(await names('product', `${restaurant}:${dish}`), 'Уха');
  // The same answer again is no change.
  nowMs += 60_000;
  const changed = refreshed;
  await looked.prepare(batch);
  assert.equal(refreshed, changed, 'and takes no lock');
  const changes = "select count(*) as n from ops.reference_change where kind = 'restaurant' and id = $1";
  assert.equal((await pool.query(changes, [restaurant])).rows[0].n, 1);
  // A menu that cannot be kept keeps no order from loading.
  const long = 'r'.repeat(250);
  known[long] = { menu: [{ _id: 'a dish', category: 'c' }] };
  await looked.prepare([{ sale: { source: 'order', placeId: long } }] as unknown as Incoming[]);
  assert.equal((await pool.query(changes, [long])).rows[0].n, 0);
});

test('a changed menu is seen once the last answer is old', { skip }, async () => {
  const [restaurant, user, dish] = [fresh('r'), fresh('u'), fresh('d')];
  const texts = new Map<string, string>();
  let nowMs = systemClock.nowMs();
  let asked = 0;
  const { pool, reference, erased } = tested.program.warehouse;
  const looked = createRedisReference({
    ...{ pool, reference, erased, jobs: tested.program.jobs, defaultTimeZone: 'UTC' },
    productIdScope: 'chain',
    clock: { nowMs: () => nowMs },
    metrics: createMetrics(),
    log: createLog('silent'),
    redis: {
      isUp: () => true,
      read: async (keys) => {
        asked++;
        return keys.map((key) => texts.get(key) ?? null);
      },
      settled: async () => {},
      close: async () => {},
    },
  });
  const batch = [
    { sale: { source: 'order', placeId: restaurant, customerId: user } },
  ] as unknown as Incoming[];
  const menuNow = async () => (await tested.call('GET', `/api/reference/restaurants/${restaurant}`)).body;
  const menu = (category: string) => JSON.stringify({ name: 'R', menu: [{ _id: dish, category }] });
  texts.set(restaurant, menu('Супы'));
  await looked.prepare(batch);
  texts.set(restaurant, menu('Десерты'));
  await looked.prepare(batch);
  assert.equal(asked, 1);
  assert.deepEqual((await menuNow()).menu, [{ _id: dish, category: 'Супы' }]);
  nowMs += 60_000;
  await looked.prepare(batch);
  assert.equal(asked, 2);
  assert.deepEqual((await menuNow()).menu, [{ _id: dish, category: 'Десерты' }]);
  // The same answer again is no change.
  nowMs += 60_000;
  await looked.prepare(batch);
  assert.equal((await menuNow()).history.length, 2);
});
