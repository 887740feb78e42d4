import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { currencyDigits } from '../../src/base/money.ts';
import { numbersFrom } from '../../src/commands/trickle.ts';
import { type AnalyticsFixture, randomSales, startAnalytics, type TestSale } from './fixture.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const random = numbersFrom(seed);
let tested: AnalyticsFixture;

/** Periods that are clean, dirty at each level, and only in the tail. */
before(async () => {
  tested = await startAnalytics();
  const sales: TestSale[] = randomSales(300, '2023-11-01', 200, random);
  await tested.add(sales);
  await tested.fold();
  await tested.rollUp();
  const { pool } = tested.database;
  // Months that are behind while their days are not; what stands in them must not be read.
  await pool.query(`
    insert into cdm.dirty (level, place_id, period)
    select 'month', place_id, period from (select distinct place_id, period from cdm.sales_month) as m
    where place_id = 'arbat' and period < '2024-02-01'`);
  for (const family of ['sales', 'category', 'product'])
    await pool.query(`update cdm.${family}_month as m set sales = m.sales + 7 from cdm.dirty as d
      where d.level = 'month' and d.place_id = m.place_id and d.period = m.period`);
  await tested.add(randomSales(60, '2024-01-20', 40, random));
  const corrected = sales[5]!;
  await tested.correct(corrected, { ...corrected, totalMinor: corrected.totalMinor + 99 });
  await tested.fold();
  // Of days that are dirty now, what stands in the table of days is behind.
  const { rows } = await pool.query("select count(*)::integer as n from cdm.dirty where level = 'day'");
  assert.ok(rows[0].n > 20);
  await tested.add(randomSales(40, '2024-02-01', 40, random));
  const gone = sales[9]!;
  await tested.correct(gone, { ...gone, local: `2024-03-03${gone.local.slice(10)}` });
});
after(() => tested.stop());

const text = (value: unknown) => (value instanceof Date ? value.toISOString() : String(value));
const sources = 'source=receipt,transaction,order,daily';

const questions = [
  { view: 'v_sales_day', granularity: 'day', column: 'business_date::text', group: [] },
  { view: 'v_sales_month', granularity: 'month', column: "to_char(month, 'YYYY-MM')", group: [] },
  { view: 'v_sales_hour', granularity: 'hour', column: 'hour_at', group: [] },
  { view: 'v_category_day', granularity: 'day', column: 'business_date::text', group: ['category'] },
  {
    view: 'v_category_month',
    granularity: 'month',
    column: "to_char(month, 'YYYY-MM')",
    group: ['category'],
  },
  { view: 'v_product_day', granularity: 'day', column: 'business_date::text', group: ['product'] },
  { view: 'v_product_month', granularity: 'month', column: "to_char(month, 'YYYY-MM')", group: ['product'] },
];
const figures = ['sales', 'refunds', 'net', 'receipts', 'units'];
const wholeFigures = [...figures, 'refund_receipts', 'discounts', 'nds', 'tips'];

for (const { view, granularity, column, group } of questions) {
  test(`cdm.${view} has what the API answers, row by row`, async () => {
    const range = granularity === 'hour' ? '&from=2023-10-01&to=2024-07-01' : '';
    const { body } = await tested.get(
      `/api/analytics/sales?granularity=${granularity}&group_by=${['place', 'payment_method', 'source', ...group]}&${sources}${range}`,
    );
    assert.ok(body.rows.length > 100, JSON.stringify(body).slice(0, 300));
    const shown = group.length === 0 ? wholeFigures : figures;
    const keys = ['place_id', 'place_name', 'source', 'payment_method', 'currency'];
    const own = { category: ['category'], product: ['product_id', 'product_name'] };
    const names = [...keys, ...group.flatMap((one) => own[one as keyof typeof own])];
    const { rows } = await tested.database.pool.query(
      `select ${column} as period, ${names.join(', ')}, ${shown.join(', ')} from cdm.${view}`,
    );
    const line = (row: Record<string, unknown>, period: string) =>
      [period, ...names.map((name) => text(row[name])), ...shown.map((name) => Number(row[name]))].join(
        ' | ',
      );
    const expected = body.rows.map((row: Record<string, unknown>) =>
      line(row, granularity === 'hour' ? new Date(String(row.period)).toISOString() : String(row.period)),
    );
    assert.deepEqual(rows.map((row) => line(row, text(row.period))).sort(), expected.sort(), `seed ${seed}`);
  });
}

test('amounts have the digits of their currency, for every currency there is', async () => {
  const currencies = Intl.supportedValuesOf('currency');
  const { rows } = await tested.database.pool.query({
    text: 'select c, cdm.money(1234567, c)::text as amount from unnest($1::text[]) as c',
    values: [currencies],
  });
  assert.equal(rows.length, currencies.length);
  for (const { c, amount } of rows)
    assert.equal(amount, (1234567 / 10 ** currencyDigits(c)).toFixed(currencyDigits(c)), c);
});

type Plan = Record<string, unknown> & { Plans?: Plan[] };
test('of a view only the days asked for are read', async () => {
  const { pool } = tested.database;
  await pool.query('analyze');
  const { rows } = await pool.query(
    "explain (analyze, format json) select sum(net) from cdm.v_sales_day where business_date = '2023-12-05' and place_id = 'bar'",
  );
  const read: number[] = [];
  const walk = (plan: Plan): void => {
    const name = plan['Relation Name'] as string | undefined;
    if (name?.startsWith('sales_') === true)
      read.push(
        Number(plan['Actual Rows']) * Number(plan['Actual Loops']) +
          Number(plan['Rows Removed by Filter'] ?? 0),
      );
    for (const child of plan.Plans ?? []) walk(child);
  };
  walk(rows[0]['QUERY PLAN'][0].Plan);
  assert.ok(read.length >= 2);
  assert.ok(
    read.every((count) => count <= 20),
    `rows read: ${read}`,
  );
});
