import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Client, type Database, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { sha256 } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { migrate } from '../database/migrate.ts';
import { type CarriedJob, openQueues } from '../jobs/carry-jobs.ts';
import { makePartitions, raiseEpoch, setSequences } from './carried-tables.ts';
import { type CopiedFile, copyFromFile } from './copy-table.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { checkMigrations, makeTables, refuseUsed } from './prepare-target.ts';
import type { OnProgress } from './progress.ts';

export type RestoreDeps = {
  pool: Database;
  connectionString: string;
  log: Log;
  onProgress: OnProgress;
  /** Gives up; the database stays empty. */
  signal?: AbortSignal;
};

/** Two restores into one database: the second finds it in use. */
const restoreLock = 7190;

export const beginFilling =
  'begin; set local transaction_timeout = 0; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local tcp_user_timeout = 0; set local synchronous_commit = on';

/**
 * Fills an empty database from a backup, and brings it to this program's migrations. All rows come in one
 * transaction: a restore that is killed leaves an empty database, and is run again. Error `transfer_failed`
 * where the database is in use or not empty, or the backup is damaged.
 */
export async function restoreBackup(deps: RestoreDeps, directory: string): Promise<Manifest> {
  const manifest = readManifest(directory);
  const jobs = readJobs(directory, manifest);
  checkMigrations(manifest.migrations);
  await refuseUsed(deps.pool);
  await makeTables(deps.pool, manifest.migrations, deps.log);
  const queues = await openQueues(deps);
  try {
    await inTransaction(
      deps.pool,
      async (client) => {
        await claim(client);
        await fill(deps, client, manifest, directory);
        await queues.insert(client, jobs);
      },
      beginFilling,
    );
  } finally {
    await queues.close();
  }
  await migrate(deps.pool, { log: deps.log });
  // Plans made without statistics would take the audit that follows hours.
  for (const { name } of manifest.tables) await deps.pool.query(`analyze ${name}`);
  return manifest;
}

async function claim(client: Client): Promise<void> {
  const { rows } = await client.query(`select pg_try_advisory_xact_lock(${restoreLock}) as held`);
  if (!rows[0].held)
    throw new CodedError('transfer_failed', 'another restore fills this database; wait for it or end it');
  // Looked at again under the lock: another restore may have come to its end meanwhile.
  await refuseUsed(client);
}

async function fill(deps: RestoreDeps, client: Client, manifest: Manifest, directory: string): Promise<void> {
  const { tables } = manifest;
  await client.query(`truncate ${tables.map(({ name }) => name).join(', ')}`);
  await makePartitions(client, manifest.partitions);
  for (const [index, table] of tables.entries()) {
    deps.signal?.throwIfAborted();
    const onBytes = deps.onProgress({ table: table.name, number: index + 1, of: tables.length });
    const file = path.join(directory, table.file);
    const options = { onBytes, signal: deps.signal };
    const copied = await copyFromFile(client, table, file, options).catch((cause) => {
      throw refused(file, cause);
    });
    checkFile(file, table, copied);
  }
  await setSequences(client, manifest.sequences);
  await raiseEpoch(client);
}

function refused(file: string, cause: unknown): CodedError {
  return new CodedError(
    'transfer_failed',
    `${file} cannot be restored (${(cause as Error).message}); nothing was kept, take another copy of the backup or see what the message names`,
    { cause },
  );
}

function checkFile(file: string, expected: CopiedFile, found: CopiedFile): void {
  if (found.sha256 === expected.sha256 && found.rows === expected.rows) return;
  throw new CodedError(
    'transfer_failed',
    `${file} is damaged: its checksum or its number of rows is not that of the manifest; nothing was kept, take another copy of the backup`,
  );
}

function readJobs(directory: string, { jobs }: Manifest): CarriedJob[] {
  const file = path.join(directory, jobs.file);
  const text = readFileSync(file, 'utf8');
  const found = {
    rows: jobs.rows,
    bytes: Buffer.byteLength(text),
    sha256: sha256(text).toString('hex'),
  };
  checkFile(file, jobs, found);
  return JSON.parse(text);
}
