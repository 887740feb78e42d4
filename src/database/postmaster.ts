import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../base/log.ts';

/** The server process of a cluster, as its `postmaster.pid` tells. `status` is `starting`, `ready`, `stopping`. */
export type Postmaster = { pid: number; port: number; status: string };

const fastStopMs = 60_000;
const immediateStopMs = 10_000;
/** Above every process id that Linux (4,194,304) and macOS (99,999) give. */
const neverAProcess = 4_194_305;

const fileName = (clusterDir: string) => path.join(clusterDir, 'postmaster.pid');

/** What the file says, true or left over from a crash. */
export function readPostmaster(clusterDir: string): Postmaster | undefined {
  try {
    const lines = readFileSync(fileName(clusterDir), 'utf8').split('\n');
    // A server in single-user mode writes its pid as a negative number.
    const pid = Math.abs(Number(lines[0]));
    return pid > 0 ? { pid, port: Number(lines[3] ?? 0), status: lines[7]?.trim() ?? 'starting' } : undefined;
  } catch {
    return undefined;
  }
}

/** The server that really runs on this cluster: alive, and started for this very folder. */
export function findRunning(clusterDir: string): Postmaster | undefined {
  const postmaster = readPostmaster(clusterDir);
  return postmaster !== undefined && isServerOf(clusterDir, postmaster.pid) ? postmaster : undefined;
}

function isServerOf(clusterDir: string, pid: number): boolean {
  const command = commandOf(pid);
  return /(^|[/\\])postgres(\.exe)? /.test(command) && `${command} `.includes(` ${clusterDir} `);
}

/** The command line of a process, '' where there is none; the only thing about another user's that all may read. */
function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux')
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    const command =
      process.platform === 'win32'
        ? [
            'powershell',
            '-NoProfile',
            '-Command',
            `(Get-CimInstance Win32_Process -Filter ProcessId=${pid}).CommandLine`,
          ]
        : ['ps', '-ww', '-o', 'command=', '-p', String(pid)];
    return execFileSync(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return '';
  }
}

/**
 * Lets PostgreSQL start over a `postmaster.pid` of a crash whose pid belongs to another program by now. The
 * file stays: PostgreSQL looks in it for the shared memory that an orphan of the crash may still write to.
 */
export function disownRecycledPid(clusterDir: string): void {
  const postmaster = readPostmaster(clusterDir);
  if (postmaster === undefined || isServerOf(clusterDir, postmaster.pid)) return;
  const lines = readFileSync(fileName(clusterDir), 'utf8').split('\n');
  writeFileSync(fileName(clusterDir), [neverAProcess, ...lines.slice(1)].join('\n'));
}

/**
 * Ends what is left of a killed server. A session notices that its server is gone when it next waits for
 * something; one that computes may not for hours, and a new server refuses to start beside it. To end it is
 * part of the same crash: what it had not committed is rolled back.
 */
export function endOrphans(clusterDir: string, log: Log): void {
  for (const pid of findOrphans(clusterDir)) {
    log.warn({ pid }, 'a session that outlived its killed PostgreSQL is ended');
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}

/** PostgreSQL's processes work in the cluster's folder. Known on Linux only; elsewhere they are waited for. */
function findOrphans(clusterDir: string): number[] {
  if (process.platform !== 'linux') return [];
  const found = readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        const isPostgres = readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres';
        return isPostgres && readlinkSync(`/proc/${pid}/cwd`) === clusterDir;
      } catch {
        return false;
      }
    });
  // A server that lost only its `postmaster.pid` lives, and its sessions are no orphans.
  return found.some((pid) => isServerOf(clusterDir, pid)) ? [] : found;
}

/** Fast shutdown: clients are disconnected, a checkpoint is written; resolves when the process is gone. */
export async function stopPostmaster(clusterDir: string, log: Log): Promise<void> {
  const running = findRunning(clusterDir);
  if (running === undefined) return;
  process.kill(running.pid, 'SIGINT');
  if (await isGone(clusterDir, running.pid, fastStopMs)) return;
  log.error(
    { pid: running.pid },
    'PostgreSQL did not stop within a minute and is ended; the next start recovers',
  );
  process.kill(running.pid, 'SIGQUIT');
  await isGone(clusterDir, running.pid, immediateStopMs);
}

async function isGone(clusterDir: string, pid: number, waitMs: number): Promise<boolean> {
  const deadline = Date.now() + waitMs;
  while (isServerOf(clusterDir, pid)) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}
