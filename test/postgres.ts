import { randomBytes } from 'node:crypto';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { createPool, type Database } from '../src/base/db.ts';
import { sha256 } from '../src/base/ids.ts';
import { createLog } from '../src/base/log.ts';
import { openEmbeddedPostgres } from '../src/database/embedded-postgres.ts';
import { migrate, migrationsFolder, readMigrations } from '../src/database/migrate.ts';

export type TestDatabase = { connectionString: string; pool: Database; drop(): Promise<void> };

const checkout = sha256(path.resolve(import.meta.dirname, '..'))
  .toString('hex')
  .slice(0, 8);
const dataDir = path.join(tmpdir(), `tillstream-test-${userInfo().uid}-${checkout}`);
/** The data is thrown away, so it need not survive a power cut. */
const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };

/**
 * A migrated database of its own for one test file, cloned from a template on one server that all files of
 * a run share; the last file to end stops the server.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const log = createLog('warn');
  const server = await openEmbeddedPostgres({ dataDir, log, settings });
  const admin = createPool({
    connectionString: withDatabase(server.connectionString, 'postgres'),
    applicationName: 'test-admin',
    maximumConnections: 1,
    transactionTimeoutMs: 0,
  });
  const template = await prepareTemplate(admin, server.connectionString);
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`;
  await admin.query(`create database ${name} template ${template} strategy file_copy`);
  const connectionString = withDatabase(server.connectionString, name);
  const pool = createPool({ connectionString, applicationName: 'test', maximumConnections: 10 });
  return {
    connectionString,
    pool,
    async drop() {
      await pool.end();
      await admin.query(`drop database if exists ${name} with (force)`);
      await admin.end();
      await server.stop();
    },
  };
}

function withDatabase(connectionString: string, name: string): string {
  const url = new URL(connectionString);
  url.pathname = `/${name}`;
  return url.href;
}

/** One template per set of migrations; databases of runs that died are removed. */
async function prepareTemplate(admin: Database, connectionString: string): Promise<string> {
  const checksums = readMigrations(migrationsFolder).map((migration) => migration.checksum);
  const template = `template_${sha256(checksums.join()).toString('hex').slice(0, 12)}`;
  const client = await admin.connect();
  try {
    await client.query('set lock_timeout = 0; select pg_advisory_lock(1)');
    const { rows } = await client.query('select datname as name from pg_database');
    const names = rows.map((row) => row.name as string);
    for (const name of names) {
      const pid = Number(/^test_(\d+)_/.exec(name)?.[1]);
      if (pid > 0 && !isAlive(pid)) await client.query(`drop database if exists ${name} with (force)`);
    }
    if (names.includes(template)) return template;
    const building = `${template}_building`;
    await client.query(`drop database if exists ${building} with (force)`);
    await client.query(`create database ${building}`);
    const pool = createPool({
      connectionString: withDatabase(connectionString, building),
      applicationName: 'test-template',
      maximumConnections: 1,
    });
    await migrate(pool, { log: createLog('warn') });
    await pool.end();
    await client.query(`alter database ${building} rename to ${template}`);
    return template;
  } finally {
    client.release(true);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
