import type { Config } from '../config.ts';
import { renderDocs, renderErrors } from './docs-page.ts';
import { type ApiDocument, describeApi } from './openapi.ts';
import { pageStyle } from './page-layout.ts';
import type { App } from './server.ts';

const open = { access: { roles: 'open', bound: 'limited' } } as const;
const hidden = { hide: true } as const;
const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
} as const;

/** `/openapi.json`, and pages that show it without asking another host for anything. */
export function registerDocsRoutes(
  app: App,
  config: Config,
  describe: () => Promise<ApiDocument> = async () => describeApi(app, config),
): void {
  // Made at the first question, when every route is known, and once, since none comes later.
  let described: Promise<ApiDocument> | undefined;
  let page: string | undefined;
  const document = () => (described ??= describe());

  app.get('/openapi.json', { config: open, schema: hidden, handler: async () => document() });
  app.get('/docs', {
    config: open,
    schema: hidden,
    handler: async (_request, reply) => {
      page ??= renderDocs(await document(), config.basePath);
      return reply.headers(pageHeaders).send(page);
    },
  });
  app.get('/docs/errors', {
    config: open,
    schema: hidden,
    handler: async (_request, reply) => reply.headers(pageHeaders).send(renderErrors(config.basePath)),
  });
  app.get('/docs/style.css', {
    config: open,
    schema: hidden,
    handler: async (_request, reply) => reply.type('text/css; charset=utf-8').send(pageStyle),
  });
}
