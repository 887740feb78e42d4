import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeCatalogue } from '../../examples/orders/catalogue.ts';
import { generateOrders } from '../../examples/orders/generate.ts';
import type { OrderMessage } from '../../examples/orders/order-life.ts';
import { uuid5 } from '../../src/base/uuid5.ts';
import { forEachStream, startTestProgram, type TestProgram } from '../program.ts';
import { lastStates } from './orders-oracle.ts';

forEachStream((stream) => {
  const catalogue = makeCatalogue(9, { users: 60, restaurants: 6 });
  const messages: OrderMessage[] = [...generateOrders({ seed: 9, orders: 1_200, catalogue })];
  const closed = lastStates(messages).filter(({ payload }) => payload.final_status === 'CLOSED');
  const tag = { tag: 'often', scope: 'total', metric: 'orders', threshold: 22 };
  let tested: TestProgram;

  before(async () => {
    tested = await startTestProgram({}, { stream });
  });
  after(() => tested.stop());

  type Counter = { user_id: string; name: string; order_cnt: string; units: string; spent: string };

  /** Of each guest: how many orders hold the key, the units and the money of their lines; from the messages alone. */
  function expected(keyOf: (restaurant: string, dish: string) => string): Counter[] {
    const counters = new Map<string, { orders: Set<number>; units: number; spent: number }>();
    for (const { object_id, payload } of closed) {
      for (const item of payload.order_items) {
        const key = `${payload.user.id} ${keyOf(payload.restaurant.id, item.id)}`;
        const counter = counters.get(key) ?? { orders: new Set(), units: 0, spent: 0 };
        counters.set(key, counter);
        counter.orders.add(object_id);
        counter.units += item.quantity * 1000;
        counter.spent += Math.round(item.price * item.quantity * 100);
      }
    }
    const rows = [...counters].map(([key, { orders, units, spent }]) => ({
      user_id: uuid5(key.slice(0, key.indexOf(' '))),
      name: key.slice(key.indexOf(' ') + 1),
      order_cnt: String(orders.size),
      units: String(units),
      spent: String(spent),
    }));
    return sorted(rows);
  }

  function sorted(rows: Counter[]): Counter[] {
    const text = (row: Counter) => `${row.user_id} ${row.name}`;
    return rows.sort((one, other) => (text(one) < text(other) ? -1 : 1));
  }

  async function found(kind: 'product' | 'category'): Promise<Counter[]> {
    const { rows } = await tested.database.pool.query<Counter>(
      `select user_id, ${kind}_${kind === 'product' ? 'id' : 'name'} as name, order_cnt::text, units::text, spent::text
    from cdm.user_${kind}_counters`,
    );
    return sorted(rows);
  }

  async function send(list: readonly OrderMessage[]) {
    const body = list.map((message) => JSON.stringify(message)).join('\n');
    const type = { 'content-type': 'application/x-ndjson' };
    const answer = await tested.call('POST', '/api/orders/', body, type);
    assert.equal(answer.status, 202);
    assert.equal(answer.body.rejected, 0);
    await tested.settle();
  }

  async function tagged(): Promise<string[]> {
    const { body } = await tested.call('GET', '/api/customers/?tag=often&limit=1000');
    return body.results.map((customer: { customer_id: string }) => customer.customer_id).sort();
  }

  const categories = new Map(
    catalogue.restaurants.flatMap(({ _id, menu }) =>
      menu.map((dish) => [`${_id} ${dish._id}`, dish.category]),
    ),
  );
  const inMenu = (restaurant: string, dish: string) => categories.get(`${restaurant} ${dish}`)!;

  test('counters of products and tags are those of the messages, and stay when all of them come again', async () => {
    assert.equal((await tested.call('POST', '/api/tag-rules/', tag)).status, 201);
    await send(messages);
    const products = expected((_restaurant, dish) => uuid5(dish));
    assert.deepEqual(await found('product'), products);
    const orders = Map.groupBy(closed, ({ payload }) => payload.user.id);
    const often = [...orders].filter(([, list]) => list.length > tag.threshold).map(([id]) => id);
    assert.ok(often.length > 3 && often.length < orders.size - 3, `${often.length} of ${orders.size}`);
    assert.deepEqual(await tagged(), often.sort());
    await send(messages.toReversed());
    assert.deepEqual(await found('product'), products);
    assert.deepEqual(await tagged(), often);
  });

  test('menus that arrive late move every counter to its category', async () => {
    const unknown = await found('category');
    assert.deepEqual([...new Set(unknown.map(({ name }) => name))], ['unknown']);
    const restaurants = await tested.call('POST', '/api/reference/restaurants/bulk', catalogue.restaurants);
    assert.equal(restaurants.status, 200, JSON.stringify(restaurants.body));
    while ((await tested.program.jobs.pending('reattribute')) > 0) await sleep(50);
    await tested.settle();
    const moved = expected(inMenu);
    assert.ok(moved.length > unknown.length);
    assert.deepEqual(await found('category'), moved);
    assert.deepEqual(await tested.audit(), []);
  });
});
