import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { parquetChunks, type TableColumn } from '../../src/http/parquet.ts';
import { adminToken, receipt, startTestProgram, type TestProgram } from '../program.ts';

const parquet = 'application/vnd.apache.parquet';
let tested: TestProgram;
before(async () => {
  tested = await startTestProgram({ ERASURE_KEY: 'a key for erasures, of the tests only' });
  const sales = [
    receipt({ customer_id: 'g-1', customer_name: 'Анна' }),
    receipt({ transaction_id: 'refunded', type: 'refund', timestamp: '2024-02-29T23:59:59' }),
    receipt({
      transaction_id: 'yen',
      currency: 'JPY',
      place_id: '=tokyo',
      timestamp: '2025-12-31T08:00:00+09:00',
      customer_id: 'g-2',
      items: [{ product_id: 'tea', quantity: 0.125, price: 10_000_000_000, category: 'напитки' }],
      total_amount: 1_250_000_000,
      nds_amount: 0,
      tips_amount: 0,
    }),
    receipt({
      transaction_id: 'dinar',
      currency: 'KWD',
      items: [{ product_id: 'tea', quantity: 3, price: 0.123, category: 'напитки' }],
      total_amount: 0.369,
      nds_amount: 0,
      tips_amount: 0,
    }),
  ];
  for (const sale of sales) assert.equal((await tested.call('POST', '/api/checks/', sale)).status, 202);
  const xml = `<sales_data date="2024-02-07" place_id="unique_place_id1"><products>
    <product><id>product_id_1</id><name>Product A</name><quantity>3</quantity><price>10.99</price><category>groceries</category></product>
  </products></sales_data>`;
  const headers = { 'content-type': 'application/xml' };
  assert.equal((await tested.call('POST', '/api/daily-sales/', xml, headers)).status, 202);
  await tested.settle();
});
after(() => tested.stop());

async function readBack(bytes: ArrayBuffer) {
  const metadata = await parquetMetadataAsync(bytes);
  const types = Object.fromEntries(
    parquetSchema(metadata).children.map(({ element }) => [
      element.name,
      [element.type, element.converted_type, element.scale].filter((part) => part !== undefined).join(' '),
    ]),
  );
  const rows = (await parquetReadObjects({ file: bytes, metadata })) as Record<string, unknown>[];
  return { metadata, types, rows: rows.map(plain) };
}

/** As the JSON has it: days and times as text, counts and decimals as numbers, what is missing left out. */
function plain(row: Record<string, unknown>): Record<string, unknown> {
  const values = Object.entries(row).map(([name, value]) => {
    if (value instanceof Date) {
      const text = value.toISOString();
      return [name, text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text];
    }
    if (typeof value === 'bigint') return [name, Number(value)];
    return [name, typeof value === 'number' ? Math.round(value * 1e6) / 1e6 : value];
  });
  return Object.fromEntries(values);
}

async function fetchParquet(url: string) {
  const response = await fetch(`${tested.program.address}${url}`, {
    headers: { authorization: `Bearer ${adminToken}`, accept: parquet },
  });
  assert.equal(response.status, 200, url);
  assert.equal(response.headers.get('content-type'), parquet);
  return await readBack(await response.arrayBuffer());
}

const asDay: Record<string, (period: string) => string> = {
  day: (period) => period,
  week: (period) =>
    ({ '2024-W06': '2024-02-05', '2024-W09': '2024-02-26', '2026-W01': '2025-12-29' })[period]!,
  month: (period) => `${period}-01`,
  year: (period) => `${period}-01-01`,
  hour: (period) => new Date(period).toISOString().replace('T00:00:00.000Z', ''),
};

for (const granularity of Object.keys(asDay)) {
  test(`sales by ${granularity} and place are the rows of the JSON, typed`, async () => {
    // Hours are answered for a few months at most.
    const range = granularity === 'hour' ? 'from=2024-02-01&to=2024-03-31' : 'from=2024-01-01&to=2026-01-01';
    const url = `/api/analytics/sales?granularity=${granularity}&group_by=place,source&${range}&source=receipt,daily`;
    const { body } = await tested.call('GET', url);
    assert.ok(body.rows.length >= 3, JSON.stringify(body));
    const { rows, types } = await fetchParquet(url);
    assert.deepEqual(
      rows,
      body.rows.map((row: { period: string }) => ({ ...row, period: asDay[granularity]!(row.period) })),
    );
    assert.equal(types.period, granularity === 'hour' ? 'INT64 TIMESTAMP_MILLIS' : 'INT32 DATE');
    assert.equal(types.sales, 'INT64 DECIMAL 4');
    assert.equal(types.units, 'INT64 DECIMAL 3');
    assert.equal(types.receipts, 'INT64');
    assert.equal(types.place_name, 'BYTE_ARRAY UTF8');
  });
}

test('a comparison has its base and the change beside each figure; an empty answer has the same columns', async () => {
  const url =
    '/api/analytics/sales?granularity=total&group_by=category&from=2024-02-08&to=2024-03-01&compare=previous';
  const { body } = await tested.call('GET', url);
  const { rows, types } = await fetchParquet(url);
  const [first] = body.rows;
  assert.equal(rows.length, body.rows.length);
  assert.deepEqual(
    [rows[0]!.previous_sales, rows[0]!.change_percent_sales, rows[0]!.previous_receipts],
    [first.previous.sales, first.change_percent.sales, first.previous.receipts],
  );
  assert.equal(types.change_percent_net, 'DOUBLE');
  const empty = await fetchParquet('/api/analytics/sales?granularity=day&from=2001-01-01&to=2001-01-02');
  assert.deepEqual(empty.rows, []);
  assert.equal(empty.types.period, 'INT32 DATE');
});

test('reconciliation, popularity and customers are the rows of the JSON', async () => {
  const day = '/api/analytics/reconciliation?date=2024-02-07';
  const reconciled = (await tested.call('GET', day)).body;
  assert.ok(reconciled.rows.length >= 2);
  const found = await fetchParquet(day);
  assert.deepEqual(
    found.rows,
    reconciled.rows.map((row: object) => ({ date: '2024-02-07', ...row })),
  );
  for (const by of ['category', 'product']) {
    const url = `/api/analytics/popularity?by=${by}`;
    const popular = (await tested.call('GET', url)).body;
    assert.ok(popular.rows.length >= 2);
    const { rows, metadata } = await fetchParquet(url);
    assert.deepEqual(rows, popular.rows);
    assert.match(metadata.key_value_metadata!.find(({ key }) => key === 'as_of')!.value!, /^20.*Z$/);
    const csv = await tested.call('GET', url, undefined, { accept: 'text/csv' });
    assert.equal(csv.body.split('\r\n').length, popular.rows.length + 2);
  }
  const { body } = await tested.call('GET', '/api/customers/');
  const customers = await fetchParquet('/api/customers/');
  assert.deepEqual(
    customers.rows,
    body.results.map((one: any) => ({
      ...{ customer_id: one.customer_id, customer_name: one.customer_name, tags: one.tags.join(', ') },
      ...one.counters[0],
    })),
  );
});

test('the charts of docs/bi.md are the popularity that the API answers', async () => {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/bi.md'), 'utf8');
  const queries = [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) =>
    sql!.replaceAll('2015-01', '2024-02'),
  );
  assert.equal(queries.length, 2);
  for (const [index, by] of ['category', 'product'].entries()) {
    const { rows } = await tested.database.pool.query(queries[index]!);
    const { body } = await tested.call(
      'GET',
      `/api/analytics/popularity?by=${by}&from=2024-02-01&to=2024-02-29`,
    );
    assert.ok(body.rows.some((row: { customers: number }) => row.customers > 0));
    const key = by === 'category' ? 'category' : 'product_id';
    const percent = (share: number | null) => (share === null ? null : Number((100 * share).toFixed(2)));
    const sorted = (table: [string, ...unknown[]][]) => table.toSorted(([a], [b]) => (a < b ? -1 : 1));
    assert.deepEqual(
      sorted(
        rows.map((row) => [
          row[key],
          ...[row.orders, row.percent_of_orders, row.customers, row.percent_of_customers].map(Number),
        ]),
      ),
      sorted(
        body.rows.map((row: Record<string, any>) => [
          row[key],
          ...[row.orders, percent(row.orders_share), row.customers, percent(row.customers_share)],
        ]),
      ),
    );
  }
});

test('row groups are of a bounded size, and money of every currency keeps its digits', async () => {
  const columns: TableColumn[] = [
    { name: 'number', kind: 'count' },
    { name: 'currency', kind: 'text' },
    { name: 'amount', kind: 'money' },
    { name: 'day', kind: 'date' },
  ];
  const currencies = ['RUB', 'JPY', 'KWD', 'CLF'];
  const amounts = [90_071_992_547.41, 99_999_999_999_999, -0.001, 0.0001];
  function* pages() {
    for (let page = 0; page < 7; page++)
      yield Array.from({ length: 300 }, (_, index) => {
        const number = page * 300 + index;
        return [number, currencies[number % 4], amounts[number % 4], number % 5 === 0 ? null : '1969-12-31'];
      });
  }
  const parts: Uint8Array[] = [];
  for await (const part of parquetChunks(columns, pages(), { rowsPerGroup: 500 })) parts.push(part);
  assert.ok(parts.length >= 5, 'it comes a group at a time');
  const { metadata, rows } = await readBack(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  assert.deepEqual(
    metadata.row_groups.map((group) => Number(group.num_rows)),
    [500, 500, 500, 500, 100],
  );
  assert.equal(rows.length, 2100);
  for (const [number, row] of rows.entries())
    assert.deepEqual(row, {
      number,
      currency: currencies[number % 4],
      amount: amounts[number % 4],
      day: number % 5 === 0 ? null : '1969-12-31',
    });
  const tooLarge = parquetChunks(columns, [[[1, 'JPY', 10 ** 14, null]]]);
  await assert.rejects(async () => {
    for await (const _ of tooLarge);
  }, /more digits/);
});

test('a form that is not offered is refused with those that are', async () => {
  const answer = await tested.call('GET', '/api/analytics/sales?format=xlsx');
  assert.deepEqual([answer.status, answer.body.code], [406, 'not_acceptable']);
  assert.match(answer.body.detail, /application\/vnd\.apache\.parquet/);
  const { content } = (await tested.call('GET', '/openapi.json')).body.paths['/api/analytics/sales'].get
    .responses['200'];
  assert.deepEqual(Object.keys(content), ['application/json', 'text/csv', parquet]);
});
