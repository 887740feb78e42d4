import swagger from '@fastify/swagger';
import { errorTable } from '../base/errors.ts';
import type { Config } from '../config.ts';
import { renderDocs, renderErrors } from './docs-page.ts';
import type { App } from './server.ts';

const open = { access: { roles: 'open', bound: 'limited' } } as const;
const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
} as const;

export const problemSchema = {
  type: 'object',
  description: 'RFC 9457 problem',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(errorTable) },
    detail: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: { pointer: { type: 'string' }, code: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
  required: ['type', 'title', 'status', 'code', 'detail'],
};

/** OpenAPI 3.1 from the routes' own schemas, and a page that shows it without asking another host for anything. */
export async function registerDocs(app: App, config: Config): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tillstream',
        version: '0.1.0',
        description: 'Every sale in, counted exactly once; live numbers out.',
      },
      servers: [{ url: config.basePath === '' ? '/' : config.basePath }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    transform: ({ schema, url, route }) => {
      const access = route.config?.access;
      const described = schema as Record<string, unknown> & { response?: Record<string, unknown> };
      const roles =
        access === undefined || access.roles === 'open'
          ? 'open'
          : [...access.roles, 'admin'].filter((role, index, all) => all.indexOf(role) === index).join(', ');
      const secured = roles === 'open' ? {} : { security: [{ bearer: [] }] };
      const response = {
        ...described?.response,
        default: {
          description: 'A problem',
          content: { 'application/problem+json': { schema: problemSchema } },
        },
      };
      return {
        schema: {
          ...described,
          ...secured,
          description: `Role: ${roles}. ${(described?.description as string) ?? ''}`.trim(),
          response,
        } as typeof schema,
        url,
      };
    },
  });
  app.get('/openapi.json', {
    config: open,
    schema: { hide: true },
    handler: async () => app.swagger(),
  });
  let page: string | undefined;
  app.get('/docs', {
    config: open,
    schema: { hide: true },
    handler: async (_request, reply) => {
      page ??= renderDocs(app.swagger() as unknown as Parameters<typeof renderDocs>[0], config.basePath);
      return reply.headers(pageHeaders).send(page);
    },
  });
  app.get('/docs/errors', {
    config: open,
    schema: { hide: true },
    handler: async (_request, reply) => reply.headers(pageHeaders).send(renderErrors(config.basePath)),
  });
  app.get('/docs/style.css', {
    config: open,
    schema: { hide: true },
    handler: async (_request, reply) => reply.type('text/css; charset=utf-8').send(style),
  });
}

const style = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:.75rem;border:1px solid #8885;border-radius:.5rem}
details{border:1px solid #8885;border-radius:.5rem;margin:.5rem 0;padding:.5rem .75rem}summary{cursor:pointer}
.method{display:inline-block;min-width:4.5rem;font-weight:700}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #8883;vertical-align:top}`;
