import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CodedError } from '../base/errors.ts';

/**
 * In `DATA_DIR/moved.json`: the installation moves, or moved, to another PostgreSQL, and no program may load
 * into this one any more.
 */
export type MovedFile = {
  /** Tells one move from another into the same database. */
  moveId: string;
  /** `host:port/database`, without user and password. */
  to: string;
  startedAt: string;
  finishedAt?: string;
};

/** The schema that stands in a database while it is being filled by a move. */
export const moveSchema = 'tillstream_move';

export const movedFileName = (dataDir: string) => path.join(dataDir, 'moved.json');

export function readMovedFile(dataDir: string): MovedFile | undefined {
  const file = movedFileName(dataDir);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as MovedFile;
  } catch (error) {
    throw new CodedError('data_dir_unusable', `${file} cannot be read; see where the installation is`, {
      cause: error,
    });
  }
}

/** Written beside, flushed and renamed: a power cut leaves the old file or the new. */
export function writeMovedFile(dataDir: string, moved: MovedFile): void {
  const temporary = `${movedFileName(dataDir)}.new`;
  const handle = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(handle, `${JSON.stringify(moved)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, movedFileName(dataDir));
}

export function removeMovedFile(dataDir: string): void {
  rmSync(movedFileName(dataDir), { force: true });
}

/** Error `data_dir_unusable` that says where the installation went, and how to use what is left of it. */
export function refuseMoved(dataDir: string): void {
  const moved = readMovedFile(dataDir);
  if (moved === undefined) return;
  const file = movedFileName(dataDir);
  throw new CodedError(
    'data_dir_unusable',
    moved.finishedAt === undefined
      ? `${dataDir} is being moved to ${moved.to} since ${moved.startedAt}; run tillstream move to its end, or remove ${file} to stay here`
      : `${dataDir} was moved to ${moved.to} on ${moved.finishedAt}; set DATABASE_URL to that. What was loaded there since is not here; to use this old state all the same, remove ${file}`,
  );
}
