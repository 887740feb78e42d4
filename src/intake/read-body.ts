import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CodedError } from '../base/errors.ts';

/** The request's bytes with gzip undone; what does not inflate fails the reader with `bad_request`. */
export function decoded(input: Readable, encoding: string | undefined): AsyncIterable<Buffer> {
  const name = (encoding ?? 'identity').trim().toLowerCase();
  if (name === 'identity' || name === '') return input;
  if (name !== 'gzip' && name !== 'x-gzip')
    throw new CodedError('unsupported_media_type', `content-encoding ${name} is not read; send gzip or none`);
  return inflate(input);
}

async function* inflate(input: Readable): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  input.on('error', (error) => gunzip.destroy(error));
  input.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw new CodedError('bad_request', `the body is not gzip: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    input.unpipe(gunzip);
    gunzip.destroy();
  }
}

export type WholeBody = { body: Buffer; size: number; complete: boolean };

/** Reads up to `limit` bytes; past them `complete` is false and nothing more is inflated or kept. */
export async function readWhole(input: AsyncIterable<Buffer>, limit: number): Promise<WholeBody> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    size += chunk.length;
    chunks.push(chunk);
    if (size > limit) return { body: Buffer.concat(chunks), size, complete: false };
  }
  return { body: Buffer.concat(chunks), size, complete: true };
}
