import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { openDatabase } from '../../src/database/open-database.ts';
import { createEmptyDatabase, type TestDatabase } from '../postgres.ts';

const log = createLog('silent');
let database: TestDatabase;
before(async () => {
  database = await createEmptyDatabase();
});
after(() => database.drop());

const openUrl = (change: (url: URL) => void) => {
  const url = new URL(database.connectionString);
  change(url);
  return openDatabase({ databaseUrl: url.href, dataDir: '/dev/null/never-used', log });
};

test('DATABASE_URL is taken as it is, and closing leaves its server alone', async () => {
  const opened = await openUrl(() => {});
  assert.equal(opened.connectionString, database.connectionString);
  assert.equal(opened.embedded, false);
  await opened.close();
  assert.equal((await database.pool.query('select 1 as one')).rows[0].one, 1);
});

test('a DATABASE_URL that does not work says which server and why, and keeps the password to itself', async () => {
  const free = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => free.once('listening', resolve));
  const { port } = free.address() as { port: number };
  await new Promise((resolve) => free.close(resolve));
  const broken: [(url: URL) => void, RegExp][] = [
    [
      (url) => Object.assign(url, { port }),
      new RegExp(`127\\.0\\.0\\.1:${port} .*ECONNREFUSED.*DATABASE_URL`),
    ],
    [(url) => Object.assign(url, { password: 'hunter2hunter2' }), /password authentication failed/],
    [(url) => Object.assign(url, { pathname: '/missing' }), /the database missing .*does not exist/],
  ];
  for (const [change, message] of broken) {
    const error = await openUrl(change).catch((thrown: unknown) => thrown as Error & { code: string });
    assert.ok(error instanceof Error);
    assert.equal(error.code, 'database_unavailable');
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /hunter2/);
    assert.ok(!error.message.includes(new URL(database.connectionString).password));
  }
});
