import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TextTable } from '../../src/imports/text-table.ts';

test('it holds what a Map would, the first value of each key', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '1', 'é', '\u{1f355}') });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 3_000 }), (entries) => {
      const table = new TextTable();
      const expected = new Map<string, string>();
      for (const [key, value] of entries) {
        assert.equal(table.add(key, value), expected.get(key));
        if (!expected.has(key)) expected.set(key, value);
      }
      for (const [key, value] of expected) assert.equal(table.get(key), value);
      assert.equal(table.get('absent'), undefined);
    }),
    { numRuns: 50 },
  );
});

test('many numbers in a row are all told apart', () => {
  const table = new TextTable();
  for (let number = 0; number < 50_000; number++)
    assert.equal(table.add(String(number), `v${number}`), undefined);
  for (let number = 0; number < 50_000; number++) assert.equal(table.get(String(number)), `v${number}`);
  assert.equal(table.get('50000'), undefined);
});
