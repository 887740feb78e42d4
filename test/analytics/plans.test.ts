import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { numbersFrom } from '../../src/commands/trickle.ts';
import { type FiguresQuery, figuresStatement } from '../../src/warehouse/query-figures.ts';
import { type AnalyticsFixture, randomSales, startAnalytics } from './fixture.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const tailRows = 25;
let tested: AnalyticsFixture;

before(async () => {
  tested = await startAnalytics();
  const random = numbersFrom(seed);
  await tested.add(randomSales(4000, '2024-01-01', 360, random));
  await tested.fold();
  await tested.rollUp();
  // Some days are dirty again, as the days of this moment always are.
  await tested.add(randomSales(20, '2024-12-26', 1, random));
  await tested.fold();
  await tested.add(randomSales(tailRows, '2024-12-26', 1, random));
  await tested.database.pool.query('analyze');
});
after(() => tested.stop());

type Plan = Record<string, unknown> & { Plans?: Plan[] };

/** Rows read per table, those that a filter threw away included. */
async function rowsRead(query: FiguresQuery): Promise<Map<string, number>> {
  const { text, values } = figuresStatement(query);
  const { rows } = await tested.database.pool.query({
    text: `explain (analyze, format json) ${text}`,
    values,
  });
  const read = new Map<string, number>();
  const walk = (plan: Plan): void => {
    const table = plan['Relation Name'] as string | undefined;
    if (table !== undefined) {
      const each = Number(plan['Actual Rows']) + Number(plan['Rows Removed by Filter'] ?? 0);
      read.set(table, (read.get(table) ?? 0) + Math.round(each * Number(plan['Actual Loops'])));
    }
    for (const child of plan.Plans ?? []) walk(child);
  };
  walk(rows[0]['QUERY PLAN'][0].Plan);
  return read;
}

const year: FiguresQuery = {
  granularity: 'day',
  groupBy: [],
  from: '2024-01-01',
  to: '2024-12-31',
  sources: ['receipt', 'transaction', 'order'],
};
const questions: Record<string, FiguresQuery> = {
  'a year by day': year,
  'a year by day of one place': { ...year, places: ['arbat'] },
  'all time by place': {
    ...year,
    granularity: 'total',
    groupBy: ['place'],
    from: '1900-01-01',
    to: '2999-12-31',
  },
  'months by category': { ...year, granularity: 'month', groupBy: ['category'] },
  'products of a year': { ...year, granularity: 'year', groupBy: ['product'] },
};

test('of the journal only the tail is read', async () => {
  for (const [name, query] of Object.entries(questions)) {
    const read = await rowsRead(query);
    const journal = [...read].filter(([table]) => table.startsWith('journal'));
    assert.equal(
      journal.reduce((sum, [, rows]) => sum + rows, 0),
      tailRows,
      name,
    );
  }
});

test('of the hours only those of dirty days are read', async () => {
  const hours = await tested.database.pool.query(
    "select count(*) as rows from cdm.sales_hour where period in (select period from cdm.dirty where level = 'day')",
  );
  const all = await tested.database.pool.query('select count(*) as rows from cdm.sales_hour');
  assert.ok(hours.rows[0].rows > 0 && hours.rows[0].rows * 20 < all.rows[0].rows);
  for (const [name, query] of Object.entries(questions)) {
    const read = await rowsRead(query);
    assert.ok(
      (read.get('sales_hour') ?? 0) <= hours.rows[0].rows,
      `${name}: ${[...read].join(' ')} (seed ${seed})`,
    );
  }
});

test('a whole year is read from years, not from days', async () => {
  const read = await rowsRead(questions['all time by place']!);
  const dirty = await tested.database.pool.query(
    "select count(*) as rows from cdm.sales_day where period >= '2024-12-01'",
  );
  assert.ok((read.get('sales_year') ?? 0) > 0);
  assert.ok((read.get('sales_day') ?? 0) <= dirty.rows[0].rows, `${[...read].join(' ')} (seed ${seed})`);
});
