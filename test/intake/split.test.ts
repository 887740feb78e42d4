import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arrayElements, countElements, splitLines } from '../../src/intake/split.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}; SEED=${seed} replays it`);

const elementsOf = (text: string) => [...arrayElements(Buffer.from(text))].map(String);
const count = (text: string) => countElements(Buffer.from(text));

async function* chunks(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (let turn = 0; start < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

async function linesOf(body: Buffer | string, maximumBytes = 100, sizes: readonly number[] = [7]) {
  const lines: unknown[] = [];
  for await (const some of splitLines(chunks(Buffer.from(body), sizes), maximumBytes))
    for (const line of some)
      lines.push(Buffer.isBuffer(line) ? line.toString() : [line.tooLong, line.head.length]);
  return lines;
}

test('elements keep their own bytes', () => {
  const text = ' [ {"a":"]},[\\"" , "b" : 1.0} ,"x,y\\\\",  [1,[2]],null\n] ';
  assert.equal(count(text), 4);
  assert.deepEqual(elementsOf(text), ['{"a":"]},[\\"" , "b" : 1.0}', '"x,y\\\\"', '[1,[2]]', 'null']);
});

test('a broken element is one of its own where the brackets close', () => {
  assert.equal(count('[{"a":1},{"a" 2},nonsense]'), 3);
  assert.deepEqual(elementsOf('[{"a":1},{"a" 2},nonsense]'), ['{"a":1}', '{"a" 2}', 'nonsense']);
});

for (const [text, expected] of [
  ['[]', 0],
  [' [ \n] ', 0],
  ['[1]', 1],
  ['', -1],
  ['{}', -1],
  ['[', -1],
  ['[1', -1],
  ['[1,', -1],
  ['[1,]', -1],
  ['[,1]', -1],
  ['[1,,2]', -1],
  ['[1]]', -1],
  ['[1] x', -1],
  ['[]]', -1],
  ['[1}]', -1],
  ['["a]', -1],
  ['["a\\"]', -1],
  ['[{"a":1]', -1],
] as const)
  test(`${JSON.stringify(text)} has ${expected} elements`, () => assert.equal(count(text), expected));

test('elements are those that JSON.parse finds, and what does not split is no JSON', () => {
  const spaced = fc.tuple(fc.array(fc.jsonValue(), { maxLength: 6 }), fc.constantFrom(0, 1, '\t'));
  fc.assert(
    fc.property(spaced, ([values, space]) => {
      const text = JSON.stringify(values, null, space);
      assert.equal(count(text), values.length);
      if (values.length > 0)
        assert.deepEqual(
          elementsOf(text).map((element) => JSON.parse(element)),
          JSON.parse(text),
        );
    }),
    { seed },
  );
  const noise = fc.array(fc.constantFrom(...'[]{},:"\\ 1'), { maxLength: 12 });
  fc.assert(
    fc.property(noise, (characters) => {
      const text = `[${characters.join('')}`;
      const found = count(text);
      if (found < 0) assert.throws(() => JSON.parse(text));
      else if (found > 0) assert.equal(elementsOf(text).length, found);
    }),
    { seed, numRuns: 5_000 },
  );
});

test('lines end with LF or CRLF, empty ones are left out, a byte order mark too', async () => {
  assert.deepEqual(await linesOf('\ufeff{"a":1}\r\n\n  \n{"b":2}\n\r\n{"c":3}'), [
    '{"a":1}',
    '{"b":2}',
    '{"c":3}',
  ]);
  assert.deepEqual(await linesOf(''), []);
  assert.deepEqual(await linesOf('\n\n'), []);
});

test('a line that is too long comes as its size and its beginning, its neighbours as they are', async () => {
  const long = 'x'.repeat(10_000);
  const kept = [10_000, 4_096];
  assert.deepEqual(await linesOf(`a\n${long}\nb\n${long}`, 5_000, [1000]), ['a', kept, 'b', kept]);
  assert.deepEqual(await linesOf(long, 5_000, [10_000]), [kept]);
  assert.deepEqual(await linesOf(`${'y'.repeat(100)}\n${'y'.repeat(101)}`, 100), [
    'y'.repeat(100),
    [101, 101],
  ]);
});

test('lines do not depend on where the network cuts', async () => {
  const cut = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' })), cut, async (texts, sizes) => {
      const body = texts.map((text) => JSON.stringify(text)).join('\n');
      assert.deepEqual(await linesOf(body, 10_000, sizes), await linesOf(body, 10_000, [1e6]));
      assert.deepEqual(
        (await linesOf(body, 10_000, sizes)).map((line) => JSON.parse(line as string)),
        texts,
      );
    }),
    { seed },
  );
});
