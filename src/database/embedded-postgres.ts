import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { findBinaries } from './binaries.ts';
import { readServerFile, type ServerFile, withServerLock, writeServerFile } from './server-file.ts';
import { chooseRunner, commandFor, handOver, isWritable, type Runner } from './unprivileged-user.ts';

export type EmbeddedOptions = { dataDir: string; log: Log; settings?: Record<string, string> };
export type EmbeddedPostgres = { connectionString: string; adopted: boolean; stop(): Promise<void> };

const majorVersion = '18';
const startWaitMs = 120_000;
const stopWaitMs = 60_000;
const maximumLogBytes = 10 * 1024 * 1024;
const keeperName = 'tillstream-keeper';

/** Durable, sized for one machine that does other things too; nothing replicates from it. */
const defaultSettings: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '256MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  max_connections: '100',
  random_page_cost: '1.1',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
};

/**
 * Starts the PostgreSQL that comes with the program, or adopts the one that is running on this folder. It is
 * its own process group with its own log file, so that neither Ctrl-C nor the death of this program reaches
 * it. Every program that uses it holds one named connection; the last to leave stops the server.
 */
export async function openEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dataDir, log } = options;
  const clusterDir = path.join(dataDir, 'postgres');
  prepareDataDir(dataDir);
  const { adopted, file, keeper } = await withServerLock(dataDir, async () => {
    const known = readServerFile(dataDir);
    const running = known === undefined ? undefined : await connectKeeper(known, clusterDir);
    if (known !== undefined && running !== undefined) return { adopted: true, file: known, keeper: running };
    const started = await startServer(clusterDir, known, options);
    const connection = await connectKeeper(started, clusterDir);
    if (connection === undefined)
      throw new CodedError(
        'postgres_failed',
        `PostgreSQL started but does not answer; see ${clusterDir}.log`,
      );
    return { adopted: false, file: started, keeper: connection };
  });
  log.debug({ port: file.port, adopted }, 'PostgreSQL is up');
  return {
    connectionString: connectionString(file, 'tillstream'),
    adopted,
    stop: () => withServerLock(dataDir, () => leave(keeper, clusterDir)),
  };
}

function prepareDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (error) {
    throw new CodedError(
      'data_dir_unusable',
      `DATA_DIR ${dataDir} cannot be made: ${(error as Error).message}`,
      { cause: error },
    );
  }
  if (!isWritable(dataDir))
    throw new CodedError(
      'data_dir_unusable',
      `DATA_DIR ${dataDir} is not writable; change its owner or mode, or set another`,
    );
}

function connectionString(file: ServerFile, database: string): string {
  return `postgres://tillstream:${file.password}@127.0.0.1:${file.port}/${database}`;
}

/** A connection that stands for this program, or undefined where no server of ours answers. */
async function connectKeeper(file: ServerFile, clusterDir: string): Promise<pg.Client | undefined> {
  if (file.port === 0) return undefined;
  const client = new pg.Client({
    connectionString: connectionString(file, 'postgres'),
    application_name: keeperName,
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query("select current_setting('data_directory') as folder");
    if (path.resolve(rows[0].folder) !== path.resolve(clusterDir)) throw new Error('another cluster');
    const made = await client.query("select from pg_database where datname = 'tillstream'");
    if (made.rowCount === 0) await client.query('create database tillstream');
    return client;
  } catch {
    await client.end().catch(() => {});
    return undefined;
  }
}

async function leave(keeper: pg.Client, clusterDir: string): Promise<void> {
  try {
    const { rows } = await keeper.query({
      text: 'select count(*)::integer as others from pg_stat_activity where application_name = $1 and pid <> pg_backend_pid()',
      values: [keeperName],
    });
    if (rows[0].others > 0) return;
    const pid = postmasterPid(clusterDir);
    if (pid === undefined) return;
    process.kill(pid, 'SIGINT');
    const deadline = Date.now() + stopWaitMs;
    while (existsSync(path.join(clusterDir, 'postmaster.pid')) && Date.now() < deadline) await sleep(20);
  } catch {
    // A server that is gone already needs no stopping.
  } finally {
    await keeper.end().catch(() => {});
  }
}

function postmasterPid(clusterDir: string): number | undefined {
  try {
    const pid = Number(readFileSync(path.join(clusterDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the pid in a left-over postmaster.pid belongs to another program by now. */
function isForeignProcess(pid: number, clusterDir: string): boolean {
  try {
    return !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(clusterDir);
  } catch {
    return false;
  }
}

async function startServer(
  clusterDir: string,
  known: ServerFile | undefined,
  options: EmbeddedOptions,
): Promise<ServerFile> {
  const binaries = await findBinaries();
  const runner = chooseRunner(clusterDir, path.dirname(binaries.postgres));
  const password = known?.password ?? randomBytes(24).toString('base64url');
  if (existsSync(path.join(clusterDir, 'PG_VERSION'))) checkCluster(clusterDir, known);
  else {
    // The password is on disk before the cluster that needs it.
    writeServerFile(options.dataDir, { port: 0, password });
    await initialise(clusterDir, binaries.initdb, runner, password);
  }
  handOver(clusterDir, runner);
  const stale = postmasterPid(clusterDir);
  if (stale !== undefined && isForeignProcess(stale, clusterDir))
    rmSync(path.join(clusterDir, 'postmaster.pid'), { force: true });
  const port = known !== undefined && (await isFree(known.port)) ? known.port : await freePort();
  const file = { port, password };
  await launch(clusterDir, binaries.postgres, runner, file, options);
  writeServerFile(options.dataDir, file);
  return file;
}

function checkCluster(clusterDir: string, known: ServerFile | undefined): void {
  if (known === undefined) {
    const folder = path.dirname(clusterDir);
    throw new CodedError(
      'data_dir_unusable',
      `${folder}/server.json, which holds the password of ${clusterDir}, is missing; put it back from a backup`,
    );
  }
  const version = readFileSync(path.join(clusterDir, 'PG_VERSION'), 'utf8').trim();
  if (version === majorVersion) return;
  throw new CodedError(
    'data_dir_unusable',
    `${clusterDir} holds a PostgreSQL ${version} cluster, this program brings ${majorVersion}; set DATA_DIR to another folder`,
  );
}

async function initialise(
  clusterDir: string,
  initdb: string,
  runner: Runner,
  password: string,
): Promise<void> {
  rmSync(clusterDir, { recursive: true, force: true });
  mkdirSync(clusterDir, { mode: 0o700 });
  handOver(clusterDir, runner);
  // initdb refuses a folder that is not empty, so the password comes by a file of its own beside it.
  const passwordFile = `${clusterDir}.password`;
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  const args = [
    '-D',
    clusterDir,
    '-U',
    'tillstream',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    '--locale=C',
    '--data-checksums',
  ];
  const command = commandFor(runner, initdb, args);
  try {
    if (runner.kind === 'user') chownSync(passwordFile, runner.uid, runner.gid);
    await promisify(execFile)(command.file, command.args, {
      ...command.ids,
      cwd: '/',
      env: { ...process.env, LC_ALL: 'C' },
    });
  } catch (error) {
    rmSync(clusterDir, { recursive: true, force: true });
    const detail = String((error as { stderr?: string }).stderr ?? (error as Error).message).trim();
    throw new CodedError(
      'postgres_failed',
      `PostgreSQL could not make its cluster in ${clusterDir}: ${detail}`,
      { cause: error },
    );
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

async function launch(
  clusterDir: string,
  postgres: string,
  runner: Runner,
  file: ServerFile,
  options: EmbeddedOptions,
): Promise<void> {
  const logFile = `${clusterDir}.log`;
  if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > maximumLogBytes) truncateSync(logFile);
  const log = openSync(logFile, 'a', 0o600);
  chmodSync(logFile, 0o600);
  const settings = { ...defaultSettings, ...options.settings };
  const args = [
    '-D',
    clusterDir,
    '-p',
    String(file.port),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const command = commandFor(runner, postgres, args);
  const child = spawn(command.file, command.args, {
    ...command.ids,
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  });
  let ended: string | undefined;
  child.on('error', (error) => {
    ended = error.message;
  });
  child.on('exit', (code) => {
    ended = `it ended with code ${code}`;
  });
  child.unref();
  closeSync(log);
  const deadline = Date.now() + startWaitMs;
  // Crash recovery after a kill may take a while; an early end is known at once.
  while (ended === undefined && Date.now() < deadline) {
    // The file may be a left-over that says "ready" of a server that is gone.
    if (postmasterPid(clusterDir) === child.pid && readStatus(clusterDir) === 'ready') return;
    await sleep(20);
  }
  const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n');
  throw new CodedError(
    'postgres_failed',
    `PostgreSQL did not start (${ended ?? 'it took too long'}); the end of ${logFile}:\n${tail}`,
  );
}

function readStatus(clusterDir: string): string | undefined {
  try {
    return readFileSync(path.join(clusterDir, 'postmaster.pid'), 'utf8').split('\n')[7]?.trim();
  } catch {
    return undefined;
  }
}

function isFree(port: number): Promise<boolean> {
  if (port === 0) return Promise.resolve(false);
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
