import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../base/errors.ts';
import { diskFull } from './disk-full.ts';

const lockWaitMs = 180_000;
const retryMs = 40;
const sqliteBusy = 5;

/**
 * Runs `work` while no other program, and no other caller of this one, starts or stops the server of this
 * folder. The lock is that of an empty SQLite file: the operating system lets go of it when its holder dies
 * however it dies, which a file with a pid in it cannot promise. `signal` gives up waiting for it.
 */
export async function withServerLock<T>(
  dataDir: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = Date.now() + lockWaitMs;
  let lock = tryLock(dataDir);
  while (lock === undefined) {
    signal?.throwIfAborted();
    if (Date.now() > deadline) {
      throw new CodedError(
        'postgres_failed',
        `another program has been starting or stopping the PostgreSQL of ${dataDir} for three minutes; wait for it or end it`,
      );
    }
    await sleep(retryMs);
    lock = tryLock(dataDir);
  }
  try {
    return await work();
  } finally {
    lock.close();
  }
}

function tryLock(dataDir: string): DatabaseSync | undefined {
  const name = path.join(dataDir, 'postgres.lock');
  let file: DatabaseSync | undefined;
  try {
    file = new DatabaseSync(name, { timeout: 0 });
    file.exec('begin exclusive');
    return file;
  } catch (error) {
    file?.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return undefined;
    const { message } = error as Error;
    const full = diskFull(dataDir, message, error);
    if (full !== undefined) throw full;
    throw new CodedError(
      'data_dir_unusable',
      `${name} cannot be locked (${message}); make DATA_DIR writable for this user, or set another`,
      { cause: error },
    );
  }
}
