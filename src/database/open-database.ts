import pg from 'pg';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { openEmbeddedPostgres } from './embedded-postgres.ts';

export type OpenDatabase = { connectionString: string; embedded: boolean; close(): Promise<void> };

const oldestVersion = 18;
const connectMs = 10_000;

/**
 * The database at DATABASE_URL, or the embedded one of DATA_DIR: the running one, else one of our own.
 * Errors: `database_unavailable` and `invalid_configuration` for DATABASE_URL, `data_dir_unusable` and
 * `postgres_failed` for the embedded one.
 */
export async function openDatabase(options: {
  databaseUrl?: string | undefined;
  dataDir: string;
  log: Log;
  /** Gives up starting the embedded one. */
  signal?: AbortSignal | undefined;
}): Promise<OpenDatabase> {
  if (options.databaseUrl !== undefined) {
    await checkServer(options.databaseUrl);
    return { connectionString: options.databaseUrl, embedded: false, close: async () => {} };
  }
  const { dataDir, log, signal } = options;
  const server = await openEmbeddedPostgres({ dataDir, log, signal });
  return { connectionString: server.connectionString, embedded: true, close: server.stop };
}

/** Meets at the start, with a name, what would otherwise come out of the first query as a stack. */
async function checkServer(databaseUrl: string): Promise<void> {
  let version: string;
  let client: pg.Client | undefined;
  try {
    // Reads the certificates that DATABASE_URL names.
    client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: connectMs });
    client.on('error', () => {});
    await client.connect();
    const { rows } = await client.query("select current_setting('server_version') as version");
    version = rows[0].version;
  } catch (error) {
    throw refused(client, error as Error & { code?: string });
  } finally {
    await client?.end().catch(() => {});
  }
  if (Number.parseInt(version, 10) >= oldestVersion) return;
  throw new CodedError(
    'invalid_configuration',
    `DATABASE_URL is a PostgreSQL ${version}; ${oldestVersion} or newer is needed`,
  );
}

/** The message names neither the password nor the whole URL. */
function refused(client: pg.Client | undefined, cause: Error & { code?: string }): CodedError {
  const reason = cause.message || cause.code;
  const who =
    client === undefined
      ? 'DATABASE_URL cannot be used'
      : `the database ${client.database} at ${client.host}:${client.port} does not let user ${client.user} in`;
  return new CodedError('database_unavailable', `${who} (${reason}); ${adviceOn(cause)}`, { cause });
}

function adviceOn({ message, code }: Error & { code?: string }): string {
  if (/no such file|ENOENT|EACCES/i.test(`${message} ${code}`) && /pem|crt|cert|open/i.test(message))
    return 'correct the file that sslrootcert, sslcert or sslkey in DATABASE_URL names';
  if (/certificate|altname|issuer|self.signed/i.test(message))
    return 'set sslrootcert in DATABASE_URL to the certificate of who signed that of the server, and give the host by the name that stands in it';
  if (/no encryption|does not support SSL/i.test(message))
    return 'sslmode=verify-full in DATABASE_URL is for a server with TLS, and is to be left out for one without';
  return 'check DATABASE_URL and that the server runs';
}
