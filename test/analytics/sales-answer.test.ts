import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { numbersFrom } from '../../src/commands/trickle.ts';
import { type AnalyticsFixture, randomSales, startAnalytics, type TestSale } from './fixture.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
let tested: AnalyticsFixture;
const made = randomSales(150, '2024-01-01', 60, numbersFrom(seed));
before(async () => {
  tested = await startAnalytics();
  await tested.add(made);
  await tested.fold();
  await tested.database.pool.query(
    "insert into ops.product (product_id, product_name) values ('p1', '@SUM(A1)'), ('p2', 'Two \"big\"\nlines')",
  );
});
after(() => tested.stop());

const sales = '/api/analytics/sales';

async function pages(url: string, limit: number): Promise<any[]> {
  const rows: any[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { status, body, text } = await tested.get(
      `${url}&limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    assert.equal(status, 200, text);
    rows.push(...body.rows);
    cursor = body.next_cursor;
    assert.ok(cursor === null || body.rows.length === limit);
  }
  return rows;
}

test('pages together are the whole answer, in every order', async () => {
  for (const query of [
    'granularity=day&group_by=place,category',
    'granularity=hour&group_by=place&from=2024-01-01&to=2024-02-29&order=-period',
    'granularity=week&group_by=product&order=-average_receipt,product_id',
    'granularity=day&group_by=place,source&order=average_receipt',
    'granularity=total&group_by=product,category,place&order=-net,currency',
    'granularity=month&group_by=payment_method,group&order=receipts,-payment_method',
    'granularity=day&from=2024-01-20&to=2024-02-20&compare=last_week&group_by=place&order=-sales',
    'granularity=day&group_by=place&order=-refund_receipts,-tips',
  ]) {
    const whole = (await tested.get(`${sales}?${query}`)).body;
    assert.equal(whole.next_cursor, null);
    assert.ok(whole.rows.length > 5, query);
    assert.deepEqual(await pages(`${sales}?${query}`, 7), whole.rows, `${query} (seed ${seed})`);
  }
});

test('the order asked for is the order of the rows', async () => {
  const { body } = await tested.get(`${sales}?granularity=day&group_by=place&order=-sales,place_id`);
  const keys = body.rows.map((row: any) => [-row.sales, row.place_id] as const);
  // Currencies differ in their digits, so amounts are compared within one.
  for (const currency of ['RUB', 'USD', 'JPY']) {
    const of = keys.filter((_: unknown, index: number) => body.rows[index].currency === currency);
    const sorted = [...of].sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
    assert.deepEqual(of, sorted, `seed ${seed}`);
  }
  const periods = (await tested.get(`${sales}?granularity=week&order=-period&place_id=bar`)).body.rows;
  assert.deepEqual(
    periods.map((row: any) => row.period),
    periods
      .map((row: any) => row.period)
      .sort()
      .reverse(),
  );
});

test('sales that arrive between two pages neither repeat nor skip the others', async () => {
  const url = `${sales}?granularity=day&group_by=place&source=receipt&limit=10`;
  const first = (await tested.get(url)).body;
  const all = (await tested.get(url.replace('&limit=10', ''))).body.rows;
  const early: TestSale = {
    ...made[0]!,
    place: 'arbat',
    currency: 'RUB',
    source: 'receipt',
    local: '2023-12-31T12:00:00',
  };
  await tested.add([early]);
  const second = (await tested.get(`${url}&cursor=${first.next_cursor}`)).body;
  assert.deepEqual(second.rows, all.slice(10, 20));
});

test('a cursor goes only with its own question', async () => {
  const { body } = await tested.get(`${sales}?granularity=day&limit=3`);
  for (const [query, cursor] of [
    ['granularity=week', body.next_cursor],
    ['granularity=day&order=sales', body.next_cursor],
    ['granularity=day&place_id=bar', body.next_cursor],
    ['granularity=day', 'Mw'],
    ['granularity=day', Buffer.from('null').toString('base64url')],
    [
      'granularity=day',
      Buffer.from(
        JSON.stringify({
          q: JSON.parse(Buffer.from(body.next_cursor, 'base64url').toString()).q,
          p: ['2024-02-31', 'RUB'],
        }),
      ).toString('base64url'),
    ],
  ]) {
    const answer = await tested.get(`${sales}?${query}&cursor=${cursor}`);
    assert.equal(answer.status, 422, `${query} ${cursor}`);
    assert.equal(answer.body.errors[0].pointer, '/query/cursor');
  }
  assert.equal(
    (await tested.get(`${sales}?granularity=day&cursor=${body.next_cursor}&limit=50`)).status,
    200,
  );
});

test('parameters that do not fit are named, all at once, and never a 500', async () => {
  const { body } = await tested.get(`${sales}?from=2024-02-30&to=x&granularity=eon&source=erp&limit=5`);
  assert.deepEqual(body.errors.map((one: any) => one.pointer).sort(), [
    '/query/from',
    '/query/granularity',
    '/query/source',
    '/query/to',
  ]);
  for (const query of [
    'place_id=',
    'category=a,,b',
    'product_id=%00',
    'order=-nds&group_by=product',
    'order=period',
    'order=place_id',
    'order=receipts&category=c1,c2',
    'group_by=place,colour',
    'same_places=true',
    'compare=last_week&from=2024-01-01',
    'limit=100001',
    'from=0000-01-01',
    'to=99999-01-01',
  ]) {
    const answer = await tested.get(`${sales}?${query}`);
    assert.equal(answer.status, 422, query);
    assert.equal(answer.body.code, 'invalid_parameters', query);
  }
  assert.equal((await tested.get('/api/analytics/?place_id=%00')).status, 422);
  assert.equal((await tested.get('/api/analytics/?from=2024-03-01&to=2024-02-01')).status, 422);
  for (const query of ['granularity=hour&product_id=p1&from=2024-01-01&to=2024-01-01', 'granularity=hour']) {
    const refused = (await tested.get(`${sales}?${query}`)).body;
    assert.equal(refused.code, 'not_answerable');
    assert.equal(refused.can_be_asked.length, 3);
  }
});

test('a bound token has its own place and no other', async () => {
  const bound = { authorization: 'Bearer bound:bar' };
  for (const query of ['group_by=place', 'group_by=place&granularity=hour&from=2024-01-01&to=2024-02-29']) {
    const { body } = await tested.get(`${sales}?${query}`, bound);
    assert.deepEqual([...new Set(body.rows.map((row: any) => row.place_id))], ['bar']);
    assert.deepEqual(body.rows, (await tested.get(`${sales}?${query}&place_id=bar`)).body.rows);
  }
  for (const url of [
    `${sales}?place_id=arbat`,
    `${sales}?place_id=bar,arbat`,
    '/api/analytics/?place_id=arbat',
  ]) {
    const answer = await tested.get(url, bound);
    assert.deepEqual([answer.status, answer.body.code], [403, 'foreign_place']);
  }
  assert.deepEqual((await tested.get(`${sales}?group=north&group_by=place`, bound)).body.rows, []);
  const summary = (await tested.get('/api/analytics/', bound)).body.results;
  assert.deepEqual([...new Set(summary.map((place: any) => place.place_id))], ['bar']);
});

test('an open end of the range is null, names stand beside ids', async () => {
  const { body } = await tested.get(`${sales}?group_by=product,place&from=2024-01-05&place_id=bar`);
  assert.deepEqual([body.from, body.to, body.group_by], ['2024-01-05', null, ['product', 'place']]);
  const names = Object.fromEntries(body.rows.map((row: any) => [row.product_id, row.product_name]));
  assert.deepEqual([names.p1, names.p3], ['@SUM(A1)', 'p3']);
  assert.equal(body.rows[0].place_name, '=Bar; "late"');
});

test('CSV is the same rows, harmless to a spreadsheet', async () => {
  const query = 'granularity=week&group_by=product,place&place_id=bar&order=product_id,period';
  const { body } = await tested.get(`${sales}?${query}`);
  const csv = await tested.get(`${sales}?${query}&sep=%3B&bom=1`, { accept: 'text/csv' });
  assert.match(String(csv.headers['content-type']), /^text\/csv; charset=utf-8/);
  const bytes = csv.text.startsWith('\ufeff') ? csv.text.slice(1) : assert.fail('no byte order mark');
  const [header, first] = bytes.split('\r\n');
  assert.equal(
    header,
    'period;place_id;place_name;product_id;product_name;currency;sales;refunds;net;discounts;receipts;units;average_receipt',
  );
  const row = body.rows[0];
  assert.equal(row.product_id, 'p,4');
  const cells = [
    row.period,
    'bar',
    '"\'=Bar; ""late"""',
    'p,4',
    'p,4',
    'RUB',
    row.sales,
    row.refunds,
    row.net,
  ];
  assert.equal(first, [...cells, 0, row.receipts, row.units, row.average_receipt ?? ''].join(';'));
  assert.match(bytes, /;p1;'@SUM\(A1\);RUB;/);
  assert.match(bytes, /;p2;"Two ""big""\nlines";RUB;/);
  assert.equal(bytes.split('\r\n').length, body.rows.length + 2);
  const comma = await tested.get(`${sales}?${query}&format=csv`);
  assert.ok(comma.text.includes('"p,4"') && !comma.text.startsWith('\ufeff'));
});

test('a CSV has its header without rows, bases where compared, and a cursor in its header', async () => {
  const empty = await tested.get(`${sales}?format=csv&group_by=group&from=2030-01-01`);
  assert.equal(
    empty.text,
    'group,currency,sales,refunds,net,discounts,receipts,units,average_receipt,nds,tips,refund_receipts\r\n',
  );
  const compared = await tested.get(
    `${sales}?format=csv&granularity=day&category=c1&from=2024-01-08&to=2024-01-14&compare=last_week`,
  );
  assert.match(
    compared.text,
    /^period,currency,sales,.*,previous_sales,.*,change_percent_average_receipt\r\n/,
  );
  const paged = await tested.get(`${sales}?format=csv&granularity=day&limit=2`);
  assert.equal(paged.text.split('\r\n').length, 4);
  assert.equal(typeof paged.headers['x-next-cursor'], 'string');
});

test('a form that is not offered is refused, a browser gets JSON', async () => {
  for (const answer of [
    await tested.get(sales, { accept: 'application/xml' }),
    await tested.get(`${sales}?format=xlsx`),
  ])
    assert.deepEqual([answer.status, answer.body.code], [406, 'not_acceptable']);
  for (const accept of ['text/html,application/xhtml+xml,*/*;q=0.8', 'application/json', '*/*'])
    assert.ok((await tested.get(sales, { accept })).body.rows.length > 0);
});
