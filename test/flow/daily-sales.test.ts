import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

const xml = { 'content-type': 'application/xml' };
const example = readFileSync('examples/daily-sales/store-1.xml');

const send = (body: string | Uint8Array, url = '/api/daily-sales/', headers: Record<string, string> = {}) =>
  tested.call('POST', url, body, { ...xml, ...headers });

test('the example is taken, counts under its own source alone, and is refused a second time', async () => {
  const first = await send(example);
  assert.deepEqual(
    [first.status, first.body],
    [202, { place_id: 'store-1', date: '2024-01-01', status: 'accepted' }],
  );
  const sales = '/api/analytics/sales?granularity=day&group_by=product,category';
  assert.deepEqual((await tested.call('GET', sales)).body.rows, []);
  const { rows } = (await tested.call('GET', `${sales}&source=daily`)).body;
  assert.deepEqual(
    rows.map((row: any) => [row.period, row.product_name, row.category, row.units, row.sales]),
    [
      ['2024-01-01', 'Product A', 'Electronics', 100, 150_000],
      ['2024-01-01', 'Сыр «Российский», вес.', 'Продукты', 2.474, 1_978.95],
    ],
  );
  const second = await send(example);
  assert.deepEqual(
    [second.status, second.body.code, second.body.message],
    [409, 'already_collected', 'Статистика за эту дату уже собрана.'],
  );
  await tested.settle();
  assert.deepEqual((await tested.call('GET', `${sales}&source=daily`)).body.rows, rows);
  assert.deepEqual(await tested.audit(), []);
});
