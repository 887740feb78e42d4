import pg from 'pg';
import { serverUser } from './make-cluster.ts';
import type { ServerFile } from './server-file.ts';

const keeperName = 'tillstream-keeper';
const databaseName = 'tillstream';
const connectMs = 10_000;
const queryMs = 60_000;

export function connectionString(file: ServerFile, database = databaseName): string {
  return `postgres://${serverUser}:${file.password}@127.0.0.1:${file.port}/${database}`;
}

/** The connection by which a program is counted as a user of the server; makes the database where it is missing. */
export async function connectKeeper(file: ServerFile): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: connectionString(file, 'postgres'),
    application_name: keeperName,
    connectionTimeoutMillis: connectMs,
    query_timeout: queryMs,
    keepAlive: true,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const found = await client.query({
      text: 'select from pg_database where datname = $1',
      values: [databaseName],
    });
    if (found.rowCount === 0) await client.query(`create database ${databaseName}`);
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

/** How many other programs use the server. */
export async function countOtherKeepers(keeper: pg.Client): Promise<number> {
  const { rows } = await keeper.query({
    text: 'select count(*)::integer as others from pg_stat_activity where application_name = $1 and pid <> pg_backend_pid()',
    values: [keeperName],
  });
  return rows[0].others;
}
