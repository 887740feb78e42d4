import pg from 'pg';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { openEmbeddedPostgres } from './embedded-postgres.ts';
import { moveSchema, refuseMoved } from './moved-file.ts';

export type OpenDatabase = { connectionString: string; embedded: boolean; close(): Promise<void> };

const oldestVersion = 18;
const connectMs = 10_000;

/**
 * The database at DATABASE_URL, or the embedded one of DATA_DIR: the running one, else one of our own.
 * Errors: `database_unavailable` and `invalid_configuration` for DATABASE_URL, `data_dir_unusable` and
 * `postgres_failed` for the embedded one. One that moved away, or that a move has not filled yet, is refused.
 */
export async function openDatabase(options: {
  databaseUrl?: string | undefined;
  dataDir: string;
  log: Log;
  /** Gives up starting the embedded one. */
  signal?: AbortSignal | undefined;
  /** For the move itself. */
  moving?: boolean;
}): Promise<OpenDatabase> {
  const { moving = false } = options;
  if (options.databaseUrl !== undefined) {
    await checkServer(options.databaseUrl, moving);
    return { connectionString: options.databaseUrl, embedded: false, close: async () => {} };
  }
  const { dataDir, log, signal } = options;
  if (!moving) refuseMoved(dataDir);
  const server = await openEmbeddedPostgres({ dataDir, log, signal });
  try {
    // Looked at again: either we see the mark of a move that starts just now, or it sees us.
    if (!moving) refuseMoved(dataDir);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { connectionString: server.connectionString, embedded: true, close: server.stop };
}

/** Meets at the start, with a name, what would otherwise come out of the first query as a stack. */
async function checkServer(databaseUrl: string, moving: boolean): Promise<void> {
  let version: string;
  let isHalfMoved: boolean;
  let client: pg.Client | undefined;
  try {
    // Reads the certificates that DATABASE_URL names.
    client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: connectMs });
    client.on('error', () => {});
    await client.connect();
    const { rows } = await client.query({
      text: "select current_setting('server_version') as version, to_regnamespace($1) is not null as half",
      values: [moveSchema],
    });
    version = rows[0].version;
    isHalfMoved = rows[0].half;
  } catch (error) {
    throw refused(client, error as Error & { code?: string });
  } finally {
    await client?.end().catch(() => {});
  }
  if (Number.parseInt(version, 10) < oldestVersion)
    throw new CodedError(
      'invalid_configuration',
      `DATABASE_URL is a PostgreSQL ${version}; ${oldestVersion} or newer is needed`,
    );
  if (isHalfMoved && !moving)
    throw new CodedError(
      'invalid_configuration',
      `a move into the database ${client.database} has not come to its end; run tillstream move again where it was started`,
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
