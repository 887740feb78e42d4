import { isUtf8 } from 'node:buffer';
import { CodedError } from '../base/errors.ts';
import { maximumDocumentBytes } from './imported.ts';
import { type Line, splitLines } from './read-lines.ts';

export type CsvOptions = {
  encoding?: string;
  delimiter?: string;
  /** The input is the beginning of a file: a row whose quotes are still open at its end is left out. */
  goesOn?: boolean;
};
/**
 * `line` is the first line of the row, `original` its lines as they stand in the file. A row of the wrong
 * length keeps its cells: they may still tell which receipt it spoils. `end` is where the next row begins (see
 * `Line`).
 */
export type CsvRow = { line: number; end: number; original: Buffer[] } & (
  | { cells: string[]; trouble?: undefined }
  | { cells?: string[]; trouble: string }
);

/**
 * The rows of a CSV file (RFC 4180), the header first, those of one chunk at a time. A library is not used
 * here because a bad row has to cost that row alone: where its quotes do not close, reading goes on at the
 * line after it, and the bytes of every row are kept as they were.
 */
export async function* readCsv(
  input: AsyncIterable<Buffer>,
  options: CsvOptions = {},
): AsyncGenerator<CsvRow[]> {
  const splitter = new RowSplitter(options);
  for await (const lines of splitLines(input)) yield splitter.read(lines, false);
  if (options.goesOn !== true) yield splitter.read([], true);
}

class RowSplitter {
  private readonly decode: (bytes: Buffer) => string;
  private readonly delimiter: string;
  private columns: number | undefined;
  /** Lines of a row whose quotes are still open. */
  private open: Line[] = [];
  private openBytes = 0;
  private cells = new CellReader('');

  constructor(options: CsvOptions) {
    this.decode = decoder(options.encoding ?? 'utf-8');
    this.delimiter = options.delimiter ?? ',';
  }

  read(lines: readonly Line[], isEnd: boolean): CsvRow[] {
    const rows: CsvRow[] = [];
    const waiting = [...lines].reverse();
    while (waiting.length > 0 || (isEnd && this.open.length > 0)) {
      const line = waiting.pop();
      const row = line === undefined ? this.giveUp(waiting) : this.take(line, waiting);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  private take(line: Line, waiting: Line[]): CsvRow | undefined {
    const text = this.text(line);
    if (this.open.length === 0) {
      if (text === '') return undefined;
      if (text === undefined) return bad(line, unreadable(line));
      if (!text.includes('"')) return this.checked(line, line.end, [line.bytes], text.split(this.delimiter));
      this.cells = new CellReader(this.delimiter);
    }
    this.open.push(line);
    this.openBytes += line.size;
    if (text === undefined || this.openBytes > maximumDocumentBytes) return this.giveUp(waiting);
    const state = this.cells.read(text);
    if (state === 'open') return undefined;
    if (state === 'wrong') return this.giveUp(waiting);
    const original = this.open.map((part) => part.bytes);
    const first = this.open[0]!;
    this.reset();
    return this.checked(first, line.end, original, this.cells.cells);
  }

  /** The first line of the row is bad by itself; what was read after it is read again. */
  private giveUp(waiting: Line[]): CsvRow {
    const [first, ...others] = this.open;
    for (const line of others.reverse()) waiting.push(line);
    this.reset();
    return bad(first!, 'a cell opens a quote that is not closed before the next delimiter');
  }

  private reset(): void {
    this.open = [];
    this.openBytes = 0;
  }

  private text(line: Line): string | undefined {
    if (line.size > maximumDocumentBytes) return undefined;
    try {
      return this.decode(line.bytes);
    } catch {
      return undefined;
    }
  }

  private checked({ line }: Line, end: number, original: Buffer[], cells: string[]): CsvRow {
    this.columns ??= cells.length;
    if (cells.length === this.columns) return { line, end, original, cells };
    const trouble = `the row has ${cells.length} cells, the header ${this.columns}`;
    return { line, end, original, cells, trouble };
  }
}

function bad(line: Line, trouble: string): CsvRow {
  return { line: line.line, end: line.end, original: [line.bytes], trouble };
}

function unreadable(line: Line): string {
  return line.size > maximumDocumentBytes
    ? `the line has ${line.size} bytes, over the limit of ${maximumDocumentBytes}`
    : 'the line is not UTF-8; name its "encoding" in the mapping (latin1 or windows-1251)';
}

/** The cells of one row, which may come in several lines. */
class CellReader {
  readonly cells: string[] = [];
  private readonly delimiter: string;
  private cell = '';
  private isOpen = false;

  constructor(delimiter: string) {
    this.delimiter = delimiter;
  }

  /** A quote inside a cell that did not begin with one is a plain character, as in `12" pan`. */
  read(text: string): 'done' | 'open' | 'wrong' {
    let index = 0;
    if (this.isOpen) this.cell += '\n';
    for (;;) {
      if (!this.isOpen && text[index] !== '"') {
        const end = text.indexOf(this.delimiter, index);
        this.cells.push(text.slice(index, end < 0 ? undefined : end));
        if (end < 0) return 'done';
        index = end + 1;
        continue;
      }
      if (!this.isOpen) {
        this.isOpen = true;
        index++;
      }
      const end = text.indexOf('"', index);
      if (end < 0) {
        this.cell += text.slice(index);
        return 'open';
      }
      this.cell += text.slice(index, end);
      index = end + 1;
      if (text[index] === '"') {
        this.cell += '"';
        index++;
        continue;
      }
      this.cells.push(this.cell);
      this.cell = '';
      this.isOpen = false;
      if (index === text.length) return 'done';
      if (text[index] !== this.delimiter) return 'wrong';
      index++;
    }
  }
}

/** Latin-1 is read as windows-1252, its superset, as every browser does. */
function decoder(encoding: string): (bytes: Buffer) => string {
  if (encoding === 'utf-8') {
    return (bytes) => {
      if (!isUtf8(bytes)) throw new TypeError('not UTF-8');
      return bytes.toString('utf8');
    };
  }
  try {
    const text = new TextDecoder(encoding === 'latin1' ? 'windows-1252' : encoding, { fatal: true });
    return (bytes) => text.decode(bytes);
  } catch (error) {
    throw new CodedError('import_failed', `the encoding ${encoding} is not known`, { cause: error });
  }
}
