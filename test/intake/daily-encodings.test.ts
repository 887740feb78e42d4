import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileOf, problemsOf, productOf, readDaily } from './daily-reading.ts';

const name = 'Сыр «Российский» №1';
const body = fileOf(productOf({ name }));
const declared = (encoding: string) => `<?xml version="1.0" encoding="${encoding}"?>\n${body}`;
const mark = Buffer.from([0xef, 0xbb, 0xbf]);

/** The table of windows-1251 from its own definition, so that it is not tested by the decoder it checks. */
function windows1251(text: string): Buffer {
  const special: Record<string, number> = { '«': 0xab, '»': 0xbb, '№': 0xb9, ё: 0xb8, Ё: 0xa8 };
  return Buffer.from(
    [...text].map((character) => {
      const code = character.codePointAt(0)!;
      if (code < 0x80) return code;
      return special[character] ?? code - 0x410 + 0xc0;
    }),
  );
}

test('UTF-8 with and without its mark, and windows-1251, are read, in whatever pieces they come', async () => {
  const files: [string, Buffer, string?][] = [
    ['plain', Buffer.from(body)],
    ['declared', Buffer.from(declared('UTF-8'))],
    ['marked', Buffer.concat([mark, Buffer.from(body)])],
    ['marked and declared', Buffer.concat([mark, Buffer.from(declared('utf8'))])],
    ['windows-1251', windows1251(declared('windows-1251'))],
    ['CP1251', windows1251(declared('CP1251'))],
    ['by the request', windows1251(body), 'windows-1251'],
    ['the file knows better than the request', windows1251(declared('Windows-1251')), 'utf-8'],
  ];
  for (const [what, bytes, charset] of files) {
    for (const pieceBytes of [1, 7, bytes.length]) {
      const read = await readDaily(bytes, { pieceBytes, ...(charset === undefined ? {} : { charset }) });
      assert.deepEqual([read.lines[0]?.name, problemsOf(read)], [name, []], what);
      assert.deepEqual(read.bytes, bytes, what);
    }
  }
});

test('an encoding that is not read is refused by its name', async () => {
  const files: [string, Buffer][] = [
    ['koi8-r', Buffer.from(declared('KOI8-R'))],
    ['utf-16', Buffer.from(declared('UTF-16'))],
    ['UTF-16', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(body, 'utf16le')])],
    ['UTF-16', Buffer.from(body, 'utf16le')],
    ['UTF-32', Buffer.from([0, 0, 0, 0x3c, 0, 0, 0, 0x73])],
    ['constructor', Buffer.from(declared('constructor'))],
  ];
  for (const [encoding, bytes] of files) {
    const read = await readDaily(bytes);
    assert.deepEqual(problemsOf(read), ['1  unsupported_encoding']);
    assert.ok(read.outcome.problems[0]!.message.includes(`the encoding ${encoding} is not read`), encoding);
  }
  const both = await readDaily(Buffer.concat([mark, Buffer.from(declared('windows-1251'))]));
  assert.deepEqual(problemsOf(both), ['1  unsupported_encoding']);
});

test('bytes that are not in the encoding of the file are refused', async () => {
  for (const bytes of [windows1251(body), windows1251(declared('UTF-8'))])
    assert.deepEqual(problemsOf(await readDaily(bytes)), ['-  invalid_encoding']);
  const cut = Buffer.from(`${body}<!-- ё`).subarray(0, -1);
  assert.deepEqual(problemsOf(await readDaily(cut)), ['-  invalid_encoding']);
});
