import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { CodedError } from '../base/errors.ts';

/** Names the program that writes a folder, so that the next one knows whether it still does. */
const ownerFile = 'being-written-by';

/**
 * The folder beside, `DIRECTORY.part`, that a backup grows in (mode 700, since it holds personal data). Error
 * `transfer_failed` where DIRECTORY is taken already or another backup is writing it.
 */
export function makeFolder(directory: string): string {
  const taken = existsSync(directory) && readdirSync(directory).length > 0;
  if (taken)
    throw new CodedError(
      'transfer_failed',
      `${directory} is there already; give a folder that is not, or remove it`,
    );
  const folder = `${path.resolve(directory)}.part`;
  removeLeftover(folder);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    writeFileSync(path.join(folder, ownerFile), String(process.pid), { mode: 0o600 });
  } catch (error) {
    throw new CodedError(
      'transfer_failed',
      `${folder} cannot be made (${(error as Error).message}); give a folder on a disk that can be written`,
      { cause: error },
    );
  }
  return folder;
}

/** Of a backup that was killed; anything else of that name is not ours to remove. */
function removeLeftover(folder: string): void {
  if (!existsSync(folder)) return;
  const owner = readOwner(folder);
  if (owner === undefined)
    throw new CodedError(
      'transfer_failed',
      `${folder} is in the way and was not made by a backup; move it away, or give another folder`,
    );
  if (owner !== process.pid && isAlive(owner))
    throw new CodedError(
      'transfer_failed',
      `another backup (process ${owner}) is writing ${folder}; wait for it, or give another folder`,
    );
  removeFolder(folder);
}

function readOwner(folder: string): number | undefined {
  try {
    return Number(readFileSync(path.join(folder, ownerFile), 'utf8'));
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Everything is on the disk before the folder takes its name. */
export function finishFolder(folder: string, directory: string): void {
  rmSync(path.join(folder, ownerFile));
  flush(folder);
  renameSync(folder, path.resolve(directory));
  flush(path.dirname(path.resolve(directory)));
}

function flush(folder: string): void {
  // A folder cannot be opened on Windows, which needs no flush for its entries either.
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
