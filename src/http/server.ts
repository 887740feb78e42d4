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
import { registerGuard } from './guard.ts';
import { type Readiness, registerHealthRoutes } from './health.ts';
import { registerDocs } from './openapi.ts';
import { codedErrorOf, problemOf } from './problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; a route without it stops the server from starting. */
    access?: Access;
    /** The handler reads the body itself, byte for byte: `request.body` is the untouched stream. */
    rawBody?: boolean;
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
  authenticate: (secret: string) => Promise<Principal | undefined>;
  readiness: () => Promise<Readiness>;
  registerRoutes: (app: App) => void | Promise<void>;
};

const managementBodyBytes = 1024 * 1024;
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
    forceCloseConnections: 'idle',
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.setValidatorCompiler(TypeBoxValidatorCompiler);
  // Answers are built by hand and checked in the tests; serializing by schema would drop members silently.
  app.setSerializerCompiler(() => JSON.stringify);

  registerErrors(app);
  registerBodies(app);
  app.addHook('onRequest', async (request, reply) => {
    reply
      .header('x-request-id', request.id)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer');
    if (!reply.hasHeader('content-security-policy'))
      reply.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.httpSeconds.observe(
      { method: request.method, route, status: String(reply.statusCode) },
      reply.elapsedTime / 1000,
    );
    request.log.debug(
      { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    );
  });
  if (config.rateLimit !== undefined) {
    await app.register(rateLimit, {
      global: true,
      hook: 'preHandler',
      max: config.rateLimit.requests,
      timeWindow: config.rateLimit.perMs,
      keyGenerator: (request) => request.principal?.tokenId ?? request.ip,
      errorResponseBuilder: (_request, context) =>
        new CodedError('too_many_requests', `the limit is ${context.max} requests per ${context.after}`, {
          retryAfterSeconds: Math.ceil(context.ttl / 1000),
        }),
    });
  }
  registerGuard(app, deps.authenticate);
  await registerDocs(app, config);
  registerHealthRoutes(app, { metrics, readiness: deps.readiness, metricsToken: config.metricsToken });
  await app.register(async (scope) => {
    await deps.registerRoutes(scope as unknown as App);
  });
  await app.ready();
  return app;
}

/** `/api/producer/checks/` and `/api/consumer/places/` are the same routes as without the prefix. */
export function rewriteUrl(url: string, basePath: string): string {
  let path = url;
  if (
    basePath !== '' &&
    (path === basePath || path.startsWith(`${basePath}/`) || path.startsWith(`${basePath}?`))
  ) {
    path = path.slice(basePath.length) || '/';
  }
  const match = /^\/api\/(?:producer|consumer)(\/.*)$/.exec(path);
  if (match === null) return path;
  const rest = match[1]!;
  return /^\/swagger\/?(\?.*)?$/.test(rest) ? '/docs' : `/api${rest}`;
}

/** Intake reads its bodies itself, so that a document is kept byte for byte; everything else is JSON. */
function registerBodies(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request, payload, done) => {
    if (request.routeOptions.config.rawBody === true) return done(null, payload);
    const type = request.headers['content-type'] ?? '';
    const chunks: Buffer[] = [];
    let size = 0;
    payload.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= managementBodyBytes) chunks.push(chunk);
    });
    payload.on('error', (error) => done(error));
    payload.on('end', () => {
      if (size === 0) return done(null, undefined);
      if (size > managementBodyBytes)
        return done(new CodedError('body_too_large', `the body is over ${managementBodyBytes} bytes`));
      if (!/^application\/(json|.*\+json)\b/i.test(type))
        return done(new CodedError('unsupported_media_type', 'send application/json'));
      try {
        done(null, JSON.parse(Buffer.concat(chunks).toString('utf8'), withoutProto));
      } catch (error) {
        done(new CodedError('not_json', `the body is not JSON: ${(error as Error).message}`));
      }
    });
  });
}

/** A key that would reach the prototype when members are copied is dropped. */
function withoutProto(this: unknown, key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value;
}

function registerErrors(app: App): void {
  app.setErrorHandler((error, request, reply) => {
    const coded = codedErrorOf(error);
    if (coded.code === 'internal') request.log.error({ err: error }, 'a request failed');
    else if (coded.status >= 500)
      request.log.warn({ err: coded.cause ?? coded, code: coded.code }, 'a request was refused');
    if (coded.retryAfterSeconds !== undefined) reply.header('retry-after', coded.retryAfterSeconds);
    if (!request.raw.readableEnded && request.routeOptions.config.rawBody === true) {
      // What was not read must not stand in the way of the next request on this connection.
      reply.header('connection', 'close');
      request.raw.resume();
    }
    if (coded.code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
    return reply
      .code(coded.status)
      .type('application/problem+json')
      .send(JSON.stringify(problemOf(coded)));
  });
  const methods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const;
  app.setNotFoundHandler((request, reply) => {
    const url = request.url.split('?')[0]!;
    const allowed = methods.filter(
      (method) => app.findRoute({ url, method }) !== null || app.hasRoute({ url, method }),
    );
    const other = allowed.filter((method) => method !== request.method);
    const coded =
      other.length > 0
        ? new CodedError('method_not_allowed', `${request.method} is not for ${url}`)
        : new CodedError('not_found', `there is no route ${request.method} ${url}; see /docs`);
    if (other.length > 0) reply.header('allow', other.join(', '));
    return reply
      .code(coded.status)
      .type('application/problem+json')
      .send(JSON.stringify(problemOf(coded)));
  });
}
