import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { numbersFrom } from '../../src/commands/trickle.ts';
import { type AnalyticsFixture, places, randomSales, startAnalytics, type TestSale } from './fixture.ts';
import { answerOf, businessDate, instantOf, keyOf, rowsOf } from './oracle.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
let tested: AnalyticsFixture;
const sales: TestSale[] = [];

const cutDays = [
  ['2023-05-18', 3],
  ['2024-02-28', 2],
  ['2024-04-16', 3],
  ['2024-05-10', 2],
  ['2025-02-28', 1],
  ['2025-03-30', 1],
] as const;

before(async () => {
  tested = await startAnalytics();
  const random = numbersFrom(seed);
  const made = randomSales(1800, '2023-01-01', 800, random);
  // The days on which a base is cut or two dates meet have enough sales to show a mistake of minutes.
  for (const [from, days] of cutDays) made.push(...randomSales(150, from, days, random));
  made.sort(() => random() - 0.5);
  sales.push(...made);
  await tested.add(made.slice(0, 2000));
  await tested.fold();
  await tested.rollUp();
  await tested.add(made.slice(2000, 2600));
  await tested.fold();
  await tested.add(made.slice(2600));
});
after(() => tested.stop());

const plus = (date: string, duration: Temporal.DurationLike) =>
  Temporal.PlainDate.from(date).add(duration).toString();

type Asked = { query: string; granularity: string; groupBy: string[]; from: string; to: string };
type Expected = {
  base: [from: string, to: string];
  /** How a date of the base is compared. */
  moveDate: (date: string) => string;
  counts?: (sale: TestSale) => boolean;
  cutAt?: string | null;
  compareTo?: string;
  filters?: Record<string, string[]>;
};

const none: Record<string, number | null> = { receipts: 0, average_receipt: null };

/** Rows, bases and changes against two plain sums. */
async function check(asked: Asked, expected: Expected): Promise<void> {
  const { granularity, groupBy, from, to } = asked;
  const url = `/api/analytics/sales?granularity=${granularity}&group_by=${groupBy}&from=${from}&to=${to}&${asked.query}`;
  const { status, body, text } = await tested.get(url.replace('group_by=&', ''));
  const message = `${url} (seed ${seed})`;
  assert.equal(status, 200, `${message}: ${text}`);
  const filters = expected.filters ?? {};
  const now = answerOf(sales, { granularity, groupBy, from, to, filters });
  const [first, last] = expected.base;
  const base = answerOf(sales, {
    granularity,
    groupBy,
    from: first,
    to: last,
    filters,
    moveDate: expected.moveDate,
    ...(expected.counts === undefined ? {} : { counts: expected.counts }),
  });
  assert.deepEqual(
    [body.compare.from, body.compare.to, body.compare.cut_at],
    [first, expected.compareTo ?? last, expected.cutAt ?? null],
    message,
  );
  const rows = rowsOf(body, groupBy);
  assert.deepEqual([...rows.keys()].sort(), [...new Set([...now.keys(), ...base.keys()])].sort(), message);
  for (const row of body.rows) {
    const columns: Record<string, string> = { place: 'place_id' };
    const key = keyOf(
      row.period ?? '',
      groupBy.map((name) => row[columns[name] ?? name]),
      row.currency,
    );
    assert.deepEqual(row.previous, base.get(key) ?? null, `${message} ${key}`);
    for (const [name, value] of Object.entries(rows.get(key)!)) {
      const wanted = now.get(key)?.[name] ?? (name in none ? none[name] : 0);
      assert.equal(value, wanted, `${message} ${key} ${name}`);
      const before = base.get(key)?.[name] as number | null | undefined;
      const change =
        before === undefined || before === null || before === 0 || value === null
          ? null
          : Math.round((((value as number) - before) / Math.abs(before)) * 1000) / 10 + 0;
      assert.equal(row.change_percent[name], change, `${message} ${key} ${name}`);
    }
  }
}

const days = (count: number) => (date: string) => plus(date, { days: count });
const months = (count: number) => (date: string) => plus(date, { months: count });

test('a period that is over is compared with a whole one', async () => {
  tested.setNow('2026-01-01T00:00:00Z');
  for (const groupBy of [[], ['place'], ['category'], ['payment_method', 'source'], ['group']]) {
    const march = { from: '2024-03-01', to: '2024-03-31' };
    await check(
      { ...march, granularity: 'total', groupBy, query: 'compare=previous' },
      { base: ['2024-02-01', '2024-02-29'], moveDate: months(1) },
    );
    await check(
      { ...march, granularity: 'day', groupBy, query: 'compare=previous' },
      { base: ['2024-01-30', '2024-02-29'], moveDate: days(31) },
    );
    await check(
      { ...march, granularity: 'month', groupBy, query: 'compare=last_year' },
      { base: ['2023-03-01', '2023-03-31'], moveDate: months(12) },
    );
    await check(
      {
        from: '2024-03-04',
        to: '2024-03-31',
        granularity: 'week',
        groupBy,
        query: 'compare=last_year_weekday',
      },
      { base: ['2023-03-06', '2023-04-02'], moveDate: days(364) },
    );
    await check(
      { from: '2024-03-05', to: '2024-03-09', granularity: 'day', groupBy, query: 'compare=last_week' },
      { base: ['2024-02-27', '2024-03-02'], moveDate: days(7) },
    );
    await check(
      { from: '2024-01-01', to: '2024-12-31', granularity: 'year', groupBy, query: 'compare=previous' },
      { base: ['2023-01-01', '2023-12-31'], moveDate: months(12) },
    );
  }
});

test('the 29th of February goes with the 28th, and no base sale is lost', async () => {
  await check(
    { from: '2025-02-01', to: '2025-02-28', granularity: 'day', groupBy: [], query: 'compare=last_year' },
    { base: ['2024-02-01', '2024-02-29'], moveDate: months(12) },
  );
  await check(
    { from: '2024-02-29', to: '2024-02-29', granularity: 'day', groupBy: [], query: 'compare=last_year' },
    { base: ['2023-02-28', '2023-02-28'], moveDate: () => '2024-02-29' },
  );
});

test('hours are compared by the clock on the wall, also over a change of it', async () => {
  // New York moves its clocks on 10 March 2024, so an hour of the base is 167 hours before.
  const base = sales.filter((sale) => sale.place === 'york' && businessDate(sale) <= '2024-03-09');
  const { body } = await tested.get(
    '/api/analytics/sales?granularity=hour&place_id=york&from=2024-03-04&to=2024-03-16&compare=last_week&source=receipt,transaction,daily',
  );
  let compared = 0;
  for (const row of body.rows) {
    if (row.previous === null || row.period < '2024-03-11') continue;
    const local = plus(row.period.slice(0, 10), { days: -7 }) + row.period.slice(10, 13);
    const of = base.filter((sale) => sale.local.startsWith(local) && sale.currency === row.currency);
    assert.ok(of.length > 0, `${row.period} (seed ${seed})`);
    compared++;
  }
  const inBase = new Set(
    base
      .filter((sale) => businessDate(sale) >= '2024-03-04')
      .map((sale) => `${sale.local.slice(0, 13)} ${sale.currency}`),
  );
  assert.equal(compared, inBase.size, `seed ${seed}`);
});

/** Base sales before a moment of the place's own wall clock. */
function before_(date: string, time: string): (sale: TestSale) => boolean {
  return (sale) => {
    if (businessDate(sale) !== date) return businessDate(sale) < date;
    const cut = Temporal.PlainDateTime.from(`${date}T${time}`).toZonedDateTime(places[sale.place]!.zone);
    return Temporal.ZonedDateTime.compare(instantOf(sale), cut) < 0;
  };
}

test('while the period runs the base stops at the same local time', async () => {
  // 14:38 in Moscow.
  tested.setNow('2024-05-17T11:38:20Z');
  const filters = { place_id: ['arbat', 'bar'] };
  const asked = { from: '2024-05-01', to: '2024-05-31', query: 'compare=previous&place_id=arbat,bar' };
  await check(
    { ...asked, granularity: 'total', groupBy: ['place'] },
    {
      base: ['2024-04-01', '2024-04-30'],
      compareTo: '2024-04-17',
      moveDate: months(1),
      counts: before_('2024-04-17', '14:35'),
      cutAt: '2024-04-17T14:35:00+03:00',
      filters,
    },
  );
  for (const groupBy of [['category'], ['payment_method']])
    await check(
      { ...asked, granularity: 'month', groupBy },
      {
        base: ['2024-04-01', '2024-04-30'],
        compareTo: '2024-04-17',
        moveDate: months(1),
        counts: before_('2024-04-17', '14:00'),
        cutAt: '2024-04-17T14:00:00+03:00',
        filters,
      },
    );
});

test('each place is cut at its own local time', async () => {
  // 14:38 in Moscow, 17:08 in Pune, 07:38 in New York.
  tested.setNow('2024-05-17T11:38:20Z');
  const wall: Record<string, string> = { arbat: '14:35', bar: '14:35', pune: '17:05', york: '07:35' };
  for (const groupBy of [['place'], [], ['group']])
    await check(
      {
        from: '2024-05-10',
        to: '2024-05-17',
        granularity: 'day',
        groupBy,
        query: 'compare=last_year_weekday',
      },
      {
        base: ['2023-05-12', '2023-05-19'],
        moveDate: days(364),
        counts: (sale) => before_('2023-05-19', wall[sale.place]!)(sale),
        cutAt: '2023-05-19T11:35:00+00:00',
      },
    );
});

test('after midnight a late bar is still on the evening before', async () => {
  // 01:20 on the 18th in Moscow: the bar is on the 17th, Arbat on the 18th.
  tested.setNow('2024-05-17T22:20:00Z');
  await check(
    {
      from: '2024-05-13',
      to: '2024-05-17',
      granularity: 'day',
      groupBy: [],
      query: 'compare=last_week&place_id=bar',
    },
    {
      base: ['2024-05-06', '2024-05-10'],
      moveDate: days(7),
      counts: (sale) => businessDate(sale) < '2024-05-10' || sale.local < '2024-05-11T01:20',
      cutAt: '2024-05-11T01:20:00+03:00',
      filters: { place_id: ['bar'] },
    },
  );
});

test('the 30th of March has all of February before it', async () => {
  tested.setNow('2025-03-30T09:00:00Z');
  await check(
    {
      from: '2025-03-01',
      to: '2025-03-31',
      granularity: 'total',
      groupBy: [],
      query: 'compare=previous&place_id=arbat',
    },
    { base: ['2025-02-01', '2025-02-28'], moveDate: months(1), filters: { place_id: ['arbat'] } },
  );
});

test('same_places leaves out places that were closed in one of the periods', async () => {
  tested.setNow('2026-01-01T00:00:00Z');
  const sale = { ...sales.find((one) => one.place === 'arbat' && !one.refund)!, source: 'receipt' as const };
  const late = { ...sale, local: '2025-10-05T12:00:00' };
  const both = { ...sale, place: 'pune', local: '2025-10-05T13:00:00' };
  const refund = { ...sale, refund: true, local: '2025-09-05T13:00:00' };
  const earlier = { ...both, local: '2025-09-20T13:00:00' };
  await tested.add([late, both, refund, earlier]);
  const asked = '/api/analytics/sales?from=2025-10-01&to=2025-10-31&compare=previous&group_by=place';
  const open = (await tested.get(asked)).body;
  assert.deepEqual(
    open.rows.map((row: any) => row.place_id),
    ['arbat', 'pune'],
  );
  const { body } = await tested.get(`${asked}&same_places=true`);
  // A refund alone does not make a place open.
  assert.deepEqual(body.compare.same_places, ['pune']);
  assert.deepEqual(
    body.rows.map((row: any) => [row.place_id, row.change_percent.receipts]),
    [['pune', 0]],
  );
  const bound = await tested.get(`${asked}&same_places=true`, { authorization: 'Bearer bound:arbat' });
  assert.deepEqual([bound.body.rows, bound.body.compare.same_places], [[], []]);
});

test('what has no exact base is refused with what can be asked', async () => {
  tested.setNow('2024-05-17T11:38:20Z');
  for (const query of [
    'granularity=week&compare=last_year&from=2024-01-01&to=2024-01-28',
    'granularity=week&compare=previous&from=2024-01-01&to=2024-01-10',
    'granularity=month&compare=last_week&from=2024-01-01&to=2024-01-31',
    'granularity=month&compare=previous&from=2024-01-01&to=2024-02-10',
    'granularity=year&compare=previous&from=2024-01-01&to=2024-03-31',
    'granularity=hour&compare=last_year&from=2024-01-01&to=2024-01-01',
    'compare=last_week&from=2024-05-17&to=2024-05-17&group_by=product',
  ]) {
    const { status, body } = await tested.get(`/api/analytics/sales?${query}`);
    assert.equal(status, 422, query);
    assert.equal(body.code, 'not_answerable', query);
    assert.ok(body.can_be_asked.length > 0, query);
  }
});
