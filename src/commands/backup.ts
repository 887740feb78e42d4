import path from 'node:path';
import { Command } from 'commander';
import { createPool } from '../base/db.ts';
import { stopSignal } from '../base/lifecycle.ts';
import { createLog } from '../base/log.ts';
import { readConfig } from '../config.ts';
import { openDatabase } from '../database/open-database.ts';
import { makeBackup } from '../transfer/backup.ts';
import { createTransferProgress, shownBytes } from '../transfer/progress.ts';
import { stoppedBySignal } from './with-warehouse.ts';

async function backup(directory: string): Promise<void> {
  const { databaseUrl, dataDir, logLevel } = readConfig();
  const log = createLog(logLevel === 'info' ? 'warn' : logLevel);
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort(new Error('stopped by a signal')));
  const { signal } = stop;
  const progress = createTransferProgress(process.stderr);
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
  } catch (error) {
    progress.end();
    if (!signal.aborted) throw error;
    console.error('stopped; nothing was kept');
    process.exitCode = stoppedBySignal;
  } finally {
    await pool.end();
    await database.close();
  }
}

export function backupCommand(): Command {
  return new Command('backup')
    .description('write everything into a new folder, while sales come in')
    .argument('<folder>', 'is made; readable only by you, since it holds personal data')
    .action(backup);
}
