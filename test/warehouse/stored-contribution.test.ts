import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type Contribution, severalCategories } from '../../src/sales/contribution.ts';
import { contributionsText, mostTexts, readContribution } from '../../src/sales/stored-contribution.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

const name = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.constantFrom('', 'NULL', ' a ', '{b}', 'a,b', "a'b", severalCategories, 'Салаты', 'a:b'),
  },
  { weight: 1, arbitrary: fc.constantFrom('a"b', 'a\\b', 'a\\', '\\n', 'a\nb', '🍕') },
  {
    weight: 1,
    arbitrary: fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
      .filter((text) => !text.includes('\0')),
  },
);
const number = fc.integer({ min: -(2 ** 50), max: 2 ** 50 });

const contributions: fc.Arbitrary<Contribution> = fc
  .record({
    ...{
      payment: name,
      product: fc.array(name, { maxLength: 5 }),
      category: fc.uniqueArray(name, { maxLength: 4 }),
    },
    ...{
      numbers: fc.array(number, { minLength: 40, maxLength: 40 }),
      isRefund: fc.boolean(),
      isTaken: fc.boolean(),
    },
    customer: fc.option(name, { nil: undefined }),
  })
  .map(({ payment, product, category, numbers, isRefund, isTaken, customer }) => {
    const next = () => numbers.pop()!;
    const categories = category.map((one): [string, number, number] => [one, next() % 1e9, next()]);
    const used = [...category, severalCategories];
    return {
      ...{ f: 1, sign: isTaken ? -1 : 1, refund: isRefund ? 1 : 0, place: 'place', date: '2024-02-29' },
      ...{
        hour: 1_700_000_400,
        at: 1_700_000_401,
        got: 1_700_000_402,
        source: 'receipt',
        payment,
        currency: 'RUB',
      },
      ...(customer === undefined ? {} : { customer }),
      ...{ total: next(), nds: next(), tips: next(), discount: next(), categories },
      products: product.map((one, index) => [one, used[index % used.length]!, next() % 1e9, next(), next()]),
    };
  });

const rowsOf = (text: string) =>
  `select to_jsonb(r) as row from cdm.contribution_rows(${text}::jsonb) as r order by to_jsonb(r)::text`;

test('what is stored of a contribution is all of it, here, in SQL, and for the fold', async () => {
  const { pool } = database;
  let packed = 0;
  await fc.assert(
    fc.asyncProperty(contributions, async (one) => {
      const text = contributionsText([one])!;
      const [stored] = JSON.parse(text);
      if (stored.f === 3) packed++;
      assert.deepEqual(readContribution(stored), one);
      const { rows } = await pool.query('select cdm.contribution_in_full($1::jsonb -> 0) as entry', [text]);
      assert.deepEqual(rows[0].entry, one);
      const written = await pool.query(rowsOf('$1'), [text]);
      assert.deepEqual(written.rows, (await pool.query(rowsOf('$1'), [JSON.stringify([one])])).rows);
    }),
    { numRuns: 150 },
  );
  assert.ok(packed > 30, `${packed} were packed`);
});

test('a sale of very many products is stored as it is', async () => {
  const [one] = fc.sample(contributions, { numRuns: 1, seed: 1 });
  const product: Contribution['products'][number] = ['p', 'c', 1, 1, 1];
  const formatWith = (products: number) => {
    const whole: Contribution = {
      ...one!,
      payment: 'card',
      categories: [['c', 1, 1]],
      products: new Array(products).fill(product),
    };
    return JSON.parse(contributionsText([whole])!)[0].f;
  };
  assert.deepEqual([formatWith(mostTexts - 1), formatWith(mostTexts)], [3, 1]);
});
