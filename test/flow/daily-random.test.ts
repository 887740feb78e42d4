import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { fileOf, productOf } from '../intake/daily-reading.ts';
import { startTestProgram, type TestProgram } from '../program.ts';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
console.log(`SEED=${seed}`);

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram({ IDENTITY: 'place' });
});
after(() => tested.stop());

type Product = { id: string; category: string; quantity: number; price: number };
type Step = { place: string; date: string; replace: boolean; products: Product[]; settle: boolean };

const step: fc.Arbitrary<Step> = fc.record({
  place: fc.constantFrom('a', 'b'),
  date: fc.constantFrom('2024-03-30', '2024-03-31', '2024-04-01'),
  replace: fc.boolean(),
  settle: fc.boolean(),
  products: fc.array(
    fc.record({
      id: fc.constantFrom('p', 'q', 'r'),
      category: fc.constantFrom('x', 'y'),
      quantity: fc.integer({ min: 1, max: 5_000 }),
      price: fc.integer({ min: 0, max: 2_000 }),
    }),
    { minLength: 1, maxLength: 5 },
  ),
});

const contentOf = ({ products }: Step) =>
  products.map(({ id, category, quantity, price }) =>
    productOf({ id, category, quantity: String(quantity / 1000), price: String(price / 100) }),
  );

/** Whole files, categories and products as they have to come out, by hand. */
function expected(days: Map<string, Step>, keys: (product: Product) => string): Map<string, number[]> {
  const sums = new Map<string, number[]>();
  for (const { products, place } of days.values()) {
    const inThisFile = new Set<string>();
    for (const product of products) {
      const key = `${place} ${keys(product)}`.trim();
      const sum = sums.get(key) ?? [0, 0, 0];
      sum[0]! += product.quantity;
      sum[1]! += Math.floor((product.quantity * product.price + 500) / 1000);
      if (!inThisFile.has(key)) sum[2]! += 1;
      inThisFile.add(key);
      sums.set(key, sum);
    }
  }
  return sums;
}

async function found(groups: string[]): Promise<Map<string, number[]>> {
  const url = `/api/analytics/sales?source=daily&group_by=${['place', ...groups].join(',')}`;
  const { body } = await tested.call('GET', url);
  return new Map(
    body.rows.map((row: any) => [
      [row.place_id, ...groups.map((group) => row[group === 'product' ? 'product_id' : group])].join(' '),
      [Math.round(row.units * 1000), Math.round(row.sales * 100), row.receipts],
    ]),
  );
}

/** A row of free products has no figure but its units; rows of nothing at all are left out. */
const sorted = (rows: Map<string, number[]>) => [...rows].sort(([a], [b]) => (a < b ? -1 : 1));

test('any order of files and replacements gives the sums of those that stand', async () => {
  const days = new Map<string, Step>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
      for (const one of steps) {
        const body = fileOf(contentOf(one).join(''), `date="${one.date}" place_id="${one.place}"`);
        const key = `${one.place} ${one.date}`;
        const known = days.get(key);
        const isEqual = known !== undefined && contentOf(known).join() === contentOf(one).join();
        const answer = await tested.call('POST', `/api/daily-sales/?replace=${one.replace}`, body, {
          'content-type': 'application/xml',
        });
        if (known !== undefined && !one.replace) assert.equal(answer.status, 409);
        else {
          const status = known === undefined ? 'accepted' : isEqual ? 'duplicate' : 'corrected';
          assert.deepEqual([answer.status, answer.body.status], [202, status]);
          days.set(key, one);
        }
        if (one.settle) await tested.settle();
      }
      assert.deepEqual(sorted(await found([])), sorted(expected(days, () => '')));
      assert.deepEqual(sorted(await found(['category'])), sorted(expected(days, ({ category }) => category)));
      assert.deepEqual(sorted(await found(['product'])), sorted(expected(days, ({ id }) => id)));
      assert.deepEqual(
        sorted(await found(['product', 'category'])),
        sorted(expected(days, ({ id, category }) => `${id} ${category}`)),
      );
    }),
    { seed, numRuns: 15 },
  );
  await tested.settle();
  assert.deepEqual(await tested.audit(), []);
});
