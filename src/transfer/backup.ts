import { closeSync, fsyncSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Client, type Database, inTransaction, sqlState } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { sha256 } from '../base/ids.ts';
import { readUndoneJobs } from '../jobs/carry-jobs.ts';
import { finishFolder, makeFolder, removeFolder } from './backup-folder.ts';
import { type CarriedTable, listPartitions, listTables, readSequences } from './carried-tables.ts';
import { copyToFile } from './copy-table.ts';
import { type BackedUpTable, type Manifest, writeManifest } from './manifest.ts';
import type { OnProgress } from './progress.ts';

export type BackupDeps = {
  pool: Database;
  onProgress: OnProgress;
  /** Ends the backup; nothing of it is left. */
  signal?: AbortSignal;
};

/** It only reads, so it has no transaction id and holds no follower back, however long it takes. */
const beginSnapshot =
  "begin isolation level repeatable read read only; set local transaction_timeout = 0; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local tcp_user_timeout = 0; set local lock_timeout = '60s'";
const tableGone = '42P01';

// A database before its upgrade has no scope yet.
const readState = `
  select now() as taken_at, current_setting('server_version') as postgres, i.epoch, i.system_identifier::text as system_identifier, i.identity,
    coalesce(to_jsonb(i)->>'product_id_scope', 'chain') as product_id_scope
  from ops.installation as i`;
const readApplied = 'select number, name, checksum from ops.migration order by number';

/**
 * Writes everything of one snapshot into a new folder, beside a running program. Nothing is migrated, so it may
 * be done before an upgrade. A backup that did not come to its end leaves no folder of that name.
 */
export async function makeBackup(deps: BackupDeps, directory: string): Promise<Manifest> {
  const folder = makeFolder(directory);
  try {
    const manifest = await inSnapshot(deps, (client, tables) => writeAll(deps, client, tables, folder));
    writeManifest(folder, manifest);
    finishFolder(folder, directory);
    return manifest;
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
}

/**
 * Locks every table against being dropped, in a transaction that has no snapshot yet: a swap of the marts or a
 * migration is either wholly before it or waits for the end of the backup.
 */
async function inSnapshot<T>(
  deps: BackupDeps,
  work: (client: Client, tables: CarriedTable[]) => Promise<T>,
): Promise<T> {
  for (;;) {
    deps.signal?.throwIfAborted();
    const tables = await listTables(deps.pool);
    if (!tables.some(({ name }) => name === 'ops.installation'))
      throw new CodedError(
        'transfer_failed',
        'the database holds nothing to back up; check DATABASE_URL and DATA_DIR',
      );
    const names = tables.map(({ name }) => name).filter((name) => name !== 'cdm.generation');
    const done = await inTransaction(
      deps.pool,
      async (client) => {
        try {
          await client.query(`lock table cdm.generation, ${names.join(', ')} in access share mode`);
        } catch (error) {
          if (sqlState(error) === tableGone) return undefined;
          throw error;
        }
        const locked = await listTables(client);
        const isSame = JSON.stringify(locked) === JSON.stringify(tables);
        return isSame ? { result: await work(client, tables) } : undefined;
      },
      beginSnapshot,
    );
    if (done !== undefined) return done.result;
  }
}

async function writeAll(
  deps: BackupDeps,
  client: Client,
  tables: readonly CarriedTable[],
  folder: string,
): Promise<Manifest> {
  const { rows } = await client.query(readState);
  const state = rows[0];
  if (state === undefined)
    throw new CodedError('transfer_failed', 'the database was never started; there is nothing to back up');
  const migrations = await client.query<Manifest['migrations'][number]>(readApplied);
  const sequences = await readSequences(client);
  const partitions = await listPartitions(client);
  const backedUp: BackedUpTable[] = [];
  for (const [index, table] of tables.entries()) {
    deps.signal?.throwIfAborted();
    const file = `${table.name.replaceAll('"', '')}.copy.gz`;
    const onBytes = deps.onProgress({ table: table.name, number: index + 1, of: tables.length });
    const copied = await copyToFile(client, table, path.join(folder, file), {
      onBytes,
      signal: deps.signal,
    });
    backedUp.push({ ...table, file, ...copied });
  }
  return {
    format: 1,
    takenAt: state.taken_at.toISOString(),
    postgres: state.postgres,
    installation: {
      epoch: state.epoch,
      systemIdentifier: state.system_identifier,
      identity: state.identity,
      productIdScope: state.product_id_scope,
    },
    migrations: migrations.rows,
    tables: backedUp,
    partitions,
    sequences,
    jobs: await writeJobs(client, folder),
  };
}

async function writeJobs(client: Client, folder: string): Promise<Manifest['jobs']> {
  const jobs = await readUndoneJobs(client);
  const text = JSON.stringify(jobs);
  const file = 'jobs.json';
  const handle = openSync(path.join(folder, file), 'wx', 0o600);
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  const bytes = Buffer.byteLength(text);
  return { file, rows: jobs.length, bytes, sha256: sha256(text).toString('hex') };
}
