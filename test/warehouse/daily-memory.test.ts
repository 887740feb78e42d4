import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** Far below what the file takes when it is held, as text or as products; most of it is garbage not yet collected. */
const mostMebibytes = 150;
const smallHeap = ['--max-old-space-size=96', '--max-semi-space-size=8'];

type Loaded = { kind: string; verdict: string; codes: string[] };

async function load(...kinds: string[]): Promise<Loaded[]> {
  const script = path.resolve(import.meta.dirname, 'load-large-daily.ts');
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [...smallHeap, script, database.connectionString, ...kinds]);
  const { loaded, grownMebibytes } = JSON.parse(stdout);
  assert.ok(grownMebibytes < mostMebibytes, `${kinds}: ${grownMebibytes} MiB more`);
  return loaded;
}

const count = async (table: string) =>
  (await database.pool.query(`select count(*) as rows from ${table}`)).rows[0].rows;

test('100 MB of products go through in flat memory, the whole file beside the journal', async () => {
  assert.equal((await load('products'))[0]!.verdict, 'accepted');
  const { rows } = await database.pool.query(`
    select (select sum(length(bytes)) from stg.document_chunk) as bytes,
      (select count(*) from stg.daily_line) as products,
      (select (contributions->0->>'count')::int from stg.journal) as counted`);
  assert.ok(rows[0].bytes > 100 * 1024 * 1024, String(rows[0].bytes));
  assert.ok(rows[0].products > 90_000);
  assert.equal(rows[0].counted, rows[0].products);
});

test('a gigabyte of one thing, whatever it is, is refused in flat memory and leaves one journal row', async () => {
  const expected: Record<string, string> = {
    text: 'too_long',
    spaces: 'too_long',
    tag: 'too_long',
    attribute: 'too_long',
    attributes: 'too_long',
    comment: 'too_long',
    cdata: 'too_long',
    instruction: 'too_long',
    dtd: 'dtd_refused',
    nesting: 'too_deep',
    zeros: 'nul_character',
  };
  const before = [await count('stg.daily_line'), await count('stg.document_chunk')];
  const journal = await count('stg.journal');
  assert.deepEqual(
    await load(...Object.keys(expected)),
    Object.entries(expected).map(([kind, code]) => ({ kind, verdict: 'rejected', codes: [code] })),
  );
  assert.deepEqual([await count('stg.daily_line'), await count('stg.document_chunk')], before);
  assert.equal(await count('stg.journal'), journal + Object.keys(expected).length);
  const { rows } = await database.pool.query(
    "select max(length(document)) as longest from stg.journal where verdict = 'rejected'",
  );
  assert.equal(rows[0].longest, 4096);
});
