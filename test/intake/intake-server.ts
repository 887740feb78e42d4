import type { Principal } from '../../src/auth/roles.ts';
import { CodedError } from '../../src/base/errors.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics, type Metrics } from '../../src/base/metrics.ts';
import { readConfig } from '../../src/config.ts';
import { createServer } from '../../src/http/server.ts';
import { parseDocument } from '../../src/intake/parse-document.ts';
import { registerIntakeRoutes } from '../../src/intake/routes.ts';
import type { Incoming, Outcome } from '../../src/sales/sale.ts';
import { contextOf } from './parsing.ts';

export type IntakeServer = {
  port: number;
  metrics: Metrics;
  /** What reached the stream, one list for each call of `append`. */
  appended: Incoming[][];
  deadlines: number[];
  /** Takes the place of storing: may fail, wait, or answer other outcomes. */
  onAppend: (documents: Incoming[]) => Promise<(Outcome | undefined)[]>;
  send(
    body: string | Uint8Array | ReadableStream,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: any; headers: Headers }>;
  openApi(): Promise<any>;
  stop(): Promise<void>;
};

const principals: Record<string, Principal> = {
  collector: { tokenId: 'collector', name: 'till', roles: ['collector'] },
  mine: { tokenId: 'mine', name: 'till', roles: ['collector'], placeId: 'mine' },
  analyst: { tokenId: 'analyst', name: 'analyst', roles: ['analyst'] },
};

/** The time of every request here. */
export const nowMs = Date.parse('2024-06-15T12:00:00Z');

/** What a stream answers that stores everything. */
export const storeAll = async (documents: Incoming[]): Promise<Outcome[]> =>
  documents.map((document, index) => ({
    verdict: document.sale === undefined ? document.verdict : 'accepted',
    position: String(index + 1),
    problems: document.sale === undefined ? document.problems : [],
  }));

export const overloaded = () =>
  new CodedError('overloaded', 'the marts are behind', { retryAfterSeconds: 2 });

/** The real server with the real routes, in front of a stream that only remembers. */
export async function startIntakeServer(): Promise<IntakeServer> {
  const config = readConfig({ LOG_LEVEL: 'silent', DEFAULT_PLACE: 'nowhere', INTAKE_TIMEOUT_MS: '7000' });
  const metrics = createMetrics();
  const app = await createServer({
    config,
    log: createLog('silent'),
    metrics,
    authenticate: async (secret) => principals[secret],
    readiness: async () => ({ ready: true, checks: {} }),
    registerRoutes: (server) => {
      registerIntakeRoutes(server, {
        stream: {
          append: (documents, deadlineMs) => {
            tested.appended.push(documents);
            tested.deadlines.push(deadlineMs);
            return tested.onAppend(documents);
          },
          stop: async () => {},
        },
        parse: (arrival) => parseDocument(arrival, contextOf()),
        config,
        clock: { nowMs: () => nowMs },
        metrics,
      });
    },
  });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const tested: IntakeServer = {
    port: Number(new URL(address).port),
    metrics,
    appended: [],
    deadlines: [],
    onAppend: storeAll,
    async send(body, headers = {}) {
      const response = await fetch(`${address}/api/checks/`, {
        method: 'POST',
        headers: { authorization: 'Bearer collector', 'content-type': 'application/json', ...headers },
        body: body as string,
        duplex: 'half',
      } as RequestInit);
      const text = await response.text();
      const json = /json/.test(response.headers.get('content-type') ?? '');
      return { status: response.status, body: json ? JSON.parse(text) : text, headers: response.headers };
    },
    async openApi() {
      return await (await fetch(`${address}/openapi.json`)).json();
    },
    stop: () => app.close(),
  };
  return tested;
}
