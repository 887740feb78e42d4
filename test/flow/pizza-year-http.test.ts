import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { forEachStream, startTestProgram, type TestProgram } from '../program.ts';

const folder = path.resolve(import.meta.dirname, '../../examples/pizza-place');

/** The rows of a CSV file without quoted line breaks, by the names of its first line. */
function readRows(file: string): Record<string, string>[] {
  const [head, ...lines] = readFileSync(path.join(folder, file), 'latin1').trimEnd().split(/\r?\n/);
  const split = (line: string) =>
    [...line.matchAll(/(?:^|,)(?:"([^"]*)"|([^",]*))/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const names = split(head!);
  return lines.map((line) => Object.fromEntries(split(line).map((value, index) => [names[index]!, value])));
}

/** Every order of the year as a receipt, one a line. */
function readYear(): string[] {
  const categories = new Map(readRows('pizza_types.csv').map((row) => [row.pizza_type_id, row.category]));
  const pizzas = new Map(
    readRows('pizzas.csv').map((row) => [
      row.pizza_id,
      { price: Number(row.price), category: categories.get(row.pizza_type_id) },
    ]),
  );
  const lines = Map.groupBy(readRows('order_details.csv'), (row) => row.order_id);
  return readRows('orders.csv').map((order) => {
    const items = lines.get(order.order_id)!.map((row) => ({
      ...{ product_id: row.pizza_id, quantity: Number(row.quantity) },
      ...pizzas.get(row.pizza_id),
    }));
    const cents = items.reduce((sum, item) => sum + Math.round(item.price! * 100) * item.quantity, 0);
    return JSON.stringify({
      transaction_id: order.order_id,
      timestamp: `${order.date}T${order.time}`,
      place_id: `pizza-${Number(order.order_id) % 5}`,
      items,
      total_amount: cents / 100,
      nds_amount: 0,
      payment_method: 'cash',
      currency: 'USD',
    });
  });
}

forEachStream((stream) => {
  let tested: TestProgram;
  before(async () => {
    tested = await startTestProgram({}, { stream });
  });
  after(() => tested.stop());

  test("the pizzeria's year as NDJSON, and half of it once more, to the cent", {
    timeout: 180_000,
  }, async () => {
    const year = readYear();
    const send = async (lines: readonly string[]) => {
      const type = { 'content-type': 'application/x-ndjson' };
      const answer = await tested.callNow('POST', '/api/checks/', lines.join('\n'), type);
      assert.deepEqual([answer.status, answer.body.accepted], [202, lines.length]);
    };
    await send(year);
    await send(year.slice(10_000));
    const { body } = await tested.call(
      'GET',
      '/api/analytics/sales?granularity=total&from=2015-01-01&to=2015-12-31',
    );
    assert.deepEqual(
      body.rows.map((row: Record<string, unknown>) => [row.net, row.receipts, row.units, row.currency]),
      [[817860.05, 21350, 49574, 'USD']],
    );
    await tested.settle();
    assert.deepEqual(await tested.audit(), []);
    const { rows } = await tested.database.pool.query(
      'select verdict, count(*) from stg.journal group by 1 order by 1',
    );
    assert.deepEqual(
      rows.map((row) => [row.verdict, row.count]),
      [
        ['accepted', 21350],
        ['duplicate', 11350],
      ],
    );
  });
});
