import { createPool, type Database } from '../base/db.ts';
import { stopSignal } from '../base/lifecycle.ts';
import { createLog } from '../base/log.ts';
import { readConfig } from '../config.ts';
import { migrate } from '../database/migrate.ts';
import { openDatabase } from '../database/open-database.ts';
import { stoppedBySignal } from './with-warehouse.ts';

/** Opens the database, the running one or one of our own, migrated, for the length of one command. */
export async function withPool(
  applicationName: string,
  work: (pool: Database, connectionString: string) => Promise<void>,
): Promise<void> {
  const config = readConfig();
  const log = createLog('warn');
  // Before anything is started: a signal that nobody listens to would leave the server behind.
  let stopped = false;
  void stopSignal().then(() => {
    stopped = true;
  });
  const database = await openDatabase({ databaseUrl: config.databaseUrl, dataDir: config.dataDir, log });
  const { connectionString } = database;
  const pool = createPool({ connectionString, applicationName, maximumConnections: 2 });
  try {
    await migrate(pool, { log });
    if (stopped) process.exitCode = stoppedBySignal;
    else await work(pool, connectionString);
  } finally {
    await pool.end();
    await database.close();
  }
}
