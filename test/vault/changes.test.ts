import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { uuid5 } from '../../src/base/uuid5.ts';
import { rebuildVault } from '../../src/vault/rebuild-vault.ts';
import * as views from '../../src/warehouse/mart-views.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';
import { differencesOf, revenueByDay, settleVault, vaultDepsOf } from './fixture.ts';

let tested: TestProgram;
const query = async (text: string, values: unknown[] = []) =>
  (await tested.database.pool.query({ text, values })).rows;
before(async () => {
  tested = await startTestProgram({ ERASURE_KEY: 'a key for erasures, of the tests only' });
});
beforeEach(() => settleVault(tested));
after(() => tested.stop());

async function send(path: string, ...documents: unknown[]): Promise<void> {
  const { status, body } = await tested.call('POST', path, documents, { prefer: 'wait=5' });
  assert.ok(status < 300, JSON.stringify(body));
}

async function put(path: string, body: unknown): Promise<void> {
  const answer = await tested.call('PUT', path, body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 2_400; tries++) {
    if (await isDone()) return;
    await sleep(25);
  }
  assert.fail('it does not come to that');
}

/** Marts and vault are right, each by itself, and say the same. */
async function assertAgree(): Promise<void> {
  await tested.settle();
  await settleVault(tested);
  assert.deepEqual(await differencesOf(tested), []);
  assert.deepEqual(await tested.audit(), []);
  const { marts, vault } = await revenueByDay(tested);
  assert.deepEqual(vault, marts);
}

test('sales that a setting of their place moves to another day move in the vault, and their history stays', async () => {
  await send(
    '/api/checks/',
    receipt({ transaction_id: 'm-1', place_id: 'bar', timestamp: '2024-02-07T01:30:00' }),
    receipt({ transaction_id: 'm-2', place_id: 'bar', timestamp: '2024-02-07T12:30:00' }),
  );
  await settleVault(tested);
  const before = new Date().toISOString();
  await sleep(5);
  await put('/api/places/bar', { business_day_start: '03:00', since: 'beginning' });
  const days = async (from: string) =>
    (
      await query(
        `select source_id, business_date::text as day from ${from} where source_id like 'm-%' order by 1`,
      )
    ).map((row) => row.day);
  await until(async () => {
    await settleVault(tested);
    return (await days('dds.v_sale_current'))[0] === '2024-02-06';
  });
  assert.deepEqual(await days('dds.v_sale_current'), ['2024-02-06', '2024-02-07']);
  assert.deepEqual(await days(`dds.v_sale_as_of('${before}')`), ['2024-02-07', '2024-02-07']);
  await assertAgree();
});

test('a product that is listed late takes its sales to its category, and names reach the vault', async () => {
  const transaction = {
    transaction_id: 't-1',
    product_id: 'bread',
    quantity: 2,
    total_amount: 9,
    timestamp: '2024-02-08T10:00:00',
    place_id: 'bar',
  };
  await send('/api/transactions/', transaction, { ...transaction, transaction_id: 't-2' });
  await assertAgree();
  const lines = () =>
    query(
      "select category, product_name, place_name from dds.v_sale_line_current where product_id = 'bread' order by source_id",
    );
  assert.deepEqual(
    (await lines()).map((row) => row.category),
    ['unknown', 'unknown'],
  );
  await put('/api/products/bread', { name: 'Bread', category: 'bakery', price: 4.5 });
  await put('/api/places/bar', { place_name: 'The Bar' });
  await until(async () => {
    await settleVault(tested);
    return (await lines()).every((row) => row.category === 'bakery');
  });
  await put('/api/products/bread', { name: 'White bread' });
  await send(
    '/api/checks/',
    receipt({
      transaction_id: 'n-1',
      place_id: 'bar',
      place_name: 'a till says this',
      items: [{ product_id: 'bread', name: 'brd', quantity: 1, price: 27.47, category: 'x' }],
    }),
  );
  await assertAgree();
  for (const row of await lines())
    assert.deepEqual([row.product_name, row.place_name], ['White bread', 'The Bar']);
  const names = await query(
    'select name from dds.s_product_names where product_key = $1 order by by_hand desc, named_at desc',
    [uuid5('bread')],
  );
  assert.deepEqual(
    names.map((row) => row.name),
    ['White bread', 'Bread', 'brd'],
  );
  const shown = await query("select product_name from ops.product where product_id = 'bread'");
  assert.equal(shown[0].product_name, 'White bread');
});

const order = (id: number, status: string, minute: number, changes: Record<string, unknown> = {}) => {
  const at = (minutes: number) => `2024-02-09 12:${String(minutes).padStart(2, '0')}:00`;
  const stages = ['OPEN', 'COOKING', 'DELIVERING', 'CLOSED', 'CANCELLED'];
  return {
    object_id: id,
    object_type: 'order',
    sent_dttm: at(minute),
    payload: {
      restaurant: { id: 'bistro' },
      date: at(0),
      user: { id: 'guest' },
      order_items: [{ id: 'soup', name: 'Soup', price: 100, quantity: 2 }],
      cost: 200,
      payment: 200,
      statuses: stages
        .slice(0, stages.indexOf(status) + 1)
        .map((one, index) => ({ status: one, dttm: at(index) }))
        .reverse(),
      final_status: status,
      update_ts: at(minute),
      ...changes,
    },
  };
};

test('an order that is cancelled after it was closed counts no more, whatever comes late', async () => {
  await send('/api/orders/', order(1, 'CLOSED', 20), order(2, 'CLOSED', 20), order(3, 'OPEN', 1));
  await send('/api/orders/', order(1, 'CANCELLED', 30));
  await send('/api/orders/', order(1, 'COOKING', 10), order(2, 'OPEN', 5), order(2, 'OPEN', 5));
  await assertAgree();
  const counted = await query("select source_id from dds.v_sale_current where source = 'order'");
  assert.deepEqual(counted, [{ source_id: '2' }]);
  const versions = await query(
    "select c.status from dds.s_order_context as c join dds.h_order as o using (order_key) where order_id = '1' order by version, sale_seq",
  );
  assert.deepEqual(
    versions.map((row) => row.status),
    ['open', 'closed', 'cancelled'],
  );
  const statuses = await query(
    "select s.status, s.status_at::text as at from dds.s_order_status as s join dds.h_order as o using (order_key) where order_id = '1' order by status_at",
  );
  assert.deepEqual(
    statuses.map((row) => `${row.status} ${row.at.slice(11)}`),
    ['OPEN 12:00:00', 'COOKING 12:01:00', 'DELIVERING 12:02:00', 'CLOSED 12:03:00', 'CANCELLED 12:04:00'],
  );
});

test('a person who is erased leaves the vault under every name, and no sum changes', async () => {
  const person = 'Person-77';
  const bought = (id: string, changes: Record<string, unknown> = {}) =>
    receipt({ transaction_id: id, customer_id: person, customer_name: 'Ann Secret', ...changes });
  await send(
    '/api/checks/',
    bought('e-1'),
    bought('e-2'),
    receipt({ transaction_id: 'e-3', customer_id: 'other' }),
  );
  await send('/api/checks/', bought('e-2', { revision: 1, nds_amount: 0 }));
  await put(`/api/reference/users/${person}`, { name: 'Ann of the list', login: 'ann' });
  await assertAgree();
  const key = uuid5(person);
  const tablesWith = async (text: string) => {
    const tables = await query(
      "select table_name as name from information_schema.tables where table_schema = 'dds' and table_type = 'BASE TABLE'",
    );
    const found: string[] = [];
    for (const { name } of tables)
      if ((await query(`select from dds.${name} as t where position($1 in t::text) > 0`, [text])).length > 0)
        found.push(name);
    return found.sort();
  };
  assert.deepEqual(await tablesWith(key), ['h_user', 'l_order_user', 's_order_context', 's_user_names']);
  const sums = async () =>
    await query('select count(distinct user_key) as users, sum(net) as net from dds.v_sale_current');
  const before = await sums();
  assert.equal((await tested.call('DELETE', `/api/customers/${person}`)).status, 202);
  await until(async () => (await query("select from stg.journal where verdict = 'erased'")).length === 1);
  await assertAgree();
  for (const text of [key, person, 'Secret', 'Ann of the list', 'ann'])
    assert.deepEqual(await tablesWith(text), [], text);
  assert.deepEqual(await sums(), before);
  await send('/api/checks/', bought('e-9'));
  await assertAgree();
  assert.deepEqual(await tablesWith(key), []);
  await rebuildVault({ ...vaultDepsOf(tested), views, progress: () => {} });
  await assertAgree();
  assert.deepEqual(await tablesWith(key), []);
});
