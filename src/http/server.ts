import { randomUUID } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  LogController,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify';
import type { Access, Principal } from '../auth/roles.ts';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Config } from '../config.ts';
import { registerDocsRoutes } from './docs-routes.ts';
import { answerClientError, answerUnroutable, problemMediaType, registerFailures } from './failures.ts';
import { type Authenticate, registerGuard } from './guard.ts';
import { registerHealthRoutes } from './health.ts';
import { type ApiDocument, describeApi, registerOpenApi } from './openapi.ts';
import { managementBodyBytes, registerBodies } from './read-body.ts';
import type { Readiness } from './readiness.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; a route without it stops the server from starting. */
    access?: Access;
    /** The handler reads the body itself, byte for byte: `request.body` is the untouched stream. */
    rawBody?: boolean;
    /** The answer lasts as long as its reader stays, which says nothing of how fast the route is. */
    endless?: boolean;
  }
  interface FastifyRequest {
    principal: Principal;
  }
}

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export type ServerDeps = {
  config: Config;
  log: Log;
  metrics: Metrics;
  /** The principal of a secret, or undefined where it is unknown, expired or revoked. */
  authenticate: Authenticate;
  readiness: () => Promise<Readiness>;
  registerRoutes: (app: App) => void | Promise<void>;
  /** Also what other processes serve under the same address; where it is left out, the documentation has its own routes. */
  describedRoutes?: (app: App) => void | Promise<void>;
  /** How long a body of JSON may take to arrive, in milliseconds. */
  bodyTimeoutMs?: number;
};

/** How long requests may go on after the program was asked to stop. */
const closingGraceMs = 20_000;
const probeAfterMs = 60_000;
const requestIdPattern = /^[\w.:-]{1,128}$/;

export async function createServer(deps: ServerDeps): Promise<App> {
  const { config, metrics } = deps;
  const app: App = fastify({
    loggerInstance: deps.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: config.trustProxy,
    bodyLimit: managementBodyBytes,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID();
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    rewriteUrl: (request) => rewriteUrl(request.url ?? '/', config.basePath),
    frameworkErrors: answerUnroutable as never,
    clientErrorHandler: answerClientError,
    forceCloseConnections: 'idle',
    // The hook below answers as every other error does.
    return503OnClosing: false,
  }).withTypeProvider<TypeBoxTypeProvider>();
  // A stream of documents may rest as long as its sender lives; one whose machine is gone ends by this.
  app.server.on('connection', (socket) => socket.setKeepAlive(true, probeAfterMs));
  app.setValidatorCompiler(TypeBoxValidatorCompiler);
  // Answers are built by hand and checked in the tests; serializing by schema would drop members silently.
  app.setSerializerCompiler(() => JSON.stringify);

  registerFailures(app);
  registerHeaders(app, config);
  registerClosing(app);
  registerMeasuring(app, metrics);
  registerBodies(app, deps.bodyTimeoutMs);
  await registerRateLimit(app, config);
  registerGuard(app, deps.authenticate);
  await registerOpenApi(app, config);
  const { describedRoutes } = deps;
  registerDocsRoutes(app, config, describedRoutes && (() => describeRoutes(deps, describedRoutes)));
  registerHealthRoutes(app, { metrics, readiness: deps.readiness, metricsToken: config.metricsToken });
  await app.register(async (scope) => {
    await deps.registerRoutes(scope as unknown as App);
  });
  await app.ready();
  return app;
}

/** By a server that never listens. */
async function describeRoutes(
  { describedRoutes: _, ...deps }: ServerDeps,
  registerRoutes: ServerDeps['registerRoutes'],
): Promise<ApiDocument> {
  const app = await createServer({ ...deps, registerRoutes });
  try {
    return describeApi(app, deps.config);
  } finally {
    await app.close();
  }
}

function registerHeaders(app: App, { basePath }: Config): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply
      .header('x-request-id', request.id)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
    done();
  });
  if (basePath === '') return;
  app.addHook('onSend', async (_request, reply, payload) =>
    typeof payload === 'string' && String(reply.getHeader('content-type')).startsWith(problemMediaType)
      ? payload.replace('"type":"/docs/', `"type":"${basePath}/docs/`)
      : payload,
  );
}

/** While it stops, what is being answered is finished and what comes is sent elsewhere; then connections end. */
function registerClosing(app: App): void {
  let closing = false;
  let grace: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    closing = true;
    grace = setTimeout(() => app.server.closeAllConnections(), closingGraceMs);
    grace.unref();
  });
  app.addHook('onClose', async () => clearTimeout(grace));
  app.addHook('onRequest', (_request, _reply, done) => {
    if (!closing) return done();
    done(
      new CodedError('shutting_down', 'the program is stopping; try again in a moment', {
        retryAfterSeconds: 5,
      }),
    );
  });
}

function registerMeasuring(app: App, metrics: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    if (request.routeOptions.config.endless === true) return done();
    // The pattern of the route, since every raw address would be a series of its own.
    const route = request.routeOptions.url ?? 'unknown';
    const labels = { method: request.method, route, status: String(reply.statusCode) };
    metrics.httpSeconds.observe(labels, reply.elapsedTime / 1000);
    request.log.debug(
      { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    );
    done();
  });
}

/** Per token, after the guard has read it and before the body is read; open routes, such as probes, have no limit. */
async function registerRateLimit(app: App, { rateLimit: limit }: Config): Promise<void> {
  if (limit === undefined) return;
  await app.register(rateLimit, {
    global: true,
    hook: 'onRequest',
    max: limit.requests,
    timeWindow: limit.perMs,
    allowList: (request) => request.principal === null,
    keyGenerator: (request) => request.principal?.tokenId ?? '',
    errorResponseBuilder: (_request, context) =>
      new CodedError(
        'too_many_requests',
        `the limit is ${context.max} requests per ${limit.perMs / 1000} s for each token`,
        { retryAfterSeconds: Math.max(1, Math.ceil(context.ttl / 1000)) },
      ),
  });
}

/** `/api/producer/checks/` and `/api/consumer/places/` are the same routes as without the prefix. */
export function rewriteUrl(url: string, basePath: string): string {
  let path = url;
  if (basePath !== '' && url.startsWith(basePath)) {
    const rest = url.slice(basePath.length);
    if (rest === '' || rest.startsWith('?')) path = `/${rest}`;
    else if (rest.startsWith('/')) path = rest;
  }
  const match = /^\/api\/(?:producer|consumer)(\/.*)$/.exec(path);
  if (match === null) return path;
  const rest = match[1]!;
  return /^\/swagger\/?(\?.*)?$/.test(rest) ? '/docs' : `/api${rest}`;
}
