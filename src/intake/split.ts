import { trimBytes } from '../base/bytes.ts';

const quote = 0x22;
const backslash = 0x5c;
const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * The elements of a JSON array as their own bytes, so that each is journaled as it was sent; null where the
 * body is not an array whose brackets and strings close.
 */
export function splitArray(body: Buffer): Buffer[] | null {
  let index = 0;
  while (index < body.length && isSpace(body[index]!)) index++;
  if (body[index] !== 0x5b) return null;
  const elements: Buffer[] = [];
  let start = ++index;
  let depth = 0;
  let closed = -1;
  for (; index < body.length; index++) {
    const byte = body[index]!;
    if (byte === quote) {
      for (index++; index < body.length && body[index] !== quote; index++)
        if (body[index] === backslash) index++;
    } else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || (byte === 0x5d && depth > 0)) depth--;
    else if (depth === 0 && (byte === 0x2c || byte === 0x5d)) {
      const element = trimBytes(body.subarray(start, index));
      if (byte === 0x5d && element.length === 0 && elements.length === 0) closed = index;
      else if (element.length === 0) return null;
      else elements.push(element);
      start = index + 1;
      if (byte === 0x5d) {
        closed = index;
        break;
      }
    }
  }
  if (closed < 0 || trimBytes(body.subarray(closed + 1)).length > 0) return null;
  return elements;
}

export type LongLine = { tooLong: number; head: Buffer };
export const keptHeadBytes = 4096;

/**
 * Lines of a stream without their line ends; empty ones are left out. A line over `maximumBytes` comes as
 * its size and first 4 KiB: no more of it is ever held.
 */
export async function* splitLines(
  input: AsyncIterable<Buffer>,
  maximumBytes: number,
): AsyncGenerator<Buffer | LongLine> {
  let pending: Buffer[] = [];
  let size = 0;
  let first = true;
  const finish = (): Buffer | LongLine | undefined => {
    const whole = Buffer.concat(pending);
    const length = size;
    pending = [];
    size = 0;
    if (length > maximumBytes) return { tooLong: length, head: whole.subarray(0, keptHeadBytes) };
    const hasMark = first && whole[0] === 0xef && whole[1] === 0xbb && whole[2] === 0xbf;
    first = false;
    const line = trimBytes(hasMark ? whole.subarray(3) : whole);
    return line.length === 0 ? undefined : line;
  };
  const keep = (part: Buffer) => {
    if (size <= maximumBytes) pending.push(part);
    size += part.length;
  };
  for await (const chunk of input) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      keep(chunk.subarray(start, end));
      start = end + 1;
      const line = finish();
      if (line !== undefined) yield line;
    }
    if (start < chunk.length) keep(chunk.subarray(start));
  }
  const last = finish();
  if (last !== undefined) yield last;
}
