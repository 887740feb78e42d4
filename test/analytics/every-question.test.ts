import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { numbersFrom } from '../../src/commands/trickle.ts';
import { type AnalyticsFixture, randomSales, startAnalytics, type TestSale } from './fixture.ts';
import { answerOf, type Question, rowsOf } from './oracle.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const random = numbersFrom(seed);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

let tested: AnalyticsFixture;
const sales: TestSale[] = [];

/** Every state a period can be in at once: clean, dirty at each level, only in the tail. */
before(async () => {
  tested = await startAnalytics();
  const add = async (count: number, from: string, days: number) => {
    const made = randomSales(count, from, days, random);
    await tested.add(made);
    sales.push(...made);
  };
  await add(300, '2023-10-20', 500);
  await tested.fold();
  await tested.rollUp();
  const { pool } = tested.database;
  // Years, months and days of the chain that are behind while what they are made of is not.
  await pool.query(`
    insert into cdm.dirty (level, place_id, period)
    select 'year', place_id, period from (select distinct place_id, period from cdm.sales_year) as y
      where place_id in ('arbat', 'york')
    union all
    select 'month', place_id, period from (select distinct place_id, period from cdm.sales_month) as m
      where place_id = 'arbat' and period < '2024-06-01'
    union all
    select 'chain_day', '', period from (select distinct period from cdm.sales_chain_day) as c
      where extract(day from period)::integer % 3 = 0`);
  for (const family of ['sales', 'category', 'product']) {
    for (const unit of ['month', 'year'])
      await pool.query(
        `delete from cdm.${family}_${unit} as m using cdm.dirty as d
         where d.level = '${unit}' and d.place_id = m.place_id and d.period = m.period`,
      );
    if (family !== 'product')
      await pool.query(
        `delete from cdm.${family}_chain_day as c using cdm.dirty as d
         where d.level = 'chain_day' and d.period = c.period`,
      );
  }
  await add(120, '2024-01-25', 60);
  const corrected = sales.splice(0, 40);
  for (const sale of corrected.slice(0, 20)) {
    const better = {
      ...randomSales(1, '2024-03-01', 200, random)[0]!,
      place: sale.place,
      currency: sale.currency,
    };
    await tested.correct(sale, better);
    sales.push(better);
  }
  await tested.fold();
  for (const sale of corrected.slice(20)) {
    const better = { ...sale, local: `2024-06-15${sale.local.slice(10)}` };
    await tested.correct(sale, better);
    sales.push(better);
  }
  await add(60, '2024-02-01', 40);
});
after(() => tested.stop());

function urlOf(question: Question): string {
  const parameters = new URLSearchParams({ granularity: question.granularity });
  if (question.groupBy.length > 0) parameters.set('group_by', question.groupBy.join(','));
  if (question.from !== undefined) parameters.set('from', question.from);
  if (question.to !== undefined) parameters.set('to', question.to);
  for (const [name, values] of Object.entries(question.filters)) {
    // Half of them repeated, half of them comma separated.
    const quoted = values.map((value) => (value.includes(',') ? `"${value}"` : value));
    if (values.length % 2 === 0) parameters.set(name, quoted.join(','));
    else for (const value of quoted) parameters.append(name, value);
  }
  return `/api/analytics/sales?${parameters}`;
}

async function check(question: Question): Promise<void> {
  const url = urlOf(question);
  const answer = await tested.get(url);
  const message = `${url} (seed ${seed})`;
  assert.equal(answer.status, 200, `${message}: ${answer.text}`);
  const sorted = (rows: Map<string, unknown>) => [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
  assert.deepEqual(sorted(rowsOf(answer.body, question.groupBy)), sorted(answerOf(sales, question)), message);
}

const granularities = ['total', 'hour', 'day', 'week', 'month', 'year'];
const groupColumns = ['group', 'place', 'product', 'category', 'payment_method', 'source'];
const subsets = Array.from({ length: 2 ** groupColumns.length }, (_, bits) =>
  groupColumns.filter((_, index) => (bits >> index) & 1),
);
const hours = { from: '2024-01-01', to: '2024-12-31' };
const answerable = (question: Question) =>
  question.granularity !== 'hour' ||
  !(question.groupBy.includes('product') || question.filters.product_id !== undefined);

test('every granularity and grouping equals a plain sum of the sales', async () => {
  let asked = 0;
  for (const granularity of granularities)
    for (const groupBy of subsets) {
      const question = { granularity, groupBy, filters: {}, ...(granularity === 'hour' ? hours : {}) };
      if (!answerable(question)) continue;
      await check(question);
      asked++;
    }
  assert.equal(asked, 5 * 64 + 32);
});

const filterChoices: Record<string, readonly string[][]> = {
  place_id: [['arbat'], ['bar', 'york'], ['pune', 'arbat', 'bar'], ['nowhere']],
  product_id: [['p1'], ['p,4'], ['p2', 'p3']],
  category: [['c1'], ['c2', 'c3']],
  payment_method: [['card'], ['cash', 'card']],
  source: [['daily'], ['receipt', 'daily'], ['transaction']],
  group: [['north'], ['old', 'north'], ['nobody']],
};
const ranges: Partial<Question>[] = [
  {},
  { from: '2023-11-10', to: '2025-02-05' },
  { from: '2024-01-01', to: '2024-12-31' },
  { from: '2024-02-01', to: '2024-02-29' },
  { from: '2024-02-10' },
  { to: '2024-06-15' },
  { from: '2024-06-15', to: '2024-06-15' },
];

test('hours of places that share a zone are shown in it', async () => {
  for (const filters of [{ place_id: ['arbat', 'bar'] }, { group: ['old'] }, { place_id: ['pune'] }])
    await check({ granularity: 'hour', groupBy: [], filters, ...hours });
});

test('every filter, alone and together, over any range', async () => {
  for (let run = 0; run < 400; run++) {
    const granularity = pick(granularities);
    const filters: Question['filters'] = {};
    for (const [name, choices] of Object.entries(filterChoices))
      if (random() < 0.3) filters[name] = pick(choices);
    const question: Question = {
      granularity,
      groupBy: pick(subsets).filter(() => random() < 0.6),
      filters,
      ...(granularity === 'hour' ? hours : pick(ranges)),
    };
    if (answerable(question)) await check(question);
  }
});

test('the places object equals a plain sum of the sales', async () => {
  for (const range of ranges) {
    const query = new URLSearchParams(range as Record<string, string>);
    const { body } = await tested.get(`/api/analytics/?${query}`);
    assert.equal(body.next_cursor, null);
    const question = { granularity: 'total', filters: {}, ...range };
    const whole = answerOf(sales, { ...question, groupBy: ['place'] });
    const categories = answerOf(sales, { ...question, groupBy: ['place', 'category'] });
    assert.equal(body.results.length, whole.size);
    for (const place of body.results) {
      const expected = whole.get(` | ${place.place_id} | ${place.currency}`)!;
      assert.deepEqual(
        [place.total_purchases, place.average_receipt, place.refunds, place.net, place.taxes_amount],
        [
          expected.receipts,
          expected.average_receipt,
          expected.refunds,
          expected.net,
          { total_nds: expected.nds, total_tips: expected.tips },
        ],
        `${query} ${place.place_id} (seed ${seed})`,
      );
      for (const [name, figures] of Object.entries<any>(place.category_analytics)) {
        const line = categories.get(` | ${place.place_id} | ${name} | ${place.currency}`)!;
        assert.deepEqual(
          [figures.total_spent, figures.average_receipt],
          [line.sales, line.average_receipt],
          `${place.place_id} ${name} (seed ${seed})`,
        );
      }
    }
  }
});
