import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Imported } from '../../src/imports/imported.ts';
import { readArray } from '../../src/imports/read-array.ts';
import { readNdjson } from '../../src/imports/read-lines.ts';

async function* inPieces(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function all(source: AsyncIterable<Imported[]>): Promise<Imported[]> {
  const documents: Imported[] = [];
  for await (const batch of source) documents.push(...batch);
  return documents;
}

const shown = (documents: Imported[]) =>
  documents.map(({ line, body, trouble }) => [line, body?.toString() ?? trouble]);

test('NDJSON: a document a line, the mark, empty lines and both line ends', async () => {
  const documents = await all(readNdjson(inPieces('\ufeff{"a":1}\r\n\n  {"b":2} \nnot json', 4)));
  assert.deepEqual(shown(documents), [
    [1, '{"a":1}'],
    [3, '{"b":2}'],
    [4, 'not json'],
  ]);
});

test('NDJSON: a line over the limit is bad by itself', async () => {
  const documents = await all(readNdjson(inPieces(`1\n"${'x'.repeat(1_100_000)}"\n2\n`, 65_536)));
  assert.deepEqual(
    documents.map(({ line, trouble }) => [line, trouble !== undefined]),
    [
      [1, false],
      [2, true],
      [3, false],
    ],
  );
  assert.equal(documents[1]!.original[0]!.length, 4096);
});

test('an array of anything gives its elements, whatever the chunks and the layout are', async () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(value),
      fc.integer({ min: 1, max: 30 }),
      fc.nat(2),
      async (values, size, indent) => {
        const documents = await all(readArray(inPieces(JSON.stringify(values, null, indent), size)));
        assert.deepEqual(
          documents.map((document) => document.body!.toString()),
          values.map((element) =>
            JSON.stringify(element, null, indent).replaceAll('\n', `\n${' '.repeat(indent)}`),
          ),
        );
      },
    ),
  );
});

test('brackets, commas and quotes inside strings part nothing', async () => {
  const documents = await all(readArray(inPieces('[{"a":"],[{\\"}"},\n {"b":"\\\\"}]', 3)));
  assert.deepEqual(shown(documents), [
    [1, '{"a":"],[{\\"}"}'],
    [2, '{"b":"\\\\"}'],
  ]);
});

test('one brace too many spoils its own element and none of the next', async () => {
  const documents = await all(readArray(inPieces('[{"a":1}},{"b":2},{"c":3}]', 100)));
  assert.deepEqual(shown(documents), [
    [1, '{"a":1}}'],
    [1, '{"b":2}'],
    [1, '{"c":3}'],
  ]);
});

test('what is wrong with the array itself is told by line', async () => {
  assert.deepEqual(shown(await all(readArray(inPieces('[1,\n2', 2)))), [
    [1, '1'],
    [2, 'the file ends inside the array'],
  ]);
  assert.deepEqual(shown(await all(readArray(inPieces('[1]\nrest', 2)))), [
    [1, '1'],
    [2, 'there is more after the array'],
  ]);
  assert.deepEqual(shown(await all(readArray(inPieces('[1,\n,2,]', 2)))), [
    [1, '1'],
    [2, 'nothing stands between two commas'],
    [2, '2'],
    [2, 'nothing stands between two commas'],
  ]);
  assert.deepEqual(shown(await all(readArray(inPieces(' [ ] \n', 2)))), []);
});

test('an element over several lines is kept as one line for the rejected file', async () => {
  const [document] = await all(readArray(inPieces('[\n{\n "a": 1\n}\n]', 100)));
  assert.equal(document!.line, 2);
  assert.equal(document!.body!.toString(), '{\n "a": 1\n}');
  assert.equal(Buffer.concat(document!.original).toString(), '{  "a": 1 }');
});
