import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { runCommand } from './run-command.ts';

let database: TestDatabase;
let env: Record<string, string>;
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-import-'));
before(async () => {
  database = await createTestDatabase();
  env = { DATABASE_URL: database.connectionString, DATA_DIR: folder };
});
after(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, ...lines: unknown[]): string {
  const file = path.join(folder, name);
  writeFileSync(
    file,
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  );
  return file;
}

const time = '2024-05-01 12:00:00';
const order = {
  object_id: 1,
  object_type: 'order',
  sent_dttm: time,
  payload: {
    restaurant: { id: 'r-1' },
    date: time,
    user: { id: 'u-1' },
    order_items: [{ id: 'soup', name: 'Soup', price: 100, quantity: 1 }],
    ...{ bonus_payment: 0, cost: 100, payment: 100, bonus_grant: 0 },
    statuses: [{ status: 'CLOSED', dttm: time }],
    final_status: 'CLOSED',
    update_ts: time,
  },
};

async function categories() {
  const { rows } = await database.pool.query(
    'select category, sum(sales) as sales from cdm.category_hour group by category having sum(sales) <> 0 order by 1',
  );
  return rows;
}

test('orders first, users and restaurants after them: the sales move, and a second import changes nothing', async () => {
  const orders = await runCommand(['import', write('orders.ndjson', order)], env);
  assert.equal(orders.code, 0, orders.output);
  assert.deepEqual(await categories(), [{ category: 'unknown', sales: '10000' }]);
  const menu = [{ _id: 'soup', name: 'Soup', price: 100, category: 'first' }];
  const file = write(
    'reference.ndjson',
    { _id: 'u-1', name: 'Guest', login: 'g' },
    { _id: 'r-1', name: 'Corner', menu },
  );
  const first = await runCommand(['import', file], env);
  assert.equal(first.code, 0, first.output);
  assert.match(first.output, /1 users, 1 restaurants, 2 new or changed/);
  assert.deepEqual(await categories(), [{ category: 'first', sales: '10000' }]);
  const again = await runCommand(['import', file], env);
  assert.match(again.output, /1 users, 1 restaurants, 0 new or changed/);
});

test('a line that is neither is told, the others are kept', async () => {
  const file = write('wrong.ndjson', { _id: 'u-2', name: 'Guest' }, { _id: 'r-2', menu: 'none' }, '{', {
    name: 'x',
  });
  const { code, output } = await runCommand(['import', file], env);
  assert.equal(code, 2, output);
  assert.match(output, /1 users, 0 restaurants, 1 new or changed/);
  assert.match(output, /line 2: \/menu/);
  assert.match(output, /line 3: not JSON/);
  assert.match(output, /3 lines rejected/);
});

test('a daily file is known by its first character; another of the day needs --replace', async () => {
  const product = (quantity: number) =>
    `<product><id>1</id><name>A</name><quantity>${quantity}</quantity><price>10.00</price><category>c</category></product>`;
  const day = (quantity: number) =>
    write(
      'day.xml',
      `<sales_data date="2024-05-01" place_id="s"><products>${product(quantity)}</products></sales_data>`,
    );
  const first = await runCommand(['import', day(1)], env);
  assert.equal(first.code, 0, first.output);
  assert.match(first.output, /2024-05-01 at s, accepted/);
  const other = await runCommand(['import', day(2)], env);
  assert.equal(other.code, 2, other.output);
  assert.match(other.output, /--replace corrects it/);
  const replaced = await runCommand(['import', day(2), '--replace'], env);
  assert.equal(replaced.code, 0, replaced.output);
  assert.match(replaced.output, /corrected/);
  const bad = await runCommand(['import', day(-1)], env);
  assert.equal(bad.code, 2, bad.output);
  assert.match(bad.output, /rejected, nothing of it counts\n {2}line 1: \S*quantity/);
});
