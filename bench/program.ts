import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createPool, type Database } from '../src/base/db.ts';
import { createLog } from '../src/base/log.ts';
import { createMetrics } from '../src/base/metrics.ts';
import { openDatabase } from '../src/database/open-database.ts';
import { countTail } from '../src/warehouse/fold.ts';
import { createRollUp } from '../src/warehouse/roll-up.ts';

export const token = 'admin-token-of-the-bench-only';
const root = path.join(import.meta.dirname, '..');

const vaultIsBehind = `
  select from stg.journal as j, dds.cursor as c
  where c.follower = 'journal' and j.contributions is not null and (j.epoch, j.xid, j.position) > (c.epoch, c.xid, c.position)
  limit 1`;

/** The program as users run it, in a process and a data folder of its own. */
export type BenchProgram = {
  url: string;
  connectionString: string;
  pool: Database;
  /** Megabytes the program holds now, and the most it held; PostgreSQL apart. */
  memory(): { now: number; most: number };
  /** Resolves once every document is folded, rolled up and counted for its customer; `folded`: not the last; `idle`: in the vault too. */
  settle(until?: 'folded' | 'idle'): Promise<void>;
  /** Runs a command beside the program; answers its output and the most memory it held, in megabytes. */
  run(args: string[]): Promise<{ output: string; most: number }>;
  stop(): Promise<void>;
};

export type BenchOptions = {
  /** Settings of the program, beside those of the bench. */
  env?: Record<string, string>;
  /** One process for each list; one process with all roles where left out. The first answers requests. */
  roles?: readonly string[];
};

export async function startBenchProgram(options: BenchOptions = {}): Promise<BenchProgram> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-bench-'));
  const port = await freePort();
  const env = {
    ...process.env,
    DATA_DIR: dataDir,
    PORT: String(port),
    ADMIN_TOKEN: token,
    LOG_LEVEL: 'error',
    ...options.env,
  };
  const command = (args: string[], output: 'ignore' | 'pipe', own: Record<string, string> = {}) =>
    spawn(process.execPath, ['src/main.ts', ...args], {
      cwd: root,
      env: { ...env, ...own },
      stdio: ['ignore', output, 'inherit'],
    });
  const [first, ...others] = options.roles ?? [];
  const child = command(['start', ...(first === undefined ? [] : ['--roles', first])], 'ignore');
  const url = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(`${url}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error('the program did not start');
    await sleep(50);
  }
  // They share the database of the first.
  const further = others.map((roles) => command(['start', '--roles', roles], 'ignore', { PORT: '0' }));
  const log = createLog('error');
  const database = await openDatabase({ dataDir, log });
  const { connectionString } = database;
  const pool = createPool({ connectionString, applicationName: 'bench', maximumConnections: 4 });
  const rollUp = createRollUp({ pool, log, metrics: createMetrics(), rest: false });
  return {
    url,
    connectionString,
    pool,
    memory: () => memoryOf(child),
    async settle(until) {
      const followers = until === 'folded' ? (['fold'] as const) : undefined;
      while ((await countTail(pool, 1, followers)) > 0) await sleep(5);
      // The program's own roll-up may hold the lock; what is still marked is not done.
      while ((await pool.query('select from cdm.dirty limit 1')).rowCount! > 0) await rollUp.step();
      while (until === 'idle' && (await pool.query(vaultIsBehind)).rowCount! > 0) await sleep(100);
    },
    async run(args) {
      const running = command(args, 'pipe');
      let output = '';
      let most = 0;
      running.stdout!.on('data', (chunk) => {
        output += chunk;
      });
      const timer = setInterval(() => {
        most = Math.max(most, memoryOf(running).most);
      }, 200);
      const [code] = await once(running, 'close');
      clearInterval(timer);
      if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${output}`);
      return { output, most };
    },
    async stop() {
      await pool.end();
      await database.close();
      for (const each of [...further, child]) {
        each.kill('SIGTERM');
        if (each.exitCode === null) await once(each, 'exit');
      }
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function memoryOf(child: ChildProcess): { now: number; most: number } {
  let status = '';
  try {
    status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  } catch {
    // It ended between two looks.
  }
  const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return { now: megabytes('VmRSS'), most: megabytes('VmHWM') };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs one of the scripts of this folder in a process of its own and reads the JSON it prints. */
export async function runScript(
  name: string,
  args: readonly (string | number)[],
): Promise<Record<string, number>> {
  const file = path.join(import.meta.dirname, name);
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args.map(String)]);
  return JSON.parse(stdout);
}
