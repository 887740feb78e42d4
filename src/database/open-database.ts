import type { Log } from '../base/log.ts';
import { openEmbeddedPostgres } from './embedded-postgres.ts';

export type OpenDatabase = { connectionString: string; embedded: boolean; close(): Promise<void> };

/** The database at DATABASE_URL, or the embedded one of DATA_DIR: the running one, else one of our own. */
export async function openDatabase(options: {
  databaseUrl?: string | undefined;
  dataDir: string;
  log: Log;
}): Promise<OpenDatabase> {
  if (options.databaseUrl !== undefined) {
    return { connectionString: options.databaseUrl, embedded: false, close: async () => {} };
  }
  const server = await openEmbeddedPostgres({ dataDir: options.dataDir, log: options.log });
  return { connectionString: server.connectionString, embedded: true, close: server.stop };
}
