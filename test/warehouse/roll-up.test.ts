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
