import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { type Client, createPool, type Database } from '../src/base/db.ts';
import { sha256 } from '../src/base/ids.ts';
import { createLog } from '../src/base/log.ts';
import { openEmbeddedPostgres } from '../src/database/embedded-postgres.ts';
import { migrate, migrationsFolder, readMigrations } from '../src/database/migrate.ts';

export type TestDatabase = { connectionString: string; pool: Database; drop(): Promise<void> };

const checkout = sha256(path.resolve(import.meta.dirname, '..'))
  .toString('hex')
  .slice(0, 8);
const dataDirOf = (slot: number) =>
  path.join(tmpdir(), `tillstream-test-${userInfo().uid}-${checkout}-${slot}`);
/** The data is thrown away, so it need not survive a power cut. */
const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };

let dataDir: string | undefined;

/**
 * A server for each of the files that run at the same time, since followers wait for the oldest transaction of
 * their whole server. Two files that take over from a dead one at once share a server, and only wait for each other.
 */
function takeDataDir(): string {
  for (let slot = 1; ; slot++) {
    const mark = `${dataDirOf(slot)}.pid`;
    try {
      writeFileSync(mark, String(process.pid), { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (isAlive(Number(readFileSync(mark, 'utf8')))) continue;
      writeFileSync(mark, String(process.pid));
    }
    process.on('exit', () => rmSync(mark, { force: true }));
    return dataDirOf(slot);
  }
}

/** Keeps the servers up between the files of one run; answers what stops them. */
export async function holdTestServers(count: number): Promise<() => Promise<void>> {
  const log = createLog('warn');
  const opening = Array.from({ length: count }, (_, index) =>
    openEmbeddedPostgres({ dataDir: dataDirOf(index + 1), log, settings }),
  );
  const servers = await Promise.all(opening);
  return async () => {
    for (const server of servers) await server.stop();
  };
}

/**
 * A migrated database of its own for one test file, cloned from a template on its server; the last that uses
 * a server stops it.
 */
export function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(async (client, connectionString, name) => {
    const template = await prepareTemplate(client, connectionString);
    await client.query(`create database ${name} template ${template} strategy file_copy`);
  });
}

/** The same without any table. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase(async (client, _connectionString, name) => {
    await client.query(`create database ${name} template template0`);
  });
}

async function createDatabase(
  create: (client: Client, connectionString: string, name: string) => Promise<void>,
): Promise<TestDatabase> {
  const log = createLog('warn');
  dataDir ??= takeDataDir();
  const server = await openEmbeddedPostgres({ dataDir, log, settings });
  const admin = createPool({
    connectionString: withDatabase(server.connectionString, 'postgres'),
    applicationName: 'test-admin',
    maximumConnections: 1,
    transactionTimeoutMs: 0,
  });
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`;
  const client = await admin.connect();
  try {
    // Under a lock, since a template must have no other user while it is made, copied or dropped.
    await client.query('set lock_timeout = 0; select pg_advisory_lock(1)');
    await dropLeftovers(client);
    await create(client, server.connectionString, name);
    client.release(true);
  } catch (error) {
    client.release(true);
    await admin.end();
    await server.stop();
    throw error;
  }
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

/** Databases of runs that died, and what was left half-made. */
async function dropLeftovers(client: Client): Promise<void> {
  for (const name of await databaseNames(client)) {
    const pid = Number(/^test_(\d+)_/.exec(name)?.[1]);
    const isLeftOver = (pid > 0 && !isAlive(pid)) || name.endsWith('_building');
    if (isLeftOver) await client.query(`drop database if exists ${name} with (force)`);
  }
}

/** One template per set of migrations; that of another set makes room. */
async function prepareTemplate(client: Client, connectionString: string): Promise<string> {
  const checksums = readMigrations(migrationsFolder).map((migration) => migration.checksum);
  const template = `template_${sha256(checksums.join()).toString('hex').slice(0, 12)}`;
  const templates = (await databaseNames(client)).filter((name) => name.startsWith('template_'));
  if (templates.includes(template)) return template;
  for (const old of templates) await client.query(`drop database if exists ${old}`);
  const building = `${template}_building`;
  await client.query(`create database ${building}`);
  const pool = createPool({
    connectionString: withDatabase(connectionString, building),
    applicationName: 'test-template',
    maximumConnections: 1,
  });
  try {
    await migrate(pool, { log: createLog('warn') });
  } finally {
    await pool.end();
  }
  await client.query(`alter database ${building} rename to ${template}`);
  return template;
}

async function databaseNames(client: Client): Promise<string[]> {
  const { rows } = await client.query('select datname as name from pg_database');
  return rows.map((row) => row.name as string);
}

function withDatabase(connectionString: string, name: string): string {
  const url = new URL(connectionString);
  url.pathname = `/${name}`;
  return url.href;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
