import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { diskFull } from './disk-full.ts';

/**
 * What every command needs to use the running server, in `DATA_DIR/server.json` (mode 600). The port is the
 * last one used, 0 before the first start; the one in use is in the server's own `postmaster.pid`.
 */
export type ServerFile = { port: number; password: string };

const fileName = (dataDir: string) => path.join(dataDir, 'server.json');

/** Undefined where the file is missing or damaged. */
export function readServerFile(dataDir: string): ServerFile | undefined {
  let text: string;
  try {
    text = readFileSync(fileName(dataDir), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value = JSON.parse(text) as ServerFile;
    const isWhole = Number.isInteger(value.port) && typeof value.password === 'string';
    return isWhole ? { port: value.port, password: value.password } : undefined;
  } catch {
    return undefined;
  }
}

/** Written beside, flushed and renamed: whoever reads it, even after a power cut, never sees half a file. Error: `data_dir_unusable` on a full disk. */
export function writeServerFile(dataDir: string, file: ServerFile): void {
  const temporary = `${fileName(dataDir)}.new`;
  try {
    const handle = openSync(temporary, 'w', 0o600);
    try {
      writeFileSync(handle, `${JSON.stringify(file)}\n`);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, fileName(dataDir));
  } catch (error) {
    throw diskFull(dataDir, (error as Error).message, error) ?? error;
  }
}
