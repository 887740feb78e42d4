import {
  backslash,
  closeBrace,
  closeBracket,
  comma,
  isSpace,
  newline,
  openBrace,
  openBracket,
  quote,
  trimBytes,
} from '../base/bytes.ts';
import { type Imported, keptHeadBytes, maximumDocumentBytes, tooLong } from './imported.ts';
import { withoutMark } from './read-lines.ts';

/**
 * The elements of a JSON array as their own bytes, never more than one of them held. `goesOn`: the input is the
 * beginning of a file, and an element that is not whole is left out.
 */
export async function* readArray(
  input: AsyncIterable<Buffer>,
  options: { goesOn?: boolean } = {},
): AsyncGenerator<Imported[]> {
  const reader = new ArrayReader();
  for await (const chunk of withoutMark(input)) yield reader.read(chunk);
  if (options.goesOn !== true) yield reader.end();
}

/** Counts brackets outside strings; what stands between them is the parser's matter. */
class ArrayReader {
  private state: 'before' | 'inside' | 'after' = 'before';
  private depth = 0;
  private inString = false;
  private escaped = false;
  private line = 1;
  /** Of the element at hand: where it starts, its bytes so far, their number. */
  private startLine = 1;
  private isBlank = true;
  private parts: Buffer[] = [];
  private size = 0;
  private hasElements = false;
  private before = 0;
  private found: Imported[] = [];

  read(chunk: Buffer): Imported[] {
    this.found = [];
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index]!;
      if (byte === newline) this.line++;
      if (this.inString) {
        if (this.escaped) this.escaped = false;
        else if (byte === backslash) this.escaped = true;
        else if (byte === quote) this.inString = false;
        continue;
      }
      if (isSpace(byte)) continue;
      if (this.state === 'before') {
        // Whoever chose this reader saw the bracket.
        this.state = 'inside';
        start = index + 1;
        continue;
      }
      if (this.depth === 0 && this.state === 'inside' && (byte === comma || byte === closeBracket)) {
        this.keep(chunk.subarray(start, index));
        this.finish(byte === closeBracket, this.before + index + (byte === comma ? 1 : 0));
        start = index + 1;
        if (byte === closeBracket) this.state = 'after';
        continue;
      }
      if (this.isBlank) {
        this.isBlank = false;
        this.startLine = this.line;
      }
      if (byte === quote) this.inString = true;
      else if (byte === openBrace || byte === openBracket) this.depth++;
      // One brace too many spoils its own element and none of the next.
      else if ((byte === closeBrace || byte === closeBracket) && this.depth > 0) this.depth--;
    }
    if (this.state !== 'before') this.keep(chunk.subarray(start));
    this.before += chunk.length;
    return this.found;
  }

  end(): Imported[] {
    this.found = [];
    const left = trimBytes(Buffer.concat(this.parts));
    const head = [left.subarray(0, keptHeadBytes)];
    if (this.state === 'inside')
      this.found.push({ line: this.startLine, original: head, trouble: 'the file ends inside the array' });
    else if (left.length > 0)
      this.found.push({ line: this.startLine, original: head, trouble: 'there is more after the array' });
    return this.found;
  }

  private keep(part: Buffer): void {
    if (this.size <= maximumDocumentBytes && part.length > 0) this.parts.push(part);
    this.size += part.length;
  }

  private finish(isLast: boolean, end: number): void {
    const whole = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
    const body = trimBytes(whole);
    const line = this.isBlank ? this.line : this.startLine;
    if (this.size > maximumDocumentBytes)
      this.found.push({
        ...{ line, end, original: [body.subarray(0, keptHeadBytes)] },
        trouble: tooLong(this.size),
      });
    else if (body.length > 0) this.found.push({ line, end, original: [onOneLine(body)], body });
    else if (!isLast || this.hasElements)
      this.found.push({ line, end, original: [], trouble: 'nothing stands between two commas' });
    this.hasElements = true;
    this.parts = [];
    this.size = 0;
    this.isBlank = true;
  }
}

/** So that rejected elements can be imported as NDJSON: a line end inside an element is only ever white space. */
function onOneLine(body: Buffer): Buffer {
  if (!body.includes(newline)) return body;
  const copy = Buffer.from(body);
  for (let index = 0; index < copy.length; index++)
    if (copy[index] === newline || copy[index] === 0x0d) copy[index] = 0x20;
  return copy;
}
