import { trimBytes } from '../base/bytes.ts';
import { CodedError } from '../base/errors.ts';
import { type Imported, keptHeadBytes, maximumDocumentBytes, tooLong } from './imported.ts';

/**
 * A line without its line end; of one over the limit `bytes` is the beginning and `size` the true length. `end`
 * is where the next line begins, in bytes after a byte order mark.
 */
export type Line = { line: number; bytes: Buffer; size: number; end: number };

const newline = 0x0a;

/**
 * The lines of a file, those of one chunk at a time: an await for each line would cost as much as reading
 * it. Holds no more of a line than the limit of a document.
 */
export async function* splitLines(input: AsyncIterable<Buffer>): AsyncGenerator<Line[]> {
  let parts: Buffer[] = [];
  let size = 0;
  let line = 0;
  let before = 0;
  const keep = (part: Buffer) => {
    if (size <= maximumDocumentBytes) parts.push(part);
    size += part.length;
  };
  const finish = (end: number): Line => {
    const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    const bytes = size > maximumDocumentBytes ? Buffer.from(whole.subarray(0, keptHeadBytes)) : whole;
    const made = { line: ++line, bytes: withoutReturn(bytes), size, end };
    parts = [];
    size = 0;
    return made;
  };
  for await (const chunk of withoutMark(input)) {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      keep(chunk.subarray(start, end));
      lines.push(finish(before + end + 1));
      start = end + 1;
    }
    if (start < chunk.length) keep(chunk.subarray(start));
    before += chunk.length;
    yield lines;
  }
  if (size > 0) yield [finish(before)];
}

function withoutReturn(bytes: Buffer): Buffer {
  return bytes[bytes.length - 1] === 0x0d ? bytes.subarray(0, -1) : bytes;
}

/** Without the mark that some programs put before UTF-8; UTF-16 is refused, since nothing in it could be read. */
export async function* withoutMark(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let first: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of input) {
    if (first === undefined) {
      yield chunk;
      continue;
    }
    first = first.length === 0 ? chunk : Buffer.concat([first, chunk]);
    if (first.length < 3) continue;
    if ((first[0] === 0xff && first[1] === 0xfe) || (first[0] === 0xfe && first[1] === 0xff))
      throw new CodedError('import_failed', 'the file is UTF-16; save it as UTF-8 and import it again');
    const marked = first[0] === 0xef && first[1] === 0xbb && first[2] === 0xbf;
    yield marked ? first.subarray(3) : first;
    first = undefined;
  }
  if (first !== undefined && first.length > 0) yield first;
}

/** NDJSON: a document a line; empty lines are left out. */
export async function* readNdjson(input: AsyncIterable<Buffer>): AsyncGenerator<Imported[]> {
  for await (const lines of splitLines(input)) {
    const documents: Imported[] = [];
    for (const { line, bytes, size } of lines) {
      const body = trimBytes(bytes);
      if (body.length === 0) continue;
      if (size > maximumDocumentBytes) documents.push({ line, original: [body], trouble: tooLong(size) });
      else documents.push({ line, original: [body], body });
    }
    yield documents;
  }
}
