import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { openImport } from '../../src/imports/open-import.ts';
import { type Receipt, receiptValidator } from '../../src/sales/receipt.ts';

const example = path.resolve(import.meta.dirname, '../../examples/pizza-place');

/** Worked out from the data set's files with exact decimals, independently of this project. */
const expected = {
  orders: 21_350,
  pizzas: 49_574,
  revenue: 81_786_005,
  categories: {
    Classic: [22_005_310, 10_859],
    Supreme: [20_819_700, 9_085],
    Chicken: [19_591_950, 8_536],
    Veggie: [19_369_045, 8_941],
  },
  months: [
    6_979_330, 6_515_960, 7_039_710, 6_873_680, 7_140_275, 6_823_020, 7_255_790, 6_827_825, 6_418_005,
    6_402_760, 7_039_535, 6_470_115,
  ],
};

const cents = (value: unknown) => Math.round(Number(value) * 100);

test("the example's receipts hold the year's figures to the cent", async () => {
  const categories: Record<string, [number, number]> = {};
  const months = new Array<number>(12).fill(0);
  let [orders, pizzas, revenue] = [0, 0, 0];
  const options = {
    file: path.join(example, 'order_details.csv'),
    mapping: path.join(example, 'mapping.json'),
  };
  const file = await openImport(options, 'RUB');
  for await (const documents of await file.open()) {
    for (const document of documents) {
      assert.equal(document.trouble, undefined);
      const receipt = JSON.parse(document.body!.toString()) as Receipt;
      assert.ok(receiptValidator.Check(receipt), `line ${document.line} is not a receipt`);
      orders++;
      revenue += cents(receipt.total_amount);
      months[Number(receipt.timestamp.slice(5, 7)) - 1]! += cents(receipt.total_amount);
      for (const item of receipt.items) {
        pizzas += Number(item.quantity);
        categories[item.category] ??= [0, 0];
        categories[item.category]![0] += Number(item.quantity) * cents(item.price);
      }
      for (const category of new Set(receipt.items.map((item) => item.category))) categories[category]![1]++;
    }
  }
  assert.deepEqual({ orders, pizzas, revenue, categories, months }, expected);
});

test('two readings give the same bytes, so that a second import finds duplicates', async () => {
  const options = {
    file: path.join(example, 'order_details.csv'),
    mapping: path.join(example, 'mapping.json'),
  };
  const firstOf = async () => {
    for await (const documents of await (await openImport(options, 'RUB')).open())
      for (const document of documents) return document.body!.toString();
  };
  const first = await firstOf();
  assert.equal(
    first,
    '{"transaction_id":"pizza-1","timestamp":"2015-01-01T11:38:36","place_id":"pizza-place","place_name":"Pizza Place","currency":"USD","total_amount":13.25,"nds_amount":0,"payment_method":"unknown","items":[{"product_id":"hawaiian_m","name":"The Hawaiian Pizza (M)","category":"Classic","quantity":"1","price":"13.25"}]}',
  );
  assert.equal(await firstOf(), first);
});
