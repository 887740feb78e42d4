import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Logger, multistream, pino } from 'pino';
import type { RollingFile } from 'pino-roll';
import { CodedError } from './errors.ts';

export type Log = Logger;
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** Paths whose values never reach a log line, whatever object is logged. */
const secretPaths = ['password', 'secret', 'token', 'authorization', 'admin_token', 'database_url'];
const paths = secretPaths.flatMap((path) => [path, `*.${path}`, `req.headers.${path}`]);

const settings = (level: LogLevel, name: string) => ({
  level,
  name,
  redact: { paths, censor: '[redacted]' },
  timestamp: pino.stdTimeFunctions.isoTime,
});
const standardError = () => pino.destination({ fd: 2, sync: true });

/**
 * Structured lines on standard error, so that a command's own output stays clean on standard output.
 * Secrets are redacted on the first two levels of every logged object, request headers included.
 */
export function createLog(level: LogLevel, name = 'tillstream'): Log {
  return pino(settings(level, name), standardError());
}

/** `size` as in `64m` or `10k`; the oldest of more than `files` are removed. */
export type LogFiles = { folder: string; size?: string; files?: number };

const usualSize = '64m';
const usualFiles = 8;
/** Kept while the disk is full, so that not every line of that time is lost. */
const keptBytes = 1024 * 1024;

/**
 * The same lines in rotating files as well. A folder that cannot be written is `invalid_configuration`, told
 * before anything is started; whatever happens to it later, the program goes on.
 */
export async function openLog(
  level: LogLevel,
  files: LogFiles | undefined,
  name = 'tillstream',
): Promise<Log> {
  if (files === undefined) return createLog(level, name);
  const { folder } = files;
  const stream = await openFiles(files, name);
  const screen = standardError();
  const onScreen = pino(settings(level, name), screen);
  let isTroubleTold = false;
  stream.on('error', (error) => {
    if (!isTroubleTold) onScreen.error({ err: error, folder }, 'the log files in LOG_DIR cannot be written');
    isTroubleTold = true;
  });
  stream.on('write', () => {
    isTroubleTold = false;
  });
  // The level of the logger decides; the streams take whatever comes.
  const both = multistream([screen, stream].map((one) => ({ level: 'trace', stream: one })));
  return pino(settings(level, name), both);
}

async function openFiles(files: LogFiles, name: string): Promise<RollingFile> {
  const { folder } = files;
  try {
    mkdirSync(folder, { recursive: true });
    prove(folder);
    // Loaded where it is used: it brings a library of dates with it.
    const { default: roll } = await import('pino-roll');
    const stream = await roll({
      file: path.join(folder, name),
      extension: '.log',
      size: files.size ?? usualSize,
      // Those of earlier runs count too.
      limit: { count: files.files ?? usualFiles, removeOtherLogFiles: true },
      sync: true,
      maxLength: keptBytes,
      mode: 0o600,
    });
    // Opened by now, or told of by an event in the next tick.
    stream.once('error', () => {});
    if (stream.fd < 0) throw new Error(`${stream.file} cannot be opened`);
    return stream;
  } catch (error) {
    throw new CodedError(
      'invalid_configuration',
      `LOG_DIR ${folder} cannot be made or written (${(error as Error).message}); free space there, change its owner or mode, or set another`,
      { cause: error },
    );
  }
}

/** Writes as much as a file system hands out at once, so that a full one is noticed. */
function prove(folder: string): void {
  const probe = path.join(folder, `.probe-${process.pid}`);
  try {
    writeFileSync(probe, Buffer.alloc(64 * 1024), { flush: true });
  } finally {
    rmSync(probe, { force: true });
  }
}
