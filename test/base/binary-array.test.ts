import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { binaryArray } from '../../src/base/db.ts';
import { createEmptyDatabase, type TestDatabase } from '../postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await createEmptyDatabase();
});
after(() => database.drop());

type Case = [Parameters<typeof binaryArray>[0], unknown[], unknown[]?];
const cases: Case[] = [
  ['text', ['', 'a', null, 'Привет 😀', '\'"\\{},', 'x'.repeat(100_000)]],
  ['jsonb', [null, '{"a": "Привет"}', '[]'], [null, { a: 'Привет' }, []]],
  ['bytea', [Buffer.from([0, 255]), null, Buffer.alloc(0)]],
  ['bool', [true, false, null]],
  ['int4', [0, -1, 2 ** 31 - 1, -(2 ** 31), null]],
  ['int8', [0, -1, 2 ** 53 - 1, -(2 ** 53) + 1, null]],
  [
    'timestamptz',
    [0, 1_718_452_800_123, 253_402_300_799_000, null],
    [new Date(0), new Date(1_718_452_800_123), new Date(253_402_300_799_000), null],
  ],
  ['text', []],
  ['int4', [undefined, 1], [null, 1]],
];
for (const [type, values, expected = values] of cases) {
  test(`${values.length} values of ${type} arrive as they were sent`, async () => {
    const sent = binaryArray(type, values as never);
    const { rows } = await database.pool.query(`select value from unnest($1::${type}[]) as u(value)`, [sent]);
    assert.deepEqual(
      rows.map((row) => row.value),
      expected,
    );
  });
}
