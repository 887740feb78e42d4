import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { binaryArray, sparseColumn } from '../../src/base/db.ts';
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

test('a column that is null throughout is filled up beside another, any other is sent as it is', async () => {
  const rows = [{ a: null, b: 'x' }, { a: null }, { a: 7 }] as const;
  const read = async (count: number) => {
    const some = rows.slice(0, count);
    const values = [
      sparseColumn('int4', some, ({ a }) => a),
      sparseColumn('text', some, (row) => ('b' in row ? row.b : null)),
      binaryArray('int4', [...some.keys()]),
    ];
    const text = 'select a, b, i from unnest($1::int4[], $2::text[], $3::int4[]) as u(a, b, i)';
    return (await database.pool.query(text, values)).rows;
  };
  assert.deepEqual(await read(2), [
    { a: null, b: 'x', i: 0 },
    { a: null, b: null, i: 1 },
  ]);
  assert.deepEqual((await read(3))[2], { a: 7, b: null, i: 2 });
});
