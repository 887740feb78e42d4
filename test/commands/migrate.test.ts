import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pendingMigrations } from '../../src/database/migrate.ts';
import { createEmptyDatabase, type TestDatabase } from '../postgres.ts';
import { runCommand } from './run-command.ts';

let database: TestDatabase;
before(async () => {
  database = await createEmptyDatabase();
});
after(() => database.drop());

test('migrate brings an empty database up to date, and does nothing to one that is', async () => {
  const env = { DATABASE_URL: database.connectionString, DATA_DIR: '/nonexistent' };
  for (const _time of ['empty', 'up to date']) {
    const { code, output } = await runCommand(['migrate'], env);
    assert.equal(code, 0, output);
    assert.match(output, /up to date/);
    assert.deepEqual(await pendingMigrations(database.pool), []);
  }
});
