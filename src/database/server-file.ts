import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../base/errors.ts';

/** What other commands need to use the running server; kept in `DATA_DIR/server.json`, mode 600. */
export type ServerFile = { port: number; password: string };

const fileName = (dataDir: string) => path.join(dataDir, 'server.json');

export function readServerFile(dataDir: string): ServerFile | undefined {
  try {
    const value = JSON.parse(readFileSync(fileName(dataDir), 'utf8')) as ServerFile;
    return Number.isInteger(value.port) && typeof value.password === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Written beside and renamed, so that a reader never sees half a file. */
export function writeServerFile(dataDir: string, file: ServerFile): void {
  const temporary = `${fileName(dataDir)}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(file), { mode: 0o600 });
  renameSync(temporary, fileName(dataDir));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const lockWaitMs = 60_000;

/**
 * Runs `work` while no other program starts or stops the server of this folder. The lock is a file holding
 * the pid of its owner; that of a dead one is taken over.
 */
export async function withServerLock<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dataDir, { recursive: true });
  const name = path.join(dataDir, 'server.lock');
  const deadline = Date.now() + lockWaitMs;
  for (;;) {
    try {
      const handle = openSync(name, 'wx', 0o600);
      writeFileSync(handle, String(process.pid));
      closeSync(handle);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    let owner = Number.NaN;
    let writtenMs = 0;
    try {
      owner = Number(readFileSync(name, 'utf8'));
      writtenMs = statSync(name).mtimeMs;
    } catch {
      continue;
    }
    // An empty file belongs to someone who is just about to write their pid.
    const reused = owner === process.pid && writtenMs < Date.now() - process.uptime() * 1000;
    if (owner > 0 && (reused || !isAlive(owner))) rmSync(name, { force: true });
    if (Date.now() > deadline) {
      throw new CodedError(
        'postgres_failed',
        `another program has been starting PostgreSQL for a minute; if none runs, remove ${name}`,
      );
    }
    await sleep(50);
  }
  try {
    return await work();
  } finally {
    rmSync(name, { force: true });
  }
}
