import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { CodedError } from '../base/errors.ts';
import { badText } from './bad-text.ts';
import type { App } from './server.ts';

export const managementBodyBytes = 1024 * 1024;
/** For the whole body: whoever sends a byte now and then must not hold a connection for ever. */
const managementBodyMs = 30_000;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Intake reads its bodies itself, so that a document is kept byte for byte: with `rawBody` the handler gets
 * the untouched stream, and as long for it as it wants. Everything else is JSON of at most 1 MiB, whole within
 * `timeoutMs`.
 */
export function registerBodies(app: App, timeoutMs = managementBodyMs): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request, payload, done) => {
    if (request.routeOptions.config.rawBody === true) return done(null, payload);
    readJson(request, payload, timeoutMs).then((value) => done(null, value), done);
  });
  app.addHook('preValidation', (request, _reply, done) => {
    const errors = [...badText('query', request.query), ...badText('path', request.params)];
    if (request.routeOptions.config.rawBody !== true) errors.push(...badText('body', request.body));
    if (errors.length === 0) return done();
    const detail = errors.map((one) => `${one.pointer} ${one.message}`).join('; ');
    done(new CodedError('invalid_parameters', detail, { errors }));
  });
}

async function readJson(
  { headers }: FastifyRequest,
  payload: IncomingMessage,
  timeoutMs: number,
): Promise<unknown> {
  const bytes = await readWithin(payload, headers['content-length'], timeoutMs);
  if (bytes.length === 0) return undefined;
  if (!/^application\/(json|[\w.+-]+\+json)\s*(;|$)/i.test(headers['content-type'] ?? ''))
    throw new CodedError('unsupported_media_type', 'send application/json');
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new CodedError('unsupported_media_type', 'send the body without content-encoding');
  return parseJson(bytes);
}

/** Stops at the first byte over the limit, however much more was announced or would come, and when time is up. */
function readWithin(
  payload: IncomingMessage,
  announced: string | undefined,
  timeoutMs: number,
): Promise<Buffer> {
  const tooLarge = () =>
    new CodedError('body_too_large', `the body is over ${managementBodyBytes} bytes; send less at once`);
  if (Number(announced ?? 0) > managementBodyBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const collect = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= managementBodyBytes) chunks.push(chunk);
      else stop(tooLarge());
    };
    const stop = (error: Error) => {
      clearTimeout(timer);
      payload.off('data', collect).pause();
      reject(error);
    };
    const timer = setTimeout(() => stop(tooSlow(timeoutMs)), timeoutMs);
    payload.on('data', collect);
    payload.on('error', stop);
    payload.on('close', () => clearTimeout(timer));
    payload.on('end', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
  });
}

function tooSlow(timeoutMs: number): CodedError {
  const message = `the body did not arrive within ${timeoutMs / 1000} s; send it again, all at once`;
  return new CodedError('request_timeout', message);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes), withoutProto);
  } catch (error) {
    throw new CodedError('not_json', `the body is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** A key that would reach the prototype when members are copied is dropped. */
function withoutProto(this: unknown, key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value;
}
