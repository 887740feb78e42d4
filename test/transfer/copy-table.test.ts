import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { inTransaction } from '../../src/base/db.ts';
import { copyAcross, copyFromFile, copyOutStatement, copyToFile } from '../../src/transfer/copy-table.ts';
import { createEmptyDatabase, type TestDatabase } from '../postgres.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-copy-'));
const options = { onBytes: () => {}, signal: undefined };
const big = { name: 'public.big', columns: ['n', 'text'] };
let database: TestDatabase;

before(async () => {
  database = await createEmptyDatabase();
  await database.pool.query(`
    create table public.big as select n, repeat(md5(n::text), 100) as text from generate_series(1, 5000) as n;
    create table public.one (n integer primary key, text text);
    insert into public.one values (4000, 'in the way')`);
});
after(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

test('a file that cannot be written, or a stop, ends the copy at once and leaves the pool usable', async () => {
  const taken = path.join(folder, 'taken');
  writeFileSync(taken, '');
  const copy = (file: string, signal?: AbortSignal) =>
    inTransaction(database.pool, (client) => copyToFile(client, big, file, { ...options, signal }));
  await assert.rejects(copy(taken), /EEXIST/);
  const stop = new AbortController();
  const stopped = inTransaction(database.pool, (client) =>
    copyToFile(client, big, path.join(folder, 'stopped'), {
      onBytes: () => stop.abort(new Error('stopped')),
      signal: stop.signal,
    }),
  );
  await assert.rejects(stopped);
  const file = path.join(folder, 'whole');
  const copied = await copy(file);
  assert.deepEqual([copied.rows, existsSync(file)], [5000, true]);
});

test('rows that the target refuses end the copy, from a file and from another database', async () => {
  const file = path.join(folder, 'refused');
  await inTransaction(database.pool, (client) => copyToFile(client, big, file, options));
  const one = { ...big, name: 'public.one' };
  const fromFile = inTransaction(database.pool, (client) => copyFromFile(client, one, file, options));
  await assert.rejects(fromFile, /duplicate key/);
  const across = inTransaction(database.pool, (from) =>
    inTransaction(database.pool, (to) =>
      copyAcross(
        { client: from, statement: copyOutStatement(big) },
        { client: to, statement: 'copy public.one (n, text) from stdin (format binary)' },
        options,
      ),
    ),
  );
  await assert.rejects(across, /duplicate key/);
  assert.equal((await database.pool.query('select from public.one')).rowCount, 1);
});
