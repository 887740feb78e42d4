import path from 'node:path';
import { Command } from 'commander';
import { createPool } from '../base/db.ts';
import { openDatabase } from '../database/open-database.ts';
import { makeBackup } from '../transfer/backup.ts';
import { shownBytes } from '../transfer/progress.ts';
import { runTransfer, type Transfer } from './run-transfer.ts';

async function backup(directory: string, { config, log, signal, progress }: Transfer): Promise<void> {
  const { databaseUrl, dataDir } = config;
  const database = await openDatabase({ databaseUrl, dataDir, log });
  const pool = createPool({
    connectionString: database.connectionString,
    applicationName: 'tillstream-backup',
    maximumConnections: 2,
    transactionTimeoutMs: 0,
  });
  try {
    const manifest = await makeBackup({ pool, signal, onProgress: progress.onProgress }, directory);
    progress.end();
    const bytes = manifest.tables.reduce((sum, table) => sum + table.bytes, 0);
    const journal = manifest.tables.find(({ name }) => name === 'stg.journal');
    console.log(
      `backed up to ${path.resolve(directory)}: everything committed before ${manifest.takenAt}, ${journal?.rows ?? 0} journal rows, ${shownBytes(bytes)}`,
    );
  } finally {
    await pool.end();
    await database.close();
  }
}

const words = {
  whenStopped: 'nothing was kept',
  whenFailed: 'nothing was kept; see what the message names and run it again',
};

export function backupCommand(): Command {
  return new Command('backup')
    .description('write everything into a new folder, while sales come in')
    .argument('<folder>', 'is made; readable only by you, since it holds personal data')
    .action(
      async (directory: string) => void (await runTransfer(words, (transfer) => backup(directory, transfer))),
    );
}
