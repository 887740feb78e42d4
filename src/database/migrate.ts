import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Client, Database, Queryable } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { sha256 } from '../base/ids.ts';
import type { Log } from '../base/log.ts';

export const migrationsFolder = path.resolve(import.meta.dirname, '../../migrations');

export type Migration = { number: number; name: string; sql: string; checksum: string };

const migrationLock = 7199;

/** The numbered files of a folder, in order. Error `migration_failed` where a name does not fit or two clash. */
export function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  const migrations = names.map((name) => {
    if (!/^\d{4}_[a-z0-9_]+\.sql$/.test(name))
      throw new CodedError('migration_failed', `${name} is no migration; name it like 0002_what_it_does.sql`);
    // Checkouts on Windows may end lines otherwise; that is no change.
    const sql = readFileSync(path.join(folder, name), 'utf8').replaceAll('\r\n', '\n');
    return { number: Number(name.slice(0, 4)), name, sql, checksum: sha256(sql).toString('hex') };
  });
  for (const [index, migration] of migrations.entries()) {
    const next = migrations[index + 1];
    if (next?.number === migration.number)
      throw new CodedError(
        'migration_failed',
        `${migration.name} and ${next.name} have one number; renumber one`,
      );
  }
  return migrations;
}

/**
 * Runs what is missing, in order, each in a transaction of its own, under a lock: two programs that start at
 * once run each migration once. Returns how many ran. Error `migration_failed` where a migration does not
 * run, an applied file was changed, or the database is newer than the program. `upTo` leaves out later numbers.
 */
export async function migrate(
  pool: Database,
  options: { log: Log; folder?: string; upTo?: number },
): Promise<number> {
  const { upTo = Number.POSITIVE_INFINITY } = options;
  const migrations = readMigrations(options.folder ?? migrationsFolder).filter(
    ({ number }) => number <= upTo,
  );
  const client = await pool.connect();
  try {
    // A migration may wait for locks and rewrite tables for as long as it takes.
    await client.query(
      'set lock_timeout = 0; set statement_timeout = 0; set transaction_timeout = 0; set idle_in_transaction_session_timeout = 0',
    );
    await client.query(`select pg_advisory_lock(${migrationLock})`);
    await ensureTable(client);
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

/** Names of the migrations that were not run yet; the same errors as `migrate`. */
export async function pendingMigrations(pool: Queryable, folder = migrationsFolder): Promise<string[]> {
  const migrations = readMigrations(folder);
  const made = await pool.query("select to_regclass('ops.migration') is not null as made");
  const missing = made.rows[0].made ? await findMissing(pool, migrations) : migrations;
  return missing.map((migration) => migration.name);
}

async function ensureTable(client: Client): Promise<void> {
  // "if not exists" asks for the right to create even where nothing is to be made.
  const made = await client.query("select to_regclass('ops.migration') is not null as made");
  if (made.rows[0].made) return;
  try {
    await client.query(`
      create schema if not exists ops;
      create table ops.migration (
        number integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`);
  } catch (error) {
    throw new CodedError(
      'migration_failed',
      `the schema ops cannot be made (${(error as Error).message}); let the user of DATABASE_URL own its database`,
      { cause: error },
    );
  }
}

async function findMissing(client: Queryable, migrations: readonly Migration[]): Promise<Migration[]> {
  const { rows } = await client.query<{ number: number; name: string; checksum: string }>(
    'select number, name, checksum from ops.migration order by number',
  );
  const newest = rows.at(-1)?.number ?? 0;
  const files = new Map(migrations.map((migration) => [migration.number, migration]));
  for (const row of rows) {
    const file = files.get(row.number);
    if (file !== undefined && file.checksum !== row.checksum)
      throw new CodedError(
        'migration_failed',
        `${file.name} was changed after it was applied; put the applied version back and write a new migration`,
      );
    if (file === undefined)
      throw new CodedError(
        'migration_failed',
        row.number > (migrations.at(-1)?.number ?? 0)
          ? `the database was migrated by a newer program (${row.name}); upgrade this one`
          : `${row.name} was applied to the database and is not among the migrations; put it back`,
      );
  }
  const applied = new Set(rows.map((row) => row.number));
  const missing = migrations.filter((migration) => !applied.has(migration.number));
  const late = missing.find((migration) => migration.number < newest);
  if (late !== undefined)
    throw new CodedError(
      'migration_failed',
      `${late.name} comes after number ${newest} was applied; give it a higher number`,
    );
  return missing;
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
    // On a broken connection the server has rolled back by itself.
    await client.query('rollback').catch(() => {});
    const { message, position } = error as { message: string; position?: string };
    const line =
      position === undefined ? '' : `, line ${migration.sql.slice(0, Number(position)).split('\n').length}`;
    throw new CodedError(
      'migration_failed',
      `${migration.name}${line}: ${message}; nothing of it was applied`,
      {
        cause: error,
      },
    );
  }
}
