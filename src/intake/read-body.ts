import { withoutByteOrderMark } from './split.ts';

/** Over the limit, `body` is its beginning and `size` what was read of it. */
export type WholeBody = { body: Buffer; size: number; isArray: boolean; limit: number; complete: boolean };

const openingBracket = 0x5b;

/**
 * Reads one document, or an array of them, which has a limit of its own. Nothing past the limit is read,
 * inflated or kept. A byte order mark is left out.
 */
export async function readWhole(
  input: AsyncIterable<Buffer>,
  limits: { document: number; batch: number },
): Promise<WholeBody> {
  const chunks: Buffer[] = [];
  let size = 0;
  let first: number | undefined;
  let limit = limits.document;
  for await (const chunk of input) {
    size += chunk.length;
    chunks.push(chunk);
    first ??= chunk.find((byte) => byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf);
    if (first === openingBracket) limit = limits.batch;
    if (size > limit) break;
  }
  const body = withoutByteOrderMark(Buffer.concat(chunks));
  return { body, size, isArray: first === openingBracket, limit, complete: size <= limit };
}
