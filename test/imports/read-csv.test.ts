import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CsvOptions, type CsvRow, readCsv } from '../../src/imports/read-csv.ts';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function rowsOf(content: string | Buffer, options: CsvOptions = {}, size = 7): Promise<CsvRow[]> {
  const rows: CsvRow[] = [];
  for await (const batch of readCsv(inPieces(Buffer.from(content), size), options)) rows.push(...batch);
  return rows;
}

const cellsOf = (rows: CsvRow[]) => rows.map((row) => row.cells);

test('cells with delimiters, quotes and line ends come back whatever the chunks are', async () => {
  const cell = fc.string({ unit: fc.constantFrom('a', 'é', 'Ж', '"', ',', '\n', ' ', '\u{1f355}') });
  const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 2 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(
      table,
      fc.integer({ min: 1, max: 20 }),
      fc.constantFrom('\n', '\r\n'),
      async (rows, size, end) => {
        const quoted = rows.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(','));
        assert.deepEqual(cellsOf(await rowsOf(quoted.join(end), {}, size)), rows);
      },
    ),
  );
});

test('rows know their first line, and empty lines are no rows', async () => {
  const rows = await rowsOf('id,text\n1,"two\nlines"\n\n2,plain\n');
  assert.deepEqual(
    rows.map((row) => [row.line, row.cells]),
    [
      [1, ['id', 'text']],
      [2, ['1', 'two\nlines']],
      [5, ['2', 'plain']],
    ],
  );
  assert.equal(Buffer.concat(rows[1]!.original).toString(), '1,"twolines"');
});

test('the mark before UTF-8 and another delimiter', async () => {
  assert.deepEqual(cellsOf(await rowsOf('\ufeff"id";price\n1;12,50\n', { delimiter: ';' })), [
    ['id', 'price'],
    ['1', '12,50'],
  ]);
});

test('encodings', async () => {
  const latin1 = Buffer.from('id,name\n1,Caf\xe9 \x91Nduja\n', 'latin1');
  assert.deepEqual(cellsOf(await rowsOf(latin1, { encoding: 'latin1' }))[1], ['1', 'Café ‘Nduja']);
  const cyrillic = Buffer.from([0x69, 0x2c, 0x6e, 0x0a, 0x31, 0x2c, 0xd0, 0xe8, 0xf1, 0x0a]);
  assert.deepEqual(cellsOf(await rowsOf(cyrillic, { encoding: 'windows-1251' }))[1], ['1', 'Рис']);
});

test('a line in another encoding is one bad row, with its own bytes', async () => {
  const rows = await rowsOf(Buffer.from('id,name\n1,Caf\xe9\n2,Tea\n', 'latin1'));
  assert.match(rows[1]!.trouble!, /not UTF-8; name its "encoding"/);
  assert.deepEqual(rows[1]!.original, [Buffer.from('1,Caf\xe9', 'latin1')]);
  assert.deepEqual(rows[2]!.cells, ['2', 'Tea']);
});

test('UTF-16 is refused with what to do', async () => {
  await assert.rejects(rowsOf(Buffer.from('\ufeffid,name\n', 'utf16le')), /save it as UTF-8/);
});

test('quotes that do not close cost one row and not the rest of the file', async () => {
  for (const bad of ['2,"a"b', '2,"open']) {
    const rows = await rowsOf(`id,name\n1,x\n${bad}\n3,y\n4,"z"\n`);
    assert.deepEqual(
      rows.map((row) => [row.line, row.trouble === undefined ? row.cells![0] : 'bad']),
      [
        [1, 'id'],
        [2, '1'],
        [3, 'bad'],
        [4, '3'],
        [5, '4'],
      ],
      bad,
    );
  }
});

test('a quote inside a plain cell is a character', async () => {
  assert.deepEqual(cellsOf(await rowsOf('id,name\n1,12" pan\n2,x\n'))[1], ['1', '12" pan']);
});

test('a row of another length than the header is bad', async () => {
  const rows = await rowsOf('id,price\n1,12,50\n2\n3,4\n');
  assert.match(rows[1]!.trouble!, /has 3 cells, the header 2/);
  assert.match(rows[2]!.trouble!, /has 1 cells, the header 2/);
  assert.equal(rows[3]!.trouble, undefined);
});

test('a line over the limit is held only in part', async () => {
  const rows = await rowsOf(`id,name\n1,${'x'.repeat(1_100_000)}\n2,y\n`, {}, 65_536);
  assert.match(rows[1]!.trouble!, /over the limit/);
  assert.equal(rows[1]!.original[0]!.length, 4096);
  assert.deepEqual(rows[2]!.cells, ['2', 'y']);
});
