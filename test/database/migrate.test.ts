import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { createPool, type Database } from '../../src/base/db.ts';
import { createLog } from '../../src/base/log.ts';
import { migrate, pendingMigrations } from '../../src/database/migrate.ts';
import { createEmptyDatabase } from '../postgres.ts';

const log = createLog('silent');

/** A folder of migrations and an empty database. */
async function prepare(context: TestContext): Promise<{
  folder: string;
  pool: Database;
  connectionString: string;
  write(files: Record<string, string>): void;
}> {
  const database = await createEmptyDatabase();
  const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-migrations-'));
  context.after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await database.drop();
  });
  return {
    folder,
    pool: database.pool,
    connectionString: database.connectionString,
    write(files) {
      for (const [name, sql] of Object.entries(files)) writeFileSync(path.join(folder, name), sql);
    },
  };
}

const applied = async (pool: Database) =>
  (await pool.query('select number, name from ops.migration order by number')).rows;

test('migrations run in order, each once, and are recorded with their checksum', async (context) => {
  const { folder, pool, write } = await prepare(context);
  write({
    '0002_second.sql': 'insert into step values (2)',
    '0001_first.sql': 'create table step (number integer); insert into step values (1)',
    'notes.txt': 'not one of them',
  });
  assert.deepEqual(await pendingMigrations(pool, folder), ['0001_first.sql', '0002_second.sql']);
  assert.equal(await migrate(pool, { log, folder }), 2);
  assert.equal(await migrate(pool, { log, folder }), 0);
  write({ '0010_tenth.sql': 'insert into step values (10)' });
  assert.deepEqual(await pendingMigrations(pool, folder), ['0010_tenth.sql']);
  assert.equal(await migrate(pool, { log, folder }), 1);
  assert.deepEqual(await pendingMigrations(pool, folder), []);
  assert.deepEqual((await pool.query('select number from step')).rows, [
    { number: 1 },
    { number: 2 },
    { number: 10 },
  ]);
  const { rows } = await pool.query('select checksum from ops.migration where number = 2');
  // sha256 of the file, so that anyone can check it with sha256sum.
  assert.equal(rows[0].checksum, '90f8b48213bc374f3f9f611a86307736f2d98c7b1ad8bcd042597ad10d0c0976');
});

test('of two programs that migrate at once one waits, and each migration runs once', async (context) => {
  const { folder, pool, connectionString, write } = await prepare(context);
  write({
    '0001_first.sql': 'create table step (number integer)',
    '0002_slow.sql': 'select pg_sleep(0.3); insert into step values (2)',
  });
  const others = [1, 2].map(() =>
    createPool({ connectionString, applicationName: 'other', maximumConnections: 1 }),
  );
  const ran = await Promise.all([pool, ...others].map((one) => migrate(one, { log, folder })));
  await Promise.all(others.map((one) => one.end()));
  assert.deepEqual(ran.sort(), [0, 0, 2]);
  assert.deepEqual((await pool.query('select number from step')).rows, [{ number: 2 }]);
});

test('a migration that fails leaves nothing of itself, and what came before it stays', async (context) => {
  const { folder, pool, write } = await prepare(context);
  write({
    '0001_first.sql': 'create table step (number integer)',
    '0002_broken.sql': 'insert into step values (2);\n\nselect nowhere;',
    '0003_third.sql': 'insert into step values (3)',
  });
  await assert.rejects(migrate(pool, { log, folder }), {
    code: 'migration_failed',
    message: /^0002_broken\.sql, line 3: .*nowhere/,
  });
  assert.deepEqual(await applied(pool), [{ number: 1, name: '0001_first.sql' }]);
  assert.deepEqual((await pool.query('select number from step')).rows, []);
  write({ '0002_broken.sql': 'insert into step values (2)' });
  assert.equal(await migrate(pool, { log, folder }), 2);
});

test('a changed, lost or late file and a newer database are refused, with what to do', async (context) => {
  const { folder, pool, write } = await prepare(context);
  const files = { '0001_first.sql': 'select 1;\n', '0003_third.sql': 'select 3;\n' };
  write(files);
  await migrate(pool, { log, folder });
  const refused = async (message: RegExp) => {
    await assert.rejects(migrate(pool, { log, folder }), { code: 'migration_failed', message });
    await assert.rejects(pendingMigrations(pool, folder), { code: 'migration_failed', message });
  };

  write({ '0001_first.sql': 'select 1, 2;\n' });
  await refused(/0001_first\.sql was changed after it was applied; put the applied version back/);
  write({ '0001_first.sql': 'select 1;\r\n' });
  assert.equal(await migrate(pool, { log, folder }), 0, 'another end of line is no change');

  write({ '0002_late.sql': 'select 2' });
  await refused(/0002_late\.sql comes after number 3 was applied; give it a higher number/);
  rmSync(path.join(folder, '0002_late.sql'));

  rmSync(path.join(folder, '0001_first.sql'));
  await refused(/0001_first\.sql was applied .* put it back/);
  write(files);

  rmSync(path.join(folder, '0003_third.sql'));
  await refused(/newer program \(0003_third\.sql\); upgrade this one/);
  write({ ...files, '0003_twin.sql': 'select 3' });
  await refused(/0003_third\.sql and 0003_twin\.sql have one number/);
  rmSync(path.join(folder, '0003_twin.sql'));
  write({ '4_short.sql': 'select 4' });
  await refused(/4_short\.sql is no migration; name it like/);
  assert.deepEqual(
    (await applied(pool)).map((row) => row.number),
    [1, 3],
  );
});
