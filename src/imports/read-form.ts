import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { CodedError } from '../base/errors.ts';
import { discardRest } from '../http/request-bytes.ts';

export const maximumFormBytes = 24 * 1024 * 1024;
const formMs = 60_000;

/** A form with files (`multipart/form-data`), held in memory whole. */
export type ImportForm = {
  /** The piece of the file, under the name `file`. */
  file: { name: string; bytes: Buffer };
  /** Those that a mapping looks things up in, each under the name `lookup`. */
  lookups: ReadonlyMap<string, Buffer>;
  text(name: string): string | undefined;
  /** A field of JSON; error `not_importable` where it is none. */
  json(name: string): unknown;
};

/** Errors: `unsupported_media_type`, `body_too_large`, `request_timeout`, `not_importable`. */
export async function readForm(request: FastifyRequest): Promise<ImportForm> {
  const raw = (request.body as Readable | undefined) ?? request.raw;
  const type = request.headers['content-type'] ?? '';
  try {
    if (!/^multipart\/form-data\s*;/i.test(type))
      throw new CodedError(
        'unsupported_media_type',
        'send multipart/form-data with the part of the file as "file"',
      );
    const bytes = await readWithin(raw);
    return await formOf(await parseForm(bytes, type));
  } finally {
    await discardRest(raw);
  }
}

async function readWithin(raw: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => raw.destroy(tooSlow()), formMs);
  try {
    for await (const chunk of raw.iterator({ destroyOnReturn: false })) {
      size += (chunk as Buffer).length;
      if (size > maximumFormBytes)
        throw new CodedError(
          'body_too_large',
          `the part and the files it looks things up in are over ${maximumFormBytes} bytes; send less of the file at once, and load a file with larger look-ups by tillstream import`,
        );
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const message = 'the connection ended inside the body; send it again';
    throw new CodedError('bad_request', message, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks);
}

function tooSlow(): CodedError {
  return new CodedError(
    'request_timeout',
    `the part did not arrive within ${formMs / 1000} s; send less at once`,
  );
}

async function parseForm(bytes: Buffer, type: string): Promise<FormData> {
  try {
    return await new Response(bytes as Buffer<ArrayBuffer>, { headers: { 'content-type': type } }).formData();
  } catch (error) {
    throw new CodedError('bad_request', 'the body is not multipart/form-data', { cause: error });
  }
}

async function formOf(data: FormData): Promise<ImportForm> {
  const file = data.get('file');
  if (file === null || typeof file === 'string') throw notImportable('send the part of the file as "file"');
  const lookups = new Map<string, Buffer>();
  for (const lookup of data.getAll('lookup'))
    if (typeof lookup !== 'string') lookups.set(lookup.name, Buffer.from(await lookup.arrayBuffer()));
  const texts = new Map<string, string>();
  for (const [name, value] of data) {
    if (name === 'file' || name === 'lookup') continue;
    texts.set(name, typeof value === 'string' ? value : await value.text());
  }
  return {
    file: { name: file.name, bytes: Buffer.from(await file.arrayBuffer()) },
    lookups,
    text: (name) => texts.get(name),
    json(name) {
      const text = texts.get(name);
      if (text === undefined || text.trim() === '') return undefined;
      try {
        return JSON.parse(text) as unknown;
      } catch (error) {
        throw notImportable(`${name} is not JSON: ${(error as Error).message}`);
      }
    },
  };
}

export function notImportable(message: string, cause?: unknown): CodedError {
  return new CodedError('not_importable', message, cause === undefined ? {} : { cause });
}
