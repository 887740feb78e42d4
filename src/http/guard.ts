import type { FastifyRequest } from 'fastify';
import type { Access, Principal } from '../auth/roles.ts';
import { CodedError } from '../base/errors.ts';
import type { App } from './server.ts';

export type ListedRoute = { method: string; url: string; access: Access };

/** At once where it is known already, since this is done for every request. */
export type Authenticate = (secret: string) => Principal | undefined | Promise<Principal | undefined>;

const listed = new WeakMap<object, ListedRoute[]>();

/** Every route with what it declared, for the tests of the access matrix and the description of the API. */
export function listRoutes(app: App): ListedRoute[] {
  return listed.get(app.server) ?? [];
}

/** Looks at the token before anything else of a request is read. */
export function registerGuard(app: App, authenticate: Authenticate): void {
  const routes: ListedRoute[] = [];
  listed.set(app.server, routes);
  app.decorateRequest('principal', null as unknown as Principal);
  app.addHook('onRoute', (route) => {
    const access = route.config?.access;
    if (access === undefined)
      throw new Error(`route ${String(route.method)} ${route.url} declares no access; add config.access`);
    for (const method of [route.method].flat()) routes.push({ method, url: route.url, access });
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const { access } = request.routeOptions.config;
    if (access === undefined || access.roles === 'open') return done();
    const secret = bearerSecret(request);
    if (secret === undefined)
      return done(new CodedError('unauthorized', 'send the header Authorization: Bearer <token>'));
    const decide = (principal: Principal | undefined) => {
      if (principal !== undefined) request.principal = principal;
      done(refusal(principal, access));
    };
    const principal = authenticate(secret);
    if (principal instanceof Promise) principal.then(decide, done);
    else decide(principal);
  });
}

/** The secret that a request was sent with. */
export function bearerSecret({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}

function refusal(principal: Principal | undefined, access: Access): CodedError | undefined {
  if (principal === undefined)
    return new CodedError('unauthorized', 'this token is unknown, expired or revoked');
  if (access.roles === 'open') return undefined;
  if (!principal.roles.includes('admin') && !access.roles.some((role) => principal.roles.includes(role))) {
    return new CodedError(
      'forbidden',
      `this route needs the role ${[...access.roles].join(' or ')}; the token has ${principal.roles.join(', ')}`,
    );
  }
  if (principal.placeId !== undefined && access.bound === 'refused') {
    return new CodedError(
      'foreign_place',
      `the token is bound to the place ${principal.placeId}; this route is for all places`,
    );
  }
  return undefined;
}
