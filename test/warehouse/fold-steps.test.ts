import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { type Contribution, negated, severalCategories } from '../../src/sales/contribution.ts';
import { contributionsText } from '../../src/sales/stored-contribution.ts';
import { countTail, createFold } from '../../src/warehouse/fold.ts';
import { createNextMarts } from '../../src/warehouse/swap-marts.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

const marts = ['sales_hour', 'category_hour', 'product_day', 'place_pulse'];
const hourSeconds = 3600;

const scopes = [
  { mart: 'sales_hour', scope: 0, keys: 'place_id, period, hour_at, source, payment_method, currency' },
  {
    mart: 'category_hour',
    scope: 1,
    keys: 'place_id, period, hour_at, source, payment_method, currency, category',
  },
  {
    mart: 'product_day',
    scope: 2,
    keys: 'place_id, period, source, payment_method, currency, category, product_id',
  },
];
const figures = ['sales', 'refunds', 'receipts', 'refund_receipts', 'units'];

/** Rows of a mart that are not what the journal says, or miss there. */
function unlike({ mart, scope, keys }: (typeof scopes)[number]): string {
  const sums = figures.map((figure) => `sum(${figure})::bigint`).join(', ');
  return `
    with stands as (select ${keys}, ${figures.join(', ')} from cdm.${mart}),
    belongs as (
      select ${keys}, ${sums}
      from (select r.* from stg.journal as j cross join lateral cdm.contribution_rows(j.contributions) as r) as r
      where scope = ${scope} group by ${keys}
    )
    (select * from stands except select * from belongs) union all (select * from belongs except select * from stands)`;
}

const few = (max: number) => fc.integer({ min: 0, max });
const rows = fc.array(
  fc.record({
    ...{ place: few(2), day: few(2), hour: few(3), minute: few(59), product: few(3), category: few(1) },
    ...{
      amount: fc.integer({ min: 1, max: 999 }),
      payment: few(1),
      isRefund: fc.boolean(),
      isTaken: fc.boolean(),
      isPacked: fc.boolean(),
    },
  }),
  { minLength: 1, maxLength: 60 },
);
type Row = typeof rows extends fc.Arbitrary<(infer R)[]> ? R : never;

function contributionOf(row: Row): Contribution {
  const hour = (19_700 + row.day) * 24 * hourSeconds + row.hour * hourSeconds;
  const units = 1000 * (1 + row.product);
  const category = `c${row.category}`;
  const product = `p${row.product}`;
  const isMixed = row.amount % 2 === 1;
  const other: Contribution['categories'][number] = ['an "other"', 500, 11];
  const mixed: Contribution['products'] = [
    [product, ...other, 1],
    [product, severalCategories, 0, 0, -1],
  ];
  return {
    ...{
      f: 1,
      sign: 1,
      refund: row.isRefund ? 1 : 0,
      place: `place-${row.place}`,
      date: `2023-12-0${1 + row.day}`,
    },
    ...{
      hour,
      at: hour + row.minute * 60,
      got: hour + 2 * hourSeconds,
      source: 'receipt',
      payment: `m${row.payment}`,
    },
    ...{ currency: 'RUB', total: row.amount, nds: 1, tips: 2, discount: 3 },
    categories: [[category, units, row.amount], ...(isMixed ? [other] : [])],
    products: [[product, category, units, row.amount, 1], ...(isMixed ? mixed : [])],
  };
}

/** Most rows of a step are new, or hardly any, or it has places that were sold at before: both ways of adding come. */
test('a mart is the same whether a step looks first at what is there or not', async () => {
  const { pool } = database;
  const deps = { pool, epoch: 1, log: createLog('silent'), metrics: createMetrics() };
  const read = (schema: string, mart: string) =>
    pool
      .query(`select to_jsonb(m) as row from ${schema}.${mart} as m order by to_jsonb(m)::text`)
      .then((found) => found.rows);
  await fc.assert(
    fc.asyncProperty(rows, fc.integer({ min: 2, max: 9 }), async (list, rowsPerStep) => {
      const contributions = list.map((row) => {
        const put = contributionOf(row);
        const signed = row.isTaken ? [negated(put), contributionOf({ ...row, day: 2, amount: 7 })] : [put];
        return row.isPacked ? contributionsText(signed) : JSON.stringify(signed);
      });
      await pool.query({
        text: `insert into stg.journal (epoch, received_at, source, verdict, contributions)
          select 1, now(), 'receipt', 'accepted', c::jsonb from unnest($1::text[]) as c`,
        values: [contributions],
      });
      await createNextMarts(pool);
      const small = createFold({ ...deps, rowsPerStep });
      const whole = createFold({ ...deps, schema: 'cdm_next' });
      while ((await countTail(pool, 1, ['fold'])) > 0) await small.step();
      while ((await whole.step()) > 0);
      for (const mart of scopes) assert.deepEqual((await pool.query(unlike(mart))).rows, []);
      for (const mart of marts) assert.deepEqual(await read('cdm', mart), await read('cdm_next', mart));
    }),
    { numRuns: 25 },
  );
  // One connection does it all, and remembers what it was asked.
  const { rows: asked } = await pool.query('select name from pg_prepared_statements');
  for (const name of ['fold-plain-cdm', 'fold-looking-cdm'])
    assert.ok(asked.some((one) => one.name.startsWith(name)));
});
