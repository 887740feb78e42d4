import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Queryable } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { migrate, migrationsFolder, readMigrations } from '../database/migrate.ts';
import { carriedSchemas, listTables, ownSchemas } from './carried-tables.ts';
import type { AppliedMigration } from './manifest.ts';

/** What has rows as soon as the migrations or a first start made it; anything else was put there by someone. */
export const filledAtStart: Readonly<Record<string, string>> = {
  'cdm.generation': 'true',
  'cdm.cursor': 'true',
  'dds.cursor': 'true',
  'ops.alert_watch': 'ran_at is null',
  'ops.egress_cursor': 'true',
  'ops.egress_sender': 'true',
  'ops.installation': 'true',
  'ops.reference_state': 'version = 0',
  'ops.retention': "kind = 'pulse'",
  'ops.stream_key': 'true',
  'ops.token': "token_id = 'admin'",
};

const selectPrograms = `
  select distinct application_name as name from pg_stat_activity
  where datname = current_database() and application_name like 'tillstream%'
    and application_name <> all($1::text[])`;

/** Names under which this room itself is connected. */
const transferNames = ['tillstream-backup', 'tillstream-restore', 'tillstream-move', 'tillstream-transfer'];

/** The connections of a program that has just ended are gone in a moment. */
const looksForPrograms = 10;
const lookAgainMs = 100;

/** The names of other programs of ours that use a database. */
async function findPrograms(client: Queryable): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>({ text: selectPrograms, values: [transferNames] });
  return rows.map(({ name }) => name);
}

/** Error `transfer_failed` where a program runs on the database, or it holds what someone put there. */
export async function refuseUsed(client: Queryable): Promise<void> {
  let programs = await findPrograms(client);
  for (let looks = 0; programs.length > 0 && looks < looksForPrograms; looks++) {
    await sleep(lookAgainMs);
    programs = await findPrograms(client);
  }
  if (programs.length > 0)
    throw new CodedError(
      'transfer_failed',
      `${programs.join(', ')} runs on the database that is to be filled; stop it first`,
    );
  const tables = await listTables(client);
  const made = await client.query("select to_regclass('ops.migration') is not null as made");
  if (!made.rows[0].made && tables.length > 0)
    throw new CodedError(
      'transfer_failed',
      `the database has a table ${tables[0]!.name} that is not of this program; give an empty database`,
    );
  for (const { name } of tables) {
    const expected = filledAtStart[name] ?? 'false';
    const { rows } = await client.query(
      `select exists (select from ${name} where (${expected}) is not true) as used`,
    );
    if (rows[0].used)
      throw new CodedError(
        'transfer_failed',
        `the database is not empty, ${name} has rows; give an empty one (DATABASE_URL, or another DATA_DIR)`,
      );
  }
}

/** The migrations that the data was made by must be among ours, and no older one of ours missing from it. */
export function checkMigrations(applied: readonly AppliedMigration[], folder = migrationsFolder): void {
  const ours = readMigrations(folder);
  const newest = applied.at(-1)?.number ?? 0;
  for (const { number, name, checksum } of applied) {
    const found = ours.find((migration) => migration.number === number);
    if (found === undefined)
      throw new CodedError(
        'transfer_failed',
        `the data was written by a newer program (${name}); upgrade this one and run it again`,
      );
    if (found.checksum !== checksum)
      throw new CodedError(
        'transfer_failed',
        `the data was written by a program with another ${name}; use the program that wrote it`,
      );
  }
  const missing = ours.find(
    ({ number }) => number <= newest && !applied.some((one) => one.number === number),
  );
  if (missing !== undefined)
    throw new CodedError(
      'transfer_failed',
      `the data was written by a program without ${missing.name}; use the program that wrote it`,
    );
}

/**
 * Leaves the tables as those migrations made them. What is there was found to be unused; where it is of another
 * version, as after a start of a newer program, it makes room.
 */
export async function makeTables(
  pool: Database,
  applied: readonly AppliedMigration[],
  log: Log,
): Promise<void> {
  const { rows } = await pool.query("select to_regclass('ops.migration') is not null as made");
  if (rows[0].made) {
    const found = await pool.query<AppliedMigration>(
      'select number, name, checksum from ops.migration order by number',
    );
    if (JSON.stringify(found.rows.map(numberOf)) === JSON.stringify(applied.map(numberOf))) return;
    const schemas = [...carriedSchemas, ...Object.keys(ownSchemas)];
    await pool.query(`drop schema if exists ${schemas.join(', ')} cascade`);
  }
  await migrate(pool, { log, upTo: applied.at(-1)?.number ?? 0 });
}

const numberOf = ({ number, checksum }: AppliedMigration) => [number, checksum];
