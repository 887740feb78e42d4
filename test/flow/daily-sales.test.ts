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
    [first.status, first.body.place_id, first.body.date, first.body.status],
    [202, 'store-1', '2024-01-01', 'accepted'],
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

const file = (date: string, place: string, products: [string, string, number, number, string][]) =>
  `<sales_data date="${date}" place_id="${place}"><products>${products
    .map(
      ([id, name, quantity, price, category]) =>
        `<product><id>${id}</id><name>${name}</name><quantity>${quantity}</quantity><price>${price}</price><category>${category}</category></product>`,
    )
    .join('\n')}</products></sales_data>`;

const receiptOf = (id: string, place: string, items: unknown[], more: Record<string, unknown> = {}) => ({
  transaction_id: id,
  timestamp: '2024-03-05T12:00:00',
  place_id: place,
  items,
  total_amount: (items as any[]).reduce((sum, item) => sum + item.quantity * item.price, 0),
  nds_amount: 0,
  payment_method: 'cash',
  ...more,
});

test('declared and itemised sales of one day stand beside each other and are never added', async () => {
  const bread = { product_id: 'bread', quantity: 2, price: 50, category: 'food' };
  const milk = { product_id: 'milk', quantity: 1, price: 80, category: 'food' };
  const receipts = [
    receiptOf('k1', 'corner', [bread, milk]),
    receiptOf('k2', 'corner', [bread]),
    receiptOf('k3', 'corner', [{ ...bread, quantity: 1 }], { type: 'refund' }),
  ];
  assert.equal((await tested.call('POST', '/api/checks/', receipts)).status, 202);
  const summary = async (query = '') =>
    (await tested.call('GET', `/api/analytics/?place_id=corner${query}`)).body.results;
  const before = await summary();
  const declared = file('2024-03-05', 'corner', [
    ['bread', 'Хлеб', 4, 50, 'food'],
    ['tea', 'Чай', 1, 120, 'drinks'],
  ]);
  assert.equal((await send(declared)).status, 202);
  assert.deepEqual(await summary(), before);
  assert.equal((await summary('&source=daily'))[0].net, 320);

  const question = '/api/analytics/reconciliation?date=2024-03-05&place_id=corner';
  const names = ['product_id', 'declared_units', 'itemised_units', 'units_difference'];
  const money = ['declared_amount', 'itemised_amount', 'amount_difference'];
  const check = async () => {
    const { status, body } = await tested.call('GET', question);
    assert.equal(status, 200);
    assert.deepEqual(
      body.rows.map((row: any) => [...names, ...money].map((name) => row[name])),
      [
        ['bread', 4, 3, 1, 200, 150, 50],
        ['milk', 0, 1, -1, 0, 80, -80],
        ['tea', 1, 0, 1, 120, 0, 120],
      ],
    );
    assert.deepEqual(body.totals, [
      {
        currency: 'RUB',
        declared_units: 5,
        itemised_units: 4,
        units_difference: 1,
        declared_amount: 320,
        itemised_amount: 230,
        amount_difference: 90,
      },
    ]);
    assert.equal(body.next_cursor, null);
  };
  await check();
  await tested.settle();
  await check();
  await checkPagesAndCsv(question);
});

async function checkPagesAndCsv(question: string): Promise<void> {
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const next = cursor === '' ? '' : `&cursor=${cursor}`;
    const { body }: { body: any } = await tested.call('GET', `${question}&limit=1${next}`);
    ids.push(...body.rows.map((row: any) => row.product_id));
    assert.ok(body.rows.length === 1 && ids.length <= 3);
    cursor = body.next_cursor;
  }
  assert.deepEqual(ids, ['bread', 'milk', 'tea']);
  const csv = await tested.call('GET', `${question}&sep=%3B`, undefined, { accept: 'text/csv' });
  assert.deepEqual(csv.body.split('\r\n').slice(0, 2), [
    'date;place_id;place_name;product_id;product_name;currency;declared_units;itemised_units;units_difference;declared_amount;itemised_amount;amount_difference',
    '2024-03-05;corner;corner;bread;Хлеб;RUB;4;3;1;200;150;50',
  ]);
  const wrong = await tested.call('GET', '/api/analytics/reconciliation?cursor=x');
  assert.deepEqual(
    wrong.body.errors.map((error: any) => error.pointer),
    ['/query/date', '/query/cursor'],
  );
}

test('a replacement takes the old products out and puts the new ones in', async () => {
  const products = async () =>
    (
      await tested.call('GET', '/api/analytics/sales?source=daily&group_by=product,category&place_id=shop')
    ).body.rows.map((row: any) => [row.product_id, row.category, row.units, row.sales, row.receipts]);
  const first = file('2024-04-01', 'shop', [
    ['a', 'A', 1, 10, 'x'],
    ['a', 'A', 2, 11, 'y'],
    ['b', 'B', 0.5, 0.01, 'x'],
  ]);
  assert.equal((await send(first)).body.status, 'accepted');
  assert.deepEqual(await products(), [
    ['a', 'x', 1, 10, 1],
    ['a', 'y', 2, 22, 1],
    // 0.5 × 0.01 is half a kopeck, rounded up.
    ['b', 'x', 0.5, 0.01, 1],
  ]);
  const whole = await tested.call('GET', '/api/analytics/sales?source=daily&group_by=product&place_id=shop');
  assert.equal(whole.body.rows[0].receipts, 1, 'a product under two categories counts the file once');
  const second = file('2024-04-01', 'shop', [
    ['b', 'B', 3, 5, 'x'],
    ['c', 'C', 1, 7, 'z'],
  ]);
  assert.equal((await send(second)).status, 409);
  assert.deepEqual((await products()).length, 3);
  const answer = await send(second, '/api/daily-sales/?replace=true');
  assert.deepEqual([answer.status, answer.body.status], [202, 'corrected']);
  const expected = [
    ['b', 'x', 3, 15, 1],
    ['c', 'z', 1, 7, 1],
  ];
  assert.deepEqual(await products(), expected);
  const again = await send(second, '/api/producer/daily-sales/?replace=true');
  assert.deepEqual([again.status, again.body.status], [202, 'duplicate']);
  await tested.settle();
  assert.deepEqual(await products(), expected);
  const { body } = await tested.call('GET', '/api/daily-sales/2024-04-01?place_id=shop');
  assert.deepEqual(
    [body.results[0].replacements, body.results[0].products.map((one: any) => one.id)],
    [1, ['b', 'c']],
  );
  assert.deepEqual(await tested.audit(), []);
});

test('stored files come in pages of products, in the order of the file', async () => {
  const lines = (from: number) =>
    [0, 1, 2].map((n): [string, string, number, number, string] => [`p${from + n}`, 'N', 1, 1, 'c']);
  assert.equal((await send(file('2024-05-01', 'p1', lines(0)))).status, 202);
  assert.equal((await send(file('2024-05-01', 'p2', lines(3)))).status, 202);
  assert.equal((await send(file('2024-05-02', 'p1', lines(6)))).status, 202);
  for (const limit of [1, 2, 3, 4, 100]) {
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const next = cursor === '' ? '' : `&cursor=${cursor}`;
      const page: any = await tested.call(
        'GET',
        `/api/daily-sales/?from=2024-05-01&to=2024-05-02&limit=${limit}${next}`,
      );
      assert.equal(page.status, 200);
      for (const one of page.body.results)
        seen.push(...one.products.map((product: any) => `${one.date} ${one.place_id} ${product.id}`));
      cursor = page.body.next_cursor;
    }
    assert.deepEqual(seen, [
      '2024-05-01 p1 p0',
      '2024-05-01 p1 p1',
      '2024-05-01 p1 p2',
      '2024-05-01 p2 p3',
      '2024-05-01 p2 p4',
      '2024-05-01 p2 p5',
      '2024-05-02 p1 p6',
      '2024-05-02 p1 p7',
      '2024-05-02 p1 p8',
    ]);
  }
  assert.equal((await tested.call('GET', '/api/daily-sales/2024-05-09')).status, 404);
  assert.equal((await tested.call('GET', '/api/daily-sales/today')).status, 422);
});
