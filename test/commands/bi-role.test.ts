import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { createBiRole, dropBiRole, grantBiRole } from '../../src/analytics/bi-role.ts';
import { createPool } from '../../src/base/db.ts';
import { createLog } from '../../src/base/log.ts';
import { migrate } from '../../src/database/migrate.ts';
import { createEmptyDatabase, type TestDatabase } from '../postgres.ts';

const main = path.resolve(import.meta.dirname, '../../src/main.ts');
const [owner, name] = [`bi_owner_${process.pid}`, `bi_${process.pid}`];
const password = 'a password of the tests';
let database: TestDatabase;
let ownerUrl: string;

/** As on a server of somebody else: the user owns its database and may make roles, no more. */
before(async () => {
  database = await createEmptyDatabase();
  await database.pool.query(`create role ${owner} login createrole password '${password}'`);
  const { rows } = await database.pool.query('select current_database() as name');
  await database.pool.query(`alter database ${rows[0].name} owner to ${owner}`);
  ownerUrl = as(owner, password);
});
after(async () => {
  await database.pool.query(`drop role if exists ${name}`);
  await database.pool.query(`drop owned by ${owner} cascade`);
  await database.pool
    .query('select quote_ident(current_database()) as name, current_user as me')
    .then(({ rows }) =>
      database.pool.query(`alter database ${rows[0].name} owner to ${rows[0].me}; drop role ${owner}`),
    );
  await database.drop();
});

function as(user: string, secret: string): string {
  const url = new URL(database.connectionString);
  url.username = user;
  url.password = secret;
  return url.href;
}

async function biRole(words: string[], input = '') {
  const env = { PATH: process.env.PATH ?? '', DATABASE_URL: ownerUrl, DATA_DIR: '/nonexistent' };
  const child = spawn(process.execPath, [main, 'bi-role', ...words], { env });
  child.stdin.end(input);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, out, err };
}

async function canRead(secret: string, view: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: as(name, secret) });
  await client.connect();
  try {
    await client.query(`select * from ${view}`);
    return true;
  } catch (error) {
    assert.match((error as Error).message, /permission denied/);
    return false;
  } finally {
    await client.end();
  }
}

test('a user that owns its database and may make roles creates, grants and drops', async () => {
  const pool = createPool({ connectionString: ownerUrl, applicationName: 'test', maximumConnections: 2 });
  try {
    await migrate(pool, { log: createLog('silent') });
    const { password: secret } = await createBiRole(pool, { name, personal: false });
    assert.ok(secret.length >= 24);
    assert.ok(await canRead(secret, 'cdm.v_sales_day'));
    assert.equal(await canRead(secret, 'cdm.v_customer'), false);
    await grantBiRole(pool, name, true);
    assert.ok(await canRead(secret, 'cdm.v_customer'));
    await dropBiRole(pool, name);
    const { rows } = await pool.query({ text: 'select from pg_roles where rolname = $1', values: [name] });
    assert.equal(rows.length, 0);
    await database.pool.query(`alter role ${owner} nocreaterole`);
    await assert.rejects(
      createBiRole(pool, { name, personal: false }),
      /may not make roles; let an administrator/,
    );
    await database.pool.query(`alter role ${owner} createrole`);
  } finally {
    await pool.end();
  }
});

test('a password comes by standard input, and is not shown', async () => {
  const secret = `it's "given" \\ by hand`;
  const made = await biRole(['create', name, '--password-stdin', '--json'], `${secret}\n`);
  assert.equal(made.code, 0, made.err);
  assert.deepEqual(Object.keys(JSON.parse(made.out)), ['name', 'database', 'host', 'port']);
  assert.equal((made.out + made.err).includes(secret), false);
  assert.ok(await canRead(secret, 'dds.v_sale_line'));
  const dropped = await biRole(['drop', name]);
  assert.equal(dropped.code, 0, dropped.err);
});
