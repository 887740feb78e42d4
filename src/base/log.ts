import { type Logger, pino } from 'pino';

export type Log = Logger;
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** Paths whose values never reach a log line, whatever object is logged. */
const secretPaths = ['password', 'secret', 'token', 'authorization', 'admin_token', 'database_url'];

/**
 * Structured lines on standard error, so that a command's own output stays clean on standard output.
 * Secrets are redacted on the first two levels of every logged object, request headers included.
 */
export function createLog(level: LogLevel, name = 'tillstream'): Log {
  const paths = secretPaths.flatMap((path) => [path, `*.${path}`, `req.headers.${path}`]);
  return pino(
    { level, name, redact: { paths, censor: '[redacted]' }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}
