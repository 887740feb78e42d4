import {
  backslash,
  closeBrace,
  closeBracket,
  comma,
  isSpace,
  openBrace,
  openBracket,
  quote,
  trimBytes,
} from '../base/bytes.ts';

export function withoutByteOrderMark(body: Buffer): Buffer {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body;
}

/** Where the element that begins at `start` ends: at the comma or bracket after it, −1 where neither comes. */
function elementEnd(body: Buffer, start: number): number {
  let depth = 0;
  for (let index = start; index < body.length; index++) {
    const byte = body[index]!;
    if (byte === quote) {
      for (index++; index < body.length && body[index] !== quote; index++)
        if (body[index] === backslash) index++;
    } else if (byte === openBrace || byte === openBracket) depth++;
    else if (depth === 0 && (byte === comma || byte === closeBracket)) return index;
    else if (byte === closeBrace || byte === closeBracket) {
      depth--;
      if (depth < 0) return -1;
    }
  }
  return -1;
}

function skipSpace(body: Buffer, from: number): number {
  let index = from;
  while (isSpace(body[index])) index++;
  return index;
}

/**
 * How many elements the JSON array in `body` has, −1 where its brackets, braces and strings do not close. What
 * stands inside an element is not looked at: a broken one is one broken document among good ones.
 */
export function countElements(body: Buffer): number {
  const open = skipSpace(body, 0);
  if (body[open] !== openBracket) return -1;
  let start = skipSpace(body, open + 1);
  if (body[start] === closeBracket) return skipSpace(body, start + 1) === body.length ? 0 : -1;
  for (let count = 1; ; count++) {
    const end = elementEnd(body, start);
    if (end <= start) return -1;
    if (body[end] === closeBracket) return skipSpace(body, end + 1) === body.length ? count : -1;
    start = skipSpace(body, end + 1);
  }
}

/** The elements of an array that `countElements` has counted, each as its own bytes, as it was sent. */
export function* arrayElements(body: Buffer): Generator<Buffer> {
  let start = skipSpace(body, 0) + 1;
  for (;;) {
    const end = elementEnd(body, start);
    yield trimBytes(body.subarray(start, end));
    if (body[end] === closeBracket) return;
    start = end + 1;
  }
}

/** `endless`: so long that its end is not looked for; it is the last line that is read. */
export type LongLine = { tooLong: number; head: Buffer; endless: boolean };
export const keptHeadBytes = 4096;
/** A line as long as this is a mistake or an attack; under gzip it costs its sender next to nothing. */
export const endlessLineBytes = 64 * 1024 * 1024;

/**
 * Lines of a stream without their line ends, those of one chunk at a time: an await for each would cost as much as
 * reading it. Empty ones are left out. A line over `maximumBytes` comes as its size and first 4 KiB: no more of it
 * than the limit is ever held.
 */
export async function* splitLines(
  input: AsyncIterable<Buffer>,
  maximumBytes: number,
): AsyncGenerator<(Buffer | LongLine)[]> {
  let pending: Buffer[] = [];
  let size = 0;
  let first = true;
  const keep = (part: Buffer) => {
    if (size <= maximumBytes) pending.push(part);
    size += part.length;
  };
  const finish = (): Buffer | LongLine | undefined => {
    const whole = pending.length === 1 ? pending[0]! : Buffer.concat(pending);
    const length = size;
    const marked = first ? withoutByteOrderMark(whole) : whole;
    pending = [];
    size = 0;
    first = false;
    if (length > maximumBytes) {
      const head = Buffer.from(marked.subarray(0, keptHeadBytes));
      return { tooLong: length, head, endless: length > endlessLineBytes };
    }
    const line = trimBytes(marked);
    return line.length === 0 ? undefined : line;
  };
  for await (const chunk of input) {
    const lines: (Buffer | LongLine)[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      keep(chunk.subarray(start, end));
      start = end + 1;
      const line = finish();
      if (line !== undefined) lines.push(line);
    }
    if (start < chunk.length) keep(chunk.subarray(start));
    if (lines.length > 0) yield lines;
    if (size > endlessLineBytes) break;
  }
  const last = finish();
  if (last !== undefined) yield [last];
}
