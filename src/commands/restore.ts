import { Command } from 'commander';
import { createPool } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import { openDatabase } from '../database/open-database.ts';
import { type Manifest, readManifest } from '../transfer/manifest.ts';
import { restoreBackup } from '../transfer/restore.ts';
import { otherChoice } from '../warehouse/installation.ts';
import { audit } from './audit.ts';
import { runTransfer, type Transfer } from './run-transfer.ts';
import { withWarehouse } from './with-warehouse.ts';

async function restore(directory: string): Promise<void> {
  await runTransfer(words, async (transfer) => {
    const { config, log } = transfer;
    const { databaseUrl, dataDir } = config;
    checkChoices(readManifest(directory), config);
    const database = await openDatabase({ databaseUrl, dataDir, log });
    try {
      const manifest = await fillDatabase(database.connectionString, directory, transfer);
      const journal = manifest.tables.find(({ name }) => name === 'stg.journal');
      console.log(`restored: as of ${manifest.takenAt}, ${journal?.rows ?? 0} journal rows`);
      await auditAll();
    } finally {
      await database.close();
    }
  });
}

async function auditAll(): Promise<void> {
  await withWarehouse({ applicationName: 'tillstream-restore', followers: true }, async (opened) => {
    await opened.warehouse.settle();
    await audit(opened);
  });
}

/** Met before hours of copying, not after. */
function checkChoices({ installation }: Manifest, config: Config): void {
  const { identity, productIdScope: scope = 'chain' } = installation;
  if (identity === null) return;
  const wrong = [
    ...otherChoice('IDENTITY', config.identity, identity, `the backup holds sales told apart by ${identity}`),
    ...otherChoice('PRODUCT_ID_SCOPE', config.productIdScope, scope, `the backup was made under ${scope}`),
  ];
  if (wrong.length > 0) throw new CodedError('invalid_configuration', wrong.join('; '));
}

async function fillDatabase(
  connectionString: string,
  directory: string,
  { log, signal, progress }: Transfer,
): Promise<Manifest> {
  const pool = createPool({
    connectionString,
    applicationName: 'tillstream-restore',
    maximumConnections: 2,
    transactionTimeoutMs: 0,
  });
  try {
    const deps = { pool, connectionString, log, signal, onProgress: progress.onProgress };
    return await restoreBackup(deps, directory);
  } finally {
    progress.end();
    await pool.end();
  }
}

const words = {
  whenStopped: 'run it again; where it was still copying the database is as empty as before',
  whenFailed: 'see what the message names and run it again',
};

export function restoreCommand(): Command {
  return new Command('restore')
    .description('fill an empty database from a backup, then audit it; exit code 1 if figures differ')
    .argument('<folder>', 'what tillstream backup made')
    .addHelpText(
      'after',
      `
The database is that of DATABASE_URL, or the embedded one of DATA_DIR, and must hold no data. Tokens are those of
the backup. ERASURE_KEY, IDENTITY, PRODUCT_ID_SCOPE and the other settings must be those that the backup was made under.`,
    )
    .action(restore);
}
