import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Client, Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { sha256 } from '../base/ids.ts';
import type { Log } from '../base/log.ts';

export const migrationsFolder = path.resolve(import.meta.dirname, '../../migrations');

export type Migration = { number: number; name: string; sql: string; checksum: string };

const migrationLock = 7199;

export function readMigrations(folder: string): Migration[] {
  return readdirSync(folder)
    .filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name))
    .sort()
    .map((name) => {
      const sql = readFileSync(path.join(folder, name), 'utf8');
      return { number: Number(name.slice(0, 4)), name, sql, checksum: sha256(sql).toString('hex') };
    });
}

/**
 * Runs what is missing, in order, each in a transaction of its own, under a lock: two programs that start at
 * once run each migration once. Error `migration_failed` where an applied file was changed, or the database
 * is newer than the program.
 */
export async function migrate(pool: Database, options: { log: Log; folder?: string }): Promise<number> {
  const migrations = readMigrations(options.folder ?? migrationsFolder);
  const client = await pool.connect();
  try {
    await client.query('set lock_timeout = 0; set transaction_timeout = 0');
    await client.query(`select pg_advisory_lock(${migrationLock})`);
    await client.query(`
      create schema if not exists ops;
      create table if not exists ops.migration (
        number integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`);
    const missing = await findMissing(client, migrations);
    for (const migration of missing) {
      await apply(client, migration);
      options.log.info({ migration: migration.name }, 'migrated');
    }
    return missing.length;
  } finally {
    // The session carries settings and the lock; it is not given back.
    client.release(true);
  }
}

/** Names of the migrations that were not run yet. */
export async function pendingMigrations(pool: Database, folder = migrationsFolder): Promise<string[]> {
  const migrations = readMigrations(folder);
  const made = await pool.query("select to_regclass('ops.migration') is not null as made");
  if (!made.rows[0].made) return migrations.map((migration) => migration.name);
  return (await findMissing(pool, migrations)).map((migration) => migration.name);
}

async function findMissing(
  client: Pick<Client, 'query'>,
  migrations: readonly Migration[],
): Promise<Migration[]> {
  const { rows } = await client.query<{ number: number; name: string; checksum: string }>(
    'select number, name, checksum from ops.migration order by number',
  );
  const applied = new Map(rows.map((row) => [row.number, row]));
  const newest = rows.at(-1);
  if (newest !== undefined && newest.number > (migrations.at(-1)?.number ?? 0)) {
    throw new CodedError(
      'migration_failed',
      `the database was migrated by a newer program (${newest.name}); upgrade this one`,
    );
  }
  return migrations.filter((migration) => {
    const before = applied.get(migration.number);
    if (before === undefined) return true;
    if (before.checksum === migration.checksum) return false;
    throw new CodedError(
      'migration_failed',
      `${migration.name} was changed after it was applied; put the applied version back`,
    );
  });
}

async function apply(client: Client, migration: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(migration.sql);
    await client.query({
      text: 'insert into ops.migration (number, name, checksum) values ($1, $2, $3)',
      values: [migration.number, migration.name, migration.checksum],
    });
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw new CodedError('migration_failed', `${migration.name}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
