import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { Imported } from '../../src/imports/imported.ts';
import { filesIn, readLookups } from '../../src/imports/lookups.ts';
import { mapRows } from '../../src/imports/map-rows.ts';
import type { Mapping } from '../../src/imports/mapping.ts';
import { refuseScattered } from '../../src/imports/refuse-scattered.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-rows-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function* one(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

function mapping(changes: Partial<Mapping> = {}): Mapping {
  const receipt = { transaction_id: { column: 'id' } };
  return { source: 'receipt', group_by: 'id', receipt, items: { product_id: { column: 'p' } }, ...changes };
}

async function map(csv: string, map: Mapping, defaultCurrency = 'EUR'): Promise<Imported[]> {
  const documents: Imported[] = [];
  const lookups = await readLookups(map, filesIn(folder));
  for await (const batch of mapRows(one(csv), { mapping: map, lookups, defaultCurrency }))
    documents.push(...batch);
  return documents;
}

const shown = (documents: Imported[]) =>
  documents.map(({ line, body, trouble }) => [
    line,
    body === undefined ? trouble : JSON.parse(body.toString()),
  ]);
const receipt = (id: string, ...products: string[]) => ({
  transaction_id: id,
  items: products.map((product_id) => ({ product_id })),
});

test('rows that stand together are one receipt', async () => {
  assert.deepEqual(shown(await map('id,p\n1,a\n1,b\n2,c\n', mapping())), [
    [2, receipt('1', 'a', 'b')],
    [4, receipt('2', 'c')],
  ]);
});

test('without group_by each row is a receipt', async () => {
  const { group_by: _, ...single } = mapping();
  assert.equal((await map('id,p\n1,a\n1,b\n', single)).length, 2);
});

test('of a mapping of transactions each row is a document without items', async () => {
  const fields = { transaction_id: { column: 'id' }, total_amount: { column: 's', decimal: ',' as const } };
  assert.deepEqual(
    shown(await map('id,s\n1,"1,50"\n1,2\n', { source: 'transaction', transaction: fields })),
    [
      [2, { transaction_id: '1', total_amount: '1.50' }],
      [3, { transaction_id: '1', total_amount: '2' }],
    ],
  );
});

test('a key that comes back is refused by line number before anything is sent, unless sorted is false', async () => {
  const csv = 'id,p\n1,a\n2,b\n1,c\n2,d\n';
  await assert.rejects(
    refuseScattered(one(csv), mapping()),
    /nothing was sent.*line 4: id "1".*line 5: id "2"/s,
  );
  await refuseScattered(one(csv), mapping({ sorted: false }));
  assert.deepEqual(shown(await map(csv, mapping({ sorted: false }))), [
    [2, receipt('1', 'a', 'c')],
    [3, receipt('2', 'b', 'd')],
  ]);
});

test('a key that comes back is found among many', async () => {
  const rows = Array.from({ length: 20_000 }, (_, index) => `${(index * 7919) % 20_011},a`);
  const csv = (more: string) => one(`id,p\n${rows.join('\n')}\n${more}`);
  await refuseScattered(csv(''), mapping());
  await assert.rejects(refuseScattered(csv(`${(12_345 * 7919) % 20_011},a\n`), mapping()), /line 20002/);
});

test('a row that cannot be read spoils its receipt, or both beside it', async () => {
  const same = await map('id,p\n1,a\n1,b,x\n2,c\n', mapping());
  assert.deepEqual(shown(same), [
    [2, 'line 3: the row has 3 cells, the header 2'],
    [4, receipt('2', 'c')],
  ]);
  assert.equal(Buffer.concat(same[0]!.original).toString(), '1,a1,b,x');
  const unknown = shown(await map('id,p\n1,a\n2,b\n"x"y\n3,c\n4,d\n', mapping()));
  assert.deepEqual(
    unknown.map(([line, result]) => [line, typeof result === 'string']),
    [
      [2, false],
      [3, true],
      [4, true],
      [5, true],
      [6, false],
    ],
  );
  assert.deepEqual(
    shown(await map('id,p\n1,a\n,b\n', mapping())).map(([line]) => line),
    [2, 3],
  );
  await assert.rejects(map('id,p\n1,a\n"x"y\n', mapping({ sorted: false })), /line 3.*nothing was sent/);
});

test('lookups may go by what an earlier lookup found, and a miss is told by line', async () => {
  writeFileSync(path.join(folder, 'products.csv'), 'p;kind\na;1\nb;9\n');
  writeFileSync(path.join(folder, 'kinds.csv'), Buffer.from('kind,title\n1,Caf\xe9\n', 'latin1'));
  const chained = mapping({
    lookup: {
      product: { file: 'products.csv', key: 'p', delimiter: ';' },
      kind: { file: 'kinds.csv', key: 'kind', by: 'product.kind', encoding: 'latin1' },
    },
    items: { product_id: { column: 'p' }, category: { column: 'kind.title' } },
  });
  assert.deepEqual(shown(await map('id,p\n1,a\n2,b\n3,c\n4,a\n', chained)), [
    [2, { transaction_id: '1', items: [{ product_id: 'a', category: 'Café' }] }],
    [3, 'kinds.csv has no kind "9"'],
    [4, 'products.csv has no p "c"'],
    [5, { transaction_id: '4', items: [{ product_id: 'a', category: 'Café' }] }],
  ]);
});

test('a mapping that does not fit the files stops before the first row', async () => {
  writeFileSync(path.join(folder, 'one.csv'), 'k,v\n1,x\n');
  writeFileSync(path.join(folder, 'twice.csv'), 'k,v\n1,x\n1,y\n');
  writeFileSync(path.join(folder, 'latin.csv'), Buffer.from('k,v\n1,\xe9\n', 'latin1'));
  const uses = (column: string, file = 'one.csv', key = 'k') =>
    mapping({ lookup: { l: { file, key, by: 'p' } }, items: { product_id: { column } } });
  await assert.rejects(map('id,p\n', mapping({ group_by: 'order' })), /no column order; the file has id, p/);
  await assert.rejects(map('id,p\n1,a\n', uses('price')), /no column price; the file has id, p/);
  await assert.rejects(map('id,p,p\n1,a,b\n', mapping()), /two columns p/);
  await assert.rejects(map('id,p\n1,1\n', uses('l.w')), /one.csv has no column w/);
  await assert.rejects(
    map('id,p\n1,1\n', uses('l.v', 'one.csv', 'w')),
    /one.csv has no column w; it has k, v/,
  );
  await assert.rejects(map('id,p\n1,1\n', uses('l.v', 'none.csv')), /none.csv cannot be read/);
  await assert.rejects(
    map('id,p\n1,1\n', uses('l.v', 'twice.csv')),
    /twice.csv line 3: k "1" is there twice/,
  );
  await assert.rejects(map('id,p\n1,1\n', uses('l.v', 'latin.csv')), /latin.csv line 2: .*not UTF-8/);
});

test('numbers, dates and templates as they are written elsewhere', async () => {
  const fields = mapping({
    delimiter: ';',
    receipt: {
      transaction_id: { format: '{shop}-{id}' },
      timestamp: { format: '{day} {time}', date: 'DD.MM.YYYY hh:mm A' },
      total_amount: { column: 'total', decimal: ',' },
      revision: { column: 'rev', integer: true },
      customer_id: { column: 'who' },
    },
  });
  const header = 'shop;id;day;time;total;rev;who;p';
  const documents = await map(
    `${header}\nA;7;1.2.2024;12:05 am;1.234,50;3;;x\nA;8;31/01/24;1:00 pm;1,5;0;;x\nA;9;1.2.2024;1:00 pm;12.50;0;;x\n`,
    fields,
  );
  assert.deepEqual(shown(documents), [
    [
      2,
      {
        transaction_id: 'A-7',
        timestamp: '2024-02-01T00:05:00',
        total_amount: '1234.50',
        revision: 3,
        items: [{ product_id: 'x' }],
      },
    ],
    [3, '"31/01/24 1:00 pm" is not written as DD.MM.YYYY hh:mm A'],
    [4, '"12.50" is not a number with the decimal mark ","'],
  ]);
});

test('the sum of the items is exact in the currency, takes given amounts and leaves the discount out', async () => {
  const items = { quantity: { column: 'q' }, price: { column: 'c' }, amount: { column: 'a' } };
  const sums = mapping({
    receipt: {
      total_amount: { sum: 'items' },
      currency: { column: 'cur' },
      discount_amount: { column: 'd' },
    },
    items,
  });
  const csv =
    'id,q,c,a,d,cur\n1,3,0.1,,,\n1,1,0.2,,,\n2,2,10,19.5,1.5,\n3,1,1.234,,,KWD\n4,1,1.234,,,\n5,x,1,,,\n';
  const totals = shown(await map(csv, sums)).map(([, result]) =>
    typeof result === 'string' ? result : result.total_amount,
  );
  assert.deepEqual(totals, [
    0.5,
    18,
    1.234,
    'the items cannot be summed: price "1.234" is too many decimals',
    'the items cannot be summed: quantity "x" is not a number',
  ]);
});
