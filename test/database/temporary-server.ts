import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, type TestContext } from 'node:test';
import pg from 'pg';
import { createLog } from '../../src/base/log.ts';
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { findRunning, type Postmaster, stopPostmaster } from '../../src/database/postmaster.ts';

const log = createLog('silent');
const settings = { fsync: 'off', shared_buffers: '16MB' };

/** What a test has open on a folder, ended after the test however that went. */
const openOn = new Map<string, (() => Promise<unknown>)[]>();

async function clear(dataDir: string): Promise<void> {
  for (const end of openOn.get(dataDir)?.splice(0) ?? []) await end();
  await stopPostmaster(clusterOf(dataDir), log);
}

function endAfterTest(dataDir: string, end: () => Promise<unknown>): void {
  openOn.set(dataDir, [...(openOn.get(dataDir) ?? []), end]);
}

export type HeldServer = { connectionString: string; adopted: boolean; code?: string; message: string };
export type Holder = { child: ChildProcess; said: HeldServer; ended: Promise<unknown> };

/** A new DATA_DIR, removed after the test together with the server that may still run on it. */
export function newDataDir(context: TestContext, parent = tmpdir()): string {
  const dataDir = mkdtempSync(path.join(parent, 'tillstream-data-'));
  // Those who may run PostgreSQL for root enter it by default; tests that take this away say so.
  chmodSync(dataDir, 0o755);
  context.after(async () => {
    await clear(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  });
  return dataDir;
}

let shared: string | undefined;
after(() => {
  if (shared !== undefined) rmSync(shared, { recursive: true, force: true });
});

/** A DATA_DIR that the tests of one file use in turn: making a cluster takes a second. */
export function sharedDataDir(context: TestContext): string {
  shared ??= mkdtempSync(path.join(tmpdir(), 'tillstream-data-'));
  const dataDir = shared;
  chmodSync(dataDir, 0o755);
  rmSync(`${clusterOf(dataDir)}.log`, { force: true });
  context.after(() => clear(dataDir));
  return dataDir;
}

export const clusterOf = (dataDir: string) => path.join(dataDir, 'postgres');
export const runningOn = (dataDir: string): Postmaster | undefined => findRunning(clusterOf(dataDir));
export const logOf = (dataDir: string) => readFileSync(`${clusterOf(dataDir)}.log`, 'utf8');

export async function open(dataDir: string): Promise<EmbeddedPostgres> {
  const server = await openEmbeddedPostgres({ dataDir, log, settings });
  endAfterTest(dataDir, server.stop);
  return server;
}

/** Starts a program of its own that holds the server, and waits until it says how that went. */
export async function hold(dataDir: string, options: SpawnOptions = {}): Promise<Holder> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'hold-server.ts'), dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  });
  const ended = once(child, 'exit');
  endAfterTest(dataDir, async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const [line] = await once(createInterface({ input: child.stdout! }), 'line');
  return { child, said: JSON.parse(line as string) as HeldServer, ended };
}

export async function query(server: { connectionString: string }, text: string): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString: server.connectionString });
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

/** Commits a row that only this call can have left. */
export async function keepRow(server: { connectionString: string }): Promise<number> {
  const answer = Math.floor(Math.random() * 1_000_000);
  await query(server, 'drop table if exists kept');
  await query(server, `create table kept as select ${answer} as answer`);
  return answer;
}

export async function keptRow(server: { connectionString: string }): Promise<unknown> {
  return (await query(server, 'select answer from kept'))[0]?.[0];
}

/** Ends a server and all its sessions at once. */
export function killServer(pid: number): void {
  for (const each of [pid, ...childrenOf(pid)]) {
    try {
      process.kill(each, 'SIGKILL');
    } catch {
      // A session may end by itself first.
    }
  }
}

export function childrenOf(pid: number): number[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid='])
    .toString()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child!);
}

/** Waits for something that is bound to come; fails the test when it does not. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`it did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
