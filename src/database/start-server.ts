import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, copyFileSync, fchmodSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { findBinaries } from './binaries.ts';
import { diskFull } from './disk-full.ts';
import { hasCluster, makeCluster, resetPassword } from './make-cluster.ts';
import { disownRecycledPid, endOrphans, readPostmaster } from './postmaster.ts';
import { type ServerFile, writeServerFile } from './server-file.ts';
import { chooseRunner, commandFor, handOver, type Runner } from './unprivileged-user.ts';

/** Durable, sized for one machine that does other things too; nothing replicates from it. */
const defaultSettings: Record<string, string> = {
  fsync: 'on',
  synchronous_commit: 'on',
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
  // The details of an error quote the values at fault, and those may be a customer's.
  log_error_verbosity: 'terse',
};

/**
 * glibc would give the working memory of each statement back to the system and fetch it again, zeroed, for the
 * next: a sixth of the server's time while it loads. A session keeps up to this much.
 */
const keepFreedMemory = { MALLOC_MMAP_THRESHOLD_: '16777216', MALLOC_TRIM_THRESHOLD_: '33554432' };

/** Recovery replays at most a few times max_wal_size; the longest seen on a slow disk took minutes. */
const recoveryMs = 30 * 60_000;
const fastStopMs = 60_000;
const reportEveryMs = 10_000;
const orphanMs = 30_000;
/** Sessions that wait for anything notice within this time that their server is gone. */
const orphanGraceMs = 3_000;
const portAttempts = 5;
const maximumLogBytes = 10 * 1024 * 1024;

export type StartOptions = {
  dataDir: string;
  clusterDir: string;
  log: Log;
  settings: Record<string, string>;
  /** The file as it is; undefined where it is missing. */
  known: ServerFile | undefined;
  /** A server that went away under its users comes back as it was: same cluster, same port. */
  again: boolean;
  /** Gives up: what was started is ended before the promise is rejected with its reason. */
  signal: AbortSignal | undefined;
};

/** Starts the server, after making its cluster where there is none; called under the server lock. */
export async function startServer(options: StartOptions): Promise<ServerFile> {
  const { dataDir, clusterDir, known, settings, log } = options;
  const binaries = await findBinaries();
  const exists = hasCluster(clusterDir);
  if (options.again && !exists)
    throw new CodedError(
      'data_dir_unusable',
      `${clusterDir} is gone; put it back and start the program again`,
    );
  const runner = chooseRunner(clusterDir, binaries.postgres);
  const password = known?.password ?? randomBytes(24).toString('base64url');
  if (exists) {
    handOver(clusterDir, runner);
    disownRecycledPid(clusterDir);
    if (known === undefined) {
      log.warn({ dataDir }, 'server.json was lost; a new password is set');
      await resetPassword(clusterDir, binaries.postgres, runner, password);
    }
  } else {
    // The password is on disk before the cluster that needs it.
    writeServerFile(dataDir, { port: 0, password });
    const { signal } = options;
    const durable = settings.fsync !== 'off';
    await makeCluster(clusterDir, binaries.initdb, runner, { password, durable, signal });
  }
  const launched = await launchOnFreePort(binaries.postgres, runner, options);
  const file = { port: launched, password };
  writeServerFile(dataDir, file);
  return file;
}

async function launchOnFreePort(postgres: string, runner: Runner, options: StartOptions): Promise<number> {
  const deadline = Date.now() + orphanMs;
  let port = options.known?.port ?? 0;
  for (let attempt = 1; ; attempt++) {
    if (port === 0) port = await findFreePort();
    const trouble = await launch(postgres, runner, port, options);
    if (trouble === undefined) return port;
    // Another program took the port, or sessions of a killed server have not noticed yet that it is gone.
    const isPortTaken = /could not bind|could not create any TCP/i.test(trouble);
    const hasOrphans = /shared memory block/i.test(trouble);
    if (isPortTaken && !options.again && attempt < portAttempts) port = 0;
    else if (hasOrphans && Date.now() < deadline) {
      if (Date.now() > deadline - orphanMs + orphanGraceMs) endOrphans(options.clusterDir, options.log);
      await sleep(200);
    } else
      throw (
        diskFull(options.dataDir, trouble) ??
        new CodedError(
          'postgres_failed',
          `PostgreSQL did not start; the end of ${logFileOf(options.clusterDir)}:\n${trouble}`,
        )
      );
  }
}

/** What PostgreSQL complained of; undefined when it is ready. */
async function launch(
  postgres: string,
  runner: Runner,
  port: number,
  options: StartOptions,
): Promise<string | undefined> {
  const { clusterDir, log } = options;
  const logFile = logFileOf(clusterDir);
  boundLog(clusterDir);
  const output = openSync(logFile, 'a', 0o600);
  fchmodSync(output, 0o600);
  const before = statSync(logFile).size;
  const settings = Object.entries({ ...defaultSettings, ...options.settings });
  const command = commandFor(runner, postgres, [
    '-D',
    clusterDir,
    '-p',
    String(port),
    ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  const child = spawn(command.file, command.args, {
    ...command.ids,
    cwd: '/',
    // A session and process group of its own, and no pipe: neither Ctrl-C nor this program's death reaches it.
    detached: true,
    stdio: ['ignore', output, output],
    env: { PATH: process.env.PATH, LC_ALL: 'C', ...keepFreedMemory },
  });
  closeSync(output);
  let ended: string | undefined;
  child.on('error', (error) => {
    ended = error.message;
  });
  child.on('exit', (code, signal) => {
    ended ??= `it ended with ${signal ?? `code ${code}`}`;
  });
  child.unref();
  const startedAt = Date.now();
  let reportAt = startedAt + reportEveryMs;
  while (ended === undefined && Date.now() < startedAt + recoveryMs) {
    const postmaster = readPostmaster(clusterDir);
    if (postmaster?.pid === child.pid && postmaster?.status === 'ready') return undefined;
    if (options.signal?.aborted) await endLaunched(child);
    options.signal?.throwIfAborted();
    if (Date.now() > reportAt) {
      log.info('PostgreSQL is still recovering from a crash');
      reportAt += reportEveryMs;
    }
    await sleep(20);
  }
  const said = readFileSync(logFile).subarray(before).toString().trim();
  return `${said.split('\n').slice(-8).join('\n')}\n(${ended ?? 'it takes too long'})`;
}

/** A server that is not ready yet, maybe recovering: fast shutdown, which the next start goes on from. */
async function endLaunched(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.ref();
  const slow = setTimeout(() => child.kill('SIGQUIT'), fastStopMs);
  child.kill('SIGINT');
  await ended;
  clearTimeout(slow);
}

export const logFileOf = (clusterDir: string) => `${clusterDir}.log`;

/** Keeps the server's log below twice its bound: the older half moves aside. The server appends, so it may run. */
export function boundLog(clusterDir: string): void {
  const logFile = logFileOf(clusterDir);
  if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) <= maximumLogBytes) return;
  copyFileSync(logFile, `${logFile}.1`);
  truncateSync(logFile);
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
