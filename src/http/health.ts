import { timingSafeEqual } from 'node:crypto';
import { Type } from 'typebox';
import { CodedError } from '../base/errors.ts';
import { sha256 } from '../base/ids.ts';
import type { Metrics } from '../base/metrics.ts';
import { isPassed, type Readiness } from './readiness.ts';
import type { App } from './server.ts';

export type HealthDeps = {
  metrics: Metrics;
  readiness: () => Promise<Readiness>;
  metricsToken: string | undefined;
};

const open = { access: { roles: 'open', bound: 'limited' } } as const;
const Ready = Type.Object(
  { ready: Type.Boolean(), checks: Type.Record(Type.String(), Type.String()) },
  { examples: [{ ready: true, checks: { database: 'ok' } }] },
);

/** Alive, ready, and the metrics that Prometheus reads. */
export function registerHealthRoutes(app: App, deps: HealthDeps): void {
  app.get('/healthz', {
    config: open,
    schema: {
      summary: 'The process is alive',
      tags: ['health'],
      response: { 200: Type.Object({ status: Type.Literal('ok') }, { examples: [{ status: 'ok' }] }) },
    },
    handler: async () => ({ status: 'ok' as const }),
  });
  app.get('/readyz', {
    config: open,
    schema: {
      summary: 'It can do its work, or what it waits for',
      tags: ['health'],
      response: { 200: Ready, 503: Ready },
    },
    handler: async (_request, reply) => {
      const readiness = await deps.readiness();
      countReadiness(deps.metrics, readiness);
      return reply.code(readiness.ready ? 200 : 503).send(readiness);
    },
  });
  app.get('/metrics', {
    config: open,
    schema: {
      summary: 'Metrics in the Prometheus text format (with METRICS_TOKEN: as a bearer token)',
      tags: ['health'],
      response: {
        200: Type.String({
          examples: [
            'tillstream_messages_total{role="collector",topic="direct",direction="in",verdict="accepted"} 1',
          ],
        }),
      },
    },
    handler: async (request, reply) => {
      if (deps.metricsToken !== undefined && !isBearer(request.headers.authorization, deps.metricsToken)) {
        throw new CodedError('unauthorized', 'send METRICS_TOKEN as a bearer token');
      }
      countReadiness(deps.metrics, await deps.readiness());
      return reply.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics());
    },
  });
}

/** Checks that are no longer asked, such as those of the start, go away. */
function countReadiness({ ready }: Metrics, { checks }: Readiness): void {
  ready.reset();
  for (const [check, answer] of Object.entries(checks)) ready.set({ check }, isPassed(answer) ? 1 : 0);
}

function isBearer(header: string | undefined, token: string): boolean {
  return timingSafeEqual(sha256(header ?? ''), sha256(`Bearer ${token}`));
}
