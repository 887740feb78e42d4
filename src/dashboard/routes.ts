import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import type { App } from '../http/server.ts';
import { findBuild } from './find-build.ts';
import { type Encoding, loadFiles, placePage, type ServedFile } from './load-files.ts';

const pageFile = 'index.html';
/** What is the program's own, and never an address of a page. */
const apiPath = /^\/(?:api|docs|openapi\.json|metrics|healthz|readyz)(?:\/|$)/;
const open = { access: { roles: 'open', bound: 'limited' } } as const;
const yearSeconds = 31_536_000;

/** Everything from here alone; images also as data, for what a chart is saved as. */
const contentSecurityPolicy = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:", "font-src 'self'"],
  ...["connect-src 'self'", "base-uri 'self'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');

export type DashboardDeps = { config: Pick<Config, 'basePath'> };

/** The dashboard at `/`: its page at every address that is nothing else's, its files beside it. */
export function registerDashboardRoutes(app: App, { config }: DashboardDeps): void {
  let opened: Promise<Map<string, ServedFile>> | undefined;
  // Built and read when it is first asked for: a program that nobody looks at does neither.
  async function files(): Promise<Map<string, ServedFile>> {
    opened ??= openFiles(config.basePath);
    try {
      return await opened;
    } catch (error) {
      opened = undefined;
      throw error;
    }
  }
  async function serve(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const url = request.url.split('?')[0]!;
    if (apiPath.test(url)) return callNotFound(reply);
    const name = url.slice(1);
    const wantsPage = name === '' || (request.headers.accept ?? '').includes('text/html');
    const file = (await files()).get(name) ?? (wantsPage ? (await files()).get(pageFile) : undefined);
    return file === undefined ? callNotFound(reply) : sendFile(request, reply, file);
  }
  for (const url of ['/', '/*'])
    app.get(url, { config: open, schema: { hide: true }, handler: serve as never });
}

function callNotFound(reply: FastifyReply): FastifyReply {
  reply.callNotFound();
  return reply;
}

async function openFiles(basePath: string): Promise<Map<string, ServedFile>> {
  const files = await loadFiles(await findBuild());
  files.set(pageFile, placePage(files.get(pageFile)!, basePath));
  return files;
}

function sendFile(request: FastifyRequest, reply: FastifyReply, file: ServedFile): FastifyReply {
  reply.headers({
    'content-type': file.type,
    'content-security-policy': contentSecurityPolicy,
    'cache-control': file.isImmutable ? `public, max-age=${yearSeconds}, immutable` : 'no-cache',
    vary: 'accept-encoding, accept',
    etag: file.etag,
  });
  if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
  const encoding = chooseEncoding(request.headers['accept-encoding'], file);
  if (encoding === undefined) return reply.send(file.bytes);
  return reply.header('content-encoding', encoding).send(file.encoded[encoding]);
}

function chooseEncoding(accepted: string | string[] | undefined, file: ServedFile): Encoding | undefined {
  const offers = String(accepted ?? '')
    .split(',')
    .map((offer) => /^\s*([\w*-]+)\s*(?:;\s*q=([\d.]+))?/.exec(offer))
    .filter((match) => match !== null && Number(match[2] ?? 1) > 0)
    .map((match) => match![1]);
  return (['br', 'gzip'] as const).find(
    (encoding) => offers.includes(encoding) && file.encoded[encoding] !== undefined,
  );
}
