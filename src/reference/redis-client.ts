import { Redis } from 'ioredis';
import type { Log } from '../base/log.ts';

export type RedisConfig = { url: string; ca: string | undefined };

/** Users and restaurants as somebody else keeps them in Redis, by key. */
export type RedisClient = {
  /** Whether it is worth asking just now. */
  isUp(): boolean;
  /** The texts under these keys, in order, in one MGET; fails after `timeoutMs`. */
  read(keys: readonly string[], timeoutMs: number): Promise<(string | null)[]>;
  /** Resolves once it is connected, or has failed to, or after `timeoutMs`. */
  settled(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
};

const longestPauseMs = 2_000;
const connectTimeoutMs = 5_000;
/** A connection that says nothing for so long although something was asked is made anew. */
const silenceMs = 10_000;
/** After an error it is left alone for so long, so that an outage holds up one batch at most. */
const restMs = 2_000;

function connectionOf({ url, ca }: RedisConfig) {
  return new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, longestPauseMs),
    ...(url.startsWith('rediss:') && ca !== undefined ? { tls: { ca } } : {}),
  });
}

/** The message alone: the client's errors carry the command that failed, AUTH with its password among them. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || code || 'no reason given';
}

/** Connects in the background and keeps trying; never fails for want of a server. */
export function openRedis(config: RedisConfig, log: Log): RedisClient {
  const connection = connectionOf(config);
  let failures = 0;
  let restsUntilMs = 0;
  connection.on('error', (error) => {
    if (failures++ === 0)
      log.warn(
        { reason: reasonOf(error) },
        'Redis (REDIS_URL) does not answer; orders load with the names that are known, and others are looked up later',
      );
  });
  connection.on('ready', () => {
    if (failures > 0) log.info('Redis answers again');
    failures = 0;
    restsUntilMs = 0;
  });
  const connecting = connection.connect().catch(() => {});

  return {
    isUp: () => connection.status === 'ready' && performance.now() >= restsUntilMs,
    async read(keys, timeoutMs) {
      if (keys.length === 0) return [];
      try {
        return await within(connection.mget([...keys]), timeoutMs);
      } catch (error) {
        restsUntilMs = performance.now() + restMs;
        throw new Error(`Redis: ${reasonOf(error)}`);
      }
    },
    settled: async (timeoutMs) => await within(connecting, timeoutMs).catch(() => {}),
    async close() {
      connection.disconnect();
    },
  };
}

async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Connects once and asks; undefined where all is well, otherwise what is wrong and what to do. */
export async function whatIsWrongWithRedis(config: RedisConfig): Promise<string | undefined> {
  const connection = connectionOf(config);
  const errors: unknown[] = [];
  connection.on('error', (error) => errors.push(error));
  try {
    connection.options.retryStrategy = () => null;
    await connection.connect();
    await within(connection.ping(), connectTimeoutMs);
    return undefined;
  } catch (error) {
    return adviceOn(reasonOf(errors[0] ?? error));
  } finally {
    connection.disconnect();
  }
}

function adviceOn(reason: string): string {
  if (/WRONGPASS|NOAUTH|invalid password|AUTH/i.test(reason))
    return `Redis refuses the user or the password of REDIS_URL (${reason}); correct them`;
  if (/certificate|self.signed|altname|unable to (get|verify)|issuer/i.test(reason))
    return `the certificate of Redis is not trusted (${reason}); set REDIS_CA_FILE to the certificate of who signed it`;
  if (/SSL|TLS|wrong version|closed|ECONNRESET|EPIPE|parser/i.test(reason))
    return `Redis ends the connection (${reason}); rediss:// in REDIS_URL is for a server with TLS, redis:// for one without`;
  return `Redis does not answer at REDIS_URL (${reason}); orders load all the same, and their names are looked up later`;
}
