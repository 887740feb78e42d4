import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CodedError } from '../../src/base/errors.ts';
import type { Imported } from '../../src/imports/imported.ts';
import { mapRows } from '../../src/imports/map-rows.ts';
import type { Mapping } from '../../src/imports/mapping.ts';
import { readArray } from '../../src/imports/read-array.ts';
import { readNdjson } from '../../src/imports/read-lines.ts';
import { type PartFormat, readPart } from '../../src/imports/read-part.ts';

const mapping: Mapping = {
  source: 'receipt',
  group_by: 'id',
  receipt: { transaction_id: { column: 'id' } },
  items: { product_id: { column: 'p' }, revision: { column: 'n', integer: true } },
};
const common = { mapping, lookups: new Map(), defaultCurrency: 'EUR' };

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function whole(bytes: Buffer, format: PartFormat): Promise<Imported[]> {
  const input = one(bytes);
  const reader =
    format === 'csv' ? mapRows(input, common) : format === 'array' ? readArray(input) : readNdjson(input);
  const documents: Imported[] = [];
  for await (const batch of reader) documents.push(...batch);
  return documents;
}

/** As a browser does it: the head, then what was left over, more of it where nothing was whole. */
async function inParts(bytes: Buffer, format: PartFormat, head: number, size: number, most: number) {
  const documents: Imported[] = [];
  let [done, piece] = [head, size];
  let line: { line?: number } = {};
  for (let step = 0; done < bytes.length || done === head; step++) {
    assert.ok(step < 1_000, 'it goes on');
    const isLast = done + piece >= bytes.length;
    const part = Buffer.concat([bytes.subarray(0, head), bytes.subarray(done, done + piece)]);
    try {
      const read = await readPart({
        ...common,
        bytes: part,
        format,
        isLast,
        ...line,
        maximumDocuments: most,
      });
      documents.push(...read.documents);
      line = { line: read.nextLine };
      done += read.doneBytes - read.headBytes;
      if (isLast && read.doneBytes === part.length) break;
      piece = size;
    } catch (error) {
      assert.ok(error instanceof CodedError && /send more at once/.test(error.message), String(error));
      assert.ok(!isLast, 'the rest of a file is always enough');
      piece *= 2;
    }
  }
  return documents;
}

const shown = (documents: Imported[]) =>
  documents.map(({ line, body, trouble }) => [line, body?.toString() ?? trouble]);

const key = fc.constantFrom('1', '2', '3', '4', '5');
const row = fc.oneof(
  { weight: 8, arbitrary: key.map((id) => `${id},milk,1`) },
  { weight: 1, arbitrary: key.map((id) => `${id},"milk\nand, ""bread""",2`) },
  { weight: 1, arbitrary: key.map((id) => `${id},milk`) },
  { weight: 1, arbitrary: key.map((id) => `${id},milk,one`) },
  { weight: 1, arbitrary: fc.constantFrom('', ',milk,1', '1,"mi"lk,1') },
);

test('however a CSV file is cut, its parts make the documents of the whole', async () => {
  const file = fc.tuple(fc.array(row, { maxLength: 40 }), fc.constantFrom('\n', '\r\n'), fc.boolean());
  await fc.assert(
    fc.asyncProperty(
      file,
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 5 }),
      async ([rows, end, isEnded], size, most) => {
        const header = `id,p,n${end}`;
        const bytes = Buffer.from(header + rows.join(end) + (isEnded ? end : ''));
        const expected = shown(await whole(bytes, 'csv'));
        assert.deepEqual(shown(await inParts(bytes, 'csv', header.length, size, most)), expected);
      },
    ),
    { numRuns: 100 },
  );
});

test('however NDJSON and arrays are cut, their parts make the documents of the whole', async () => {
  const values = fc.array(fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.record({ id: fc.string() })), {
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(
      values,
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(undefined, 1),
      async (list, size, most, indent) => {
        const lines = Buffer.from(list.map((value) => `${JSON.stringify(value)}\n\n`).join(''));
        assert.deepEqual(
          shown(await inParts(lines, 'ndjson', 0, size, most)),
          shown(await whole(lines, 'ndjson')),
        );
        const array = Buffer.from(` ${JSON.stringify(list, null, indent)}\n`);
        assert.deepEqual(
          shown(await inParts(array, 'array', 2, size, most)),
          shown(await whole(array, 'array')),
        );
      },
    ),
    { numRuns: 100 },
  );
});
