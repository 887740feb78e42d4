import type { AddressInfo } from 'node:net';
import { type DestinationStream, pino } from 'pino';
import type { Principal } from '../../src/auth/roles.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { readConfig } from '../../src/config.ts';
import { type App, createServer } from '../../src/http/server.ts';

/** Who the secrets of these tests belong to. */
export const principals: Record<string, Principal> = {
  analyst: { tokenId: 't-analyst', name: 'analyst', roles: ['analyst'] },
  other: { tokenId: 't-other', name: 'other', roles: ['analyst'] },
  collector: { tokenId: 't-collector', name: 'collector', roles: ['collector'] },
};
export const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

/** A server with routes of the test's own and no database. */
export async function createTestServer(
  registerRoutes: (app: App) => void,
  options: { env?: Record<string, string>; lines?: string[]; level?: string; bodyTimeoutMs?: number } = {},
): Promise<App> {
  const destination: DestinationStream = { write: (line) => void options.lines?.push(line) };
  return await createServer({
    config: readConfig(options.env ?? {}),
    log: pino({ level: options.level ?? 'trace' }, destination),
    metrics: createMetrics(),
    authenticate: async (secret) => principals[secret],
    readiness: async () => ({ ready: false, checks: { database: 'does not answer' } }),
    registerRoutes,
    ...(options.bodyTimeoutMs === undefined ? {} : { bodyTimeoutMs: options.bodyTimeoutMs }),
  });
}

export async function listenOnFreePort(app: App): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}
