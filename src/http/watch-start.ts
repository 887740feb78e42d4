import { setTimeout as sleep } from 'node:timers/promises';
import { sqlState } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Config } from '../config.ts';
import { type App, createServer } from './server.ts';

/** Most starts are over before anyone asks. */
const quietMs = 1_000;
const retryDelayMs = 1_000;
/** A line of the log each so many tries. */
const saidEvery = 10;
const notUpYet = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
]);

export type StartDeps = { config: Config; log: Log; metrics: Metrics };

/**
 * The time until the routes are open. Where it takes longer than a moment the port is answered all the
 * same: /healthz says that the process lives, /readyz what it waits for, and everything else gets 503.
 */
export function watchStart(deps: StartDeps) {
  /** By the name of the server, for /readyz; the log has the details. */
  let awaited: Record<string, string> = { start: 'under way' };
  let app: Promise<App | undefined> = Promise.resolve(undefined);
  const timer = setTimeout(() => {
    app = open().catch((error) => {
      deps.log.warn({ err: error }, 'the port is not answered while the program starts');
      return undefined;
    });
  }, quietMs);

  async function open(): Promise<App> {
    const { config, log, metrics } = deps;
    const server = await createServer({
      ...{ config, log, metrics },
      authenticate: async () => undefined,
      readiness: async () => ({ ready: false, checks: awaited }),
      registerRoutes: (scope) => {
        scope.all('/*', {
          config: { access: { roles: 'open', bound: 'limited' }, rawBody: true },
          schema: { hide: true },
          handler: async () => {
            throw new CodedError('starting', 'the program is starting; /readyz names what it waits for', {
              retryAfterSeconds: 2,
            });
          },
        });
      },
    });
    await server.listen({ host: config.host, port: config.port });
    return server;
  }

  return {
    /** Tries `work` until what it needs is up; any other failure is the caller's. */
    async whenUp<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
      for (let attempt = 0; ; attempt++) {
        try {
          return await work();
        } catch (error) {
          if (signal?.aborted || !isComingUp(error)) throw error;
          const server = (error as CodedError).code === 'stream_unavailable' ? 'kafka' : 'database';
          awaited = { [server]: 'does not answer yet' };
          if (attempt % saidEvery === 0)
            deps.log.warn({ awaited: server, reason: (error as Error).message }, 'waiting for a server');
          await sleep(retryDelayMs, undefined, signal === undefined ? {} : { signal }).catch(() => {});
          signal?.throwIfAborted();
        }
      }
    },
    async stop(): Promise<void> {
      clearTimeout(timer);
      await (await app)?.close();
      app = Promise.resolve(undefined);
    },
  };
}

export type Starting = ReturnType<typeof watchStart>;

/** A server that refuses us for good (a wrong password, an old version) is no reason to wait. */
function isComingUp(error: unknown): boolean {
  if (error instanceof CodedError && error.code === 'stream_unavailable') return true;
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: string };
    if (code !== undefined && notUpYet.has(code)) return true;
    const state = sqlState(at) ?? '';
    if (state.startsWith('08') || state.startsWith('57P') || state === '53300') return true;
    if (/timeout expired|terminated/i.test(at.message)) return true;
  }
  return false;
}
