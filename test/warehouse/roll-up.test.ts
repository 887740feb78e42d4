import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

const item = (productId: string) => ({ product_id: productId, quantity: 1, price: 10, category: 'c' });
const sell = async (id: string, products: string[]) => {
  const sold = receipt({
    transaction_id: id,
    items: products.map(item),
    ...{ total_amount: 10 * products.length, nds_amount: 0 },
  });
  const { status, body } = await tested.call('POST', '/api/checks/', sold);
  assert.equal(status, 202, JSON.stringify(body));
  await tested.settle();
};
/** Where each product's row of the month stands: a row that is written again stands elsewhere. */
const months = async () => {
  const { rows } = await tested.database.pool.query(
    'select product_id, ctid::text as at, units::integer as units from cdm.product_month order by product_id',
  );
  return new Map(rows.map(({ product_id: id, at, units }) => [id, { at, units }]));
};

test('of a period that is summed again only the rows that changed are written', async () => {
  await sell('first', ['kept', 'moved']);
  const first = await months();
  await sell('second', ['moved', 'new']);
  const second = await months();
  assert.deepEqual(
    [...second].map(([id, { units }]) => [id, units]),
    [
      ['kept', 1000],
      ['moved', 2000],
      ['new', 1000],
    ],
  );
  assert.equal(second.get('kept')!.at, first.get('kept')!.at);
  assert.notEqual(second.get('moved')!.at, first.get('moved')!.at);
  assert.deepEqual(await tested.audit(), []);
});

test('the days of a place lie together, in whatever order its sales came', async () => {
  for (const month of ['03', '04']) {
    const lines = Array.from({ length: 6_000 }, (_, index) => {
      const day = String(1 + Math.floor(index / 200)).padStart(2, '0');
      const changes = { transaction_id: `${month}-${index}`, place_id: `place-${index % 200}` };
      return JSON.stringify(receipt({ ...changes, timestamp: `2024-${month}-${day}T12:00:00` }));
    });
    const { status } = await tested.call('POST', '/api/checks/', lines.join('\n'), {
      'content-type': 'application/x-ndjson',
    });
    assert.equal(status, 202);
    await tested.settle();
  }
  for (const mart of ['sales_day', 'category_day']) {
    const { rows } = await tested.database.pool.query(`
      select count(*)::integer as rows, count(*) filter (where (place_id, period) < before)::integer as astray
      from (
        select place_id, period, lag(row(place_id, period)) over (order by ctid) as before
        from cdm.${mart} where place_id like 'place-%'
      ) as t`);
    const { rows: written, astray } = rows[0];
    assert.equal(written, mart === 'sales_day' ? 12_000 : 24_000);
    // Each step begins anew, and the program's own steps may come between.
    assert.ok(astray < 10, `${astray} rows of ${mart} do not follow the one before`);
  }
});

test('whichever index of products is taken for one row, it leads to its place', async () => {
  // While a mart grows faster than it is analysed, the planner holds any index of its key's columns for as good as the key.
  const { rows } = await tested.database.pool.query(
    "select indexdef from pg_indexes where schemaname = 'cdm' and tablename in ('product_month', 'product_year')",
  );
  assert.equal(rows.length, 4);
  for (const { indexdef } of rows) assert.match(indexdef, /product_id.*place_id|place_id.*product_id/);
});
