import { Type } from 'typebox';
import type { Database } from '../base/db.ts';
import { oneOf } from '../http/one-of.ts';
import type { App } from '../http/server.ts';
import { roles } from './roles.ts';
import { type Authenticator, createToken, listTokens, revokeToken, rotateToken } from './tokens.ts';

const example = {
  token_id: 'tok_1',
  name: 'till 1',
  roles: ['collector'],
  place_id: 'store-1',
  created_at: '2024-02-07T09:00:00.000Z',
  expires_at: null,
  revoked_at: null,
};
const members = {
  token_id: Type.String(),
  name: Type.String(),
  roles: Type.Array(oneOf(roles)),
  place_id: Type.Union([Type.String(), Type.Null()]),
  created_at: Type.String(),
  expires_at: Type.Union([Type.String(), Type.Null()]),
  revoked_at: Type.Union([Type.String(), Type.Null()]),
};
const Token = Type.Object(members, { examples: [example] });
const WithSecret = Type.Object(
  { ...members, secret: Type.String() },
  { examples: [{ ...example, secret: 'ts_…' }] },
);
const Create = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    roles: Type.Array(Type.String(), { minItems: 1, description: `of ${roles.join(', ')}` }),
    place_id: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    expires_at: Type.Optional(Type.String({ format: 'date-time' })),
  },
  { examples: [{ name: 'till 1', roles: ['collector'], place_id: 'store-1' }] },
);
const Current = Type.Object(
  {
    token_id: Type.String(),
    name: Type.String(),
    roles: Type.Array(oneOf(roles)),
    place_id: Type.Union([Type.String(), Type.Null()]),
  },
  { examples: [{ token_id: 'tok_1', name: 'till 1', roles: ['collector'], place_id: 'store-1' }] },
);
const Id = Type.Object({ id: Type.String({ description: 'the token_id, not the secret' }) });
const Page = Type.Object({
  cursor: Type.Optional(Type.String({ maxLength: 100, description: 'the next_cursor of the page before' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
});

/** Create, list, rotate and revoke tokens; a secret is shown once. */
export function registerTokenRoutes(app: App, deps: { pool: Database; authenticate: Authenticator }): void {
  const config = { access: { roles: ['admin'], bound: 'refused' } } as const;
  app.get('/api/tokens/', {
    config,
    schema: {
      summary: 'All tokens, without their secrets',
      tags: ['tokens'],
      querystring: Page,
      response: {
        200: Type.Object(
          { results: Type.Array(Token), next_cursor: Type.Union([Type.String(), Type.Null()]) },
          { examples: [{ results: [example], next_cursor: null }] },
        ),
      },
    },
    handler: async (request) => {
      const { limit = 100, cursor } = request.query as { limit?: number; cursor?: string };
      return await listTokens(deps.pool, { limit, ...(cursor === undefined ? {} : { cursor }) });
    },
  });
  app.get('/api/tokens/current', {
    config: { access: { roles, bound: 'limited' } },
    schema: {
      summary: 'The token that asks: its roles, and the place it is bound to',
      tags: ['tokens'],
      response: { 200: Current },
    },
    handler: async ({ principal }) => ({
      token_id: principal.tokenId,
      name: principal.name,
      roles: principal.roles,
      place_id: principal.placeId ?? null,
    }),
  });
  app.post('/api/tokens/', {
    config,
    schema: {
      summary: 'Make a token; its secret is shown this once',
      tags: ['tokens'],
      body: Create,
      response: { 201: WithSecret },
    },
    handler: async (request, reply) => {
      const body = request.body as { name: string; roles: string[]; place_id?: string; expires_at?: string };
      const token = await createToken(deps.pool, {
        name: body.name,
        roles: body.roles,
        ...(body.place_id === undefined ? {} : { placeId: body.place_id }),
        ...(body.expires_at === undefined ? {} : { expiresAt: body.expires_at }),
      });
      deps.authenticate.forget();
      return reply.code(201).header('cache-control', 'no-store').send(token);
    },
  });
  app.post('/api/tokens/:id/rotate', {
    config,
    schema: {
      summary: 'A new secret under the same id; the old one stops working',
      tags: ['tokens'],
      params: Id,
      response: { 200: WithSecret },
    },
    handler: async (request, reply) => {
      const token = await rotateToken(deps.pool, (request.params as { id: string }).id);
      deps.authenticate.forget();
      return reply.header('cache-control', 'no-store').send(token);
    },
  });
  app.delete('/api/tokens/:id', {
    config,
    schema: { summary: 'Revoke a token', tags: ['tokens'], params: Id, response: { 200: Token } },
    handler: async (request) => {
      const token = await revokeToken(deps.pool, (request.params as { id: string }).id);
      deps.authenticate.forget();
      return token;
    },
  });
}
