import type { FastifyRequest } from 'fastify';
import type { Access, Principal } from '../auth/roles.ts';
import { CodedError } from '../base/errors.ts';
import type { App } from './server.ts';

export type ListedRoute = { method: string; url: string; access: Access };

const listed = new WeakMap<object, ListedRoute[]>();

/** Every route with what it declared, for the tests of the access matrix and the description of the API. */
export function listRoutes(app: App): ListedRoute[] {
  return listed.get(app.server) ?? [];
}

/** Looks at the token before anything else of a request is read. */
export function registerGuard(
  app: App,
  authenticate: (secret: string) => Promise<Principal | undefined>,
): void {
  const routes: ListedRoute[] = [];
  listed.set(app.server, routes);
  app.decorateRequest('principal', null as unknown as Principal);
  app.addHook('onRoute', (route) => {
    const access = route.config?.access;
    if (access === undefined)
      throw new Error(`route ${String(route.method)} ${route.url} declares no access; add config.access`);
    for (const method of [route.method].flat()) routes.push({ method, url: route.url, access });
  });
  app.addHook('onRequest', async (request) => {
    const access = request.routeOptions.config.access;
    if (access === undefined || access.roles === 'open') return;
    const secret = bearerSecret(request);
    if (secret === undefined)
      throw new CodedError('unauthorized', 'send the header Authorization: Bearer <token>');
    const principal = await authenticate(secret);
    if (principal === undefined)
      throw new CodedError('unauthorized', 'this token is unknown, expired or revoked');
    request.principal = principal;
    checkAccess(principal, access);
  });
}

/** The secret that a request was sent with. */
export function bearerSecret({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}

function checkAccess(principal: Principal, access: Access): void {
  if (access.roles === 'open') return;
  if (!principal.roles.includes('admin') && !access.roles.some((role) => principal.roles.includes(role))) {
    throw new CodedError(
      'forbidden',
      `this route needs the role ${[...access.roles].join(' or ')}; the token has ${principal.roles.join(', ')}`,
    );
  }
  if (principal.placeId !== undefined && access.bound === 'refused') {
    throw new CodedError(
      'foreign_place',
      `the token is bound to the place ${principal.placeId}; this route is for all places`,
    );
  }
}
