import { trimBytes } from '../base/bytes.ts';
import type { Imported } from './map-rows.ts';

const newline = 0x0a;

/** NDJSON: a document a line. */
export async function* readLines(input: AsyncIterable<Buffer>): AsyncGenerator<Imported> {
  let line = 0;
  let rest: Buffer = Buffer.alloc(0);
  const make = (bytes: Buffer): Imported | undefined => {
    line++;
    const body = trimBytes(line === 1 && bytes[0] === 0xef ? bytes.subarray(3) : bytes);
    return body.length === 0
      ? undefined
      : { line, raw: body.toString('utf8'), bytes: bytes.length + 1, body: Buffer.from(body) };
  };
  for await (const chunk of input) {
    const whole = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = whole.indexOf(newline); end >= 0; end = whole.indexOf(newline, start)) {
      const made = make(whole.subarray(start, end));
      start = end + 1;
      if (made !== undefined) yield made;
    }
    rest = whole.subarray(start);
  }
  const last = make(rest);
  if (last !== undefined) yield last;
}

/** The elements of a JSON array, one at a time, without holding the file. */
export async function* readArray(input: AsyncIterable<Buffer>): AsyncGenerator<Imported> {
  const scan = { depth: 0, inString: false, escaped: false, line: 1, startLine: 1 };
  let element: Buffer[] = [];
  for await (const chunk of input) {
    let start = scan.depth > 0 ? 0 : -1;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index]!;
      if (byte === newline) scan.line++;
      if (scan.inString) {
        if (scan.escaped) scan.escaped = false;
        else if (byte === 0x5c) scan.escaped = true;
        else if (byte === 0x22) scan.inString = false;
        continue;
      }
      const isSeparator = scan.depth === 1 && (byte === 0x2c || byte === 0x5d);
      if (isSeparator) {
        element.push(chunk.subarray(start, index));
        const body = trimBytes(Buffer.concat(element));
        element = [];
        start = index + 1;
        if (body.length > 0)
          yield {
            line: scan.startLine,
            raw: body.toString('utf8'),
            bytes: body.length + 1,
            body: Buffer.from(body),
          };
        scan.startLine = scan.line;
      }
      if (byte === 0x22) scan.inString = true;
      else if (byte === 0x5b || byte === 0x7b) {
        scan.depth++;
        if (scan.depth === 1) start = index + 1;
      } else if (byte === 0x5d || byte === 0x7d) scan.depth--;
    }
    if (scan.depth > 0 && start >= 0) element.push(Buffer.from(chunk.subarray(start)));
  }
  const left = trimBytes(Buffer.concat(element));
  if (scan.depth > 0 || left.length > 0) {
    yield {
      line: scan.startLine,
      raw: left.toString('utf8').slice(0, 1000),
      bytes: left.length,
      trouble: 'the file ends inside the array',
    };
  }
}
