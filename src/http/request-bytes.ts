import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CodedError } from '../base/errors.ts';

/** The request's bytes with gzip undone; what does not inflate or ends early fails with `bad_request`. */
export function decoded(input: Readable, encoding: string | undefined): AsyncIterable<Buffer> {
  const name = (encoding ?? 'identity').trim().toLowerCase();
  if (name === 'identity' || name === '') return readPlain(input);
  if (name !== 'gzip' && name !== 'x-gzip')
    throw new CodedError('unsupported_media_type', `content-encoding ${name} is not read; send gzip or none`);
  return inflate(input);
}

/**
 * The stream's own iterator costs more than all else that is done with a small body. The rest of one that is too large is
 * still read (see `discardRest`), so the stream is not destroyed here.
 */
async function* readPlain(input: Readable): AsyncGenerator<Buffer> {
  let failure: unknown;
  let wake = () => {};
  const look = () => wake();
  const fail = (error: unknown) => {
    failure = error;
    wake();
  };
  input.on('readable', look).on('end', look).on('close', look).on('error', fail);
  try {
    while (true) {
      const chunk = input.destroyed ? null : (input.read() as Buffer | null);
      if (chunk !== null) yield chunk;
      else if (input.readableEnded) return;
      else if (input.destroyed) throw endedEarly(failure);
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    input.off('readable', look).off('end', look).off('close', look).off('error', fail);
  }
}

async function* inflate(input: Readable): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  const fail = (error: Error) => gunzip.destroy(endedEarly(error));
  input.once('error', fail);
  input.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const message = `the body is not gzip: ${(error as Error).message}`;
    throw new CodedError('bad_request', message, { cause: error });
  } finally {
    input.off('error', fail);
    input.unpipe(gunzip);
    gunzip.destroy();
  }
}

function endedEarly(cause: unknown): CodedError {
  return new CodedError('bad_request', 'the connection ended inside the body; send it again', { cause });
}

const discardedBytes = 64 * 1024 * 1024;
const discardMs = 2_000;

/**
 * Reads on without keeping anything, within limits: many clients write their whole body before they look at
 * the answer, and would meet a broken connection instead of it.
 */
export function discardRest(input: Readable): Promise<void> {
  if (input.readableEnded || input.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let size = 0;
    const count = (chunk: Buffer) => {
      size += chunk.length;
      if (size > discardedBytes) done();
    };
    const done = () => {
      clearTimeout(timer);
      input.off('data', count).off('end', done).off('close', done).off('error', done);
      resolve();
    };
    const timer = setTimeout(done, discardMs);
    input.on('data', count).once('end', done).once('close', done).once('error', done);
    input.resume();
  });
}
