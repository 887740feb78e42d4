import { newline } from '../base/bytes.ts';
import { CodedError } from '../base/errors.ts';
import type { Imported } from './imported.ts';
import type { Lookup } from './lookups.ts';
import { headerColumns, keyColumn, mapRows } from './map-rows.ts';
import type { Mapping } from './mapping.ts';
import { readArray } from './read-array.ts';
import { type CsvRow, readCsv } from './read-csv.ts';
import { readNdjson, splitLines } from './read-lines.ts';

/** One after the other, so that a part is one batch of the loader. */
export const maximumPartDocuments = 2_000;

export type PartFormat = 'csv' | 'ndjson' | 'array';

/**
 * A piece of a file: its head (the header of a CSV file, the bracket of an array), then whatever follows of it
 * from the document at hand. `isLast`: the file ends where the piece does.
 */
export type Part = {
  bytes: Buffer;
  format: PartFormat;
  isLast: boolean;
  /** For CSV. */
  mapping?: Mapping;
  lookups: ReadonlyMap<string, Lookup>;
  defaultCurrency: string;
  maximumDocuments?: number;
  /** On which the piece goes on after its head; the line after the head where it is not given. */
  line?: number;
};

/** `line` of each document is that of the file; `doneBytes` are those of whole documents, head included. */
export type ReadPart = {
  documents: Imported[];
  headBytes: number;
  doneBytes: number;
  /** On which the next piece goes on. */
  nextLine: number;
};

/**
 * The whole documents of a piece of a file. What is left over at its end is sent again with the next piece, so
 * that neither side has to hold the file. Errors: `import_failed` where the mapping does not fit, or where not
 * one document is whole.
 */
export async function readPart(part: Part): Promise<ReadPart> {
  const { bytes } = part;
  const mark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const read = await readers[part.format](part);
  const [headBytes, doneBytes] = [read.head, read.done].map((end) => (end === 0 ? 0 : end + mark)) as [
    number,
    number,
  ];
  if (doneBytes <= headBytes && !part.isLast && bytes.length > headBytes)
    throw new CodedError('import_failed', `no document is whole in ${bytes.length} bytes; send more at once`);
  if (part.format !== 'csv') {
    const skipped = skippedAfter(part, bytes.subarray(0, headBytes));
    for (const document of read.documents) document.line += skipped;
  }
  return {
    documents: read.documents,
    headBytes,
    doneBytes,
    nextLine:
      (part.line ?? countLines(bytes.subarray(0, headBytes)) + 1) +
      countLines(bytes.subarray(headBytes, doneBytes)),
  };
}

type Read = { documents: Imported[]; head: number; done: number };

const readers: Record<PartFormat, (part: Part) => Promise<Read>> = {
  csv: readCsvPart,
  ndjson: readLinesPart,
  array: readArrayPart,
};

async function readCsvPart(part: Part): Promise<Read> {
  const mapping = part.mapping!;
  if (mapping.sorted === false && mapping.group_by !== undefined)
    throw new CodedError(
      'import_failed',
      'a file whose receipts do not stand together ("sorted": false) is loaded by tillstream import, or sorted first',
    );
  const rows: CsvRow[] = [];
  const whole = part.isLast ? part.bytes : part.bytes.subarray(0, part.bytes.lastIndexOf(newline) + 1);
  for await (const batch of readCsv(one(whole), { ...mapping, goesOn: !part.isLast })) rows.push(...batch);
  const header = rows.shift();
  if (header === undefined) return { documents: [], head: 0, done: 0 };
  const end = endOfReceipts(rows, keyColumn(headerColumns(header), mapping), part);
  const input = withoutMarkBytes(part.bytes);
  const isAll = part.isLast && end === rows.length;
  // Empty lines at the end are done too.
  const used = isAll ? input.length : end === 0 ? header.end : rows[end - 1]!.end;
  const documents: Imported[] = [];
  const skippedLines = skippedAfter(part, input.subarray(0, header.end));
  for await (const batch of mapRows(one(input.subarray(0, used)), { ...part, mapping, skippedLines }))
    documents.push(...batch);
  return { documents, head: header.end, done: used };
}

/**
 * How many rows make whole receipts. Between two that can be read and have different keys nothing carries over,
 * nor between two that cannot be read and do not belong together, so the next piece may begin there.
 */
function endOfReceipts(rows: readonly CsvRow[], keyIndex: number | undefined, part: Part): number {
  const maximum = part.maximumDocuments ?? maximumPartDocuments;
  if (keyIndex === undefined) return Math.min(rows.length, maximum);
  const keyOf = (row: CsvRow | undefined) => {
    const key = row?.trouble === undefined ? row?.cells[keyIndex] : undefined;
    return key?.trim() === '' ? undefined : key;
  };
  const isCut = (one: CsvRow, next: CsvRow, before: string | undefined, key: string | undefined) => {
    if (before === undefined && key === undefined)
      return one.cells?.[keyIndex] !== next.cells?.[keyIndex] || one.cells === undefined;
    return before !== undefined && key !== undefined;
  };
  let receipts = 1;
  let end = 0;
  for (let index = 1; index < rows.length; index++) {
    const [key, before] = [keyOf(rows[index]), keyOf(rows[index - 1])];
    if (key === before && key !== undefined) continue;
    // A row that cannot be read may be a document of its own, so it counts as one.
    if (isCut(rows[index - 1]!, rows[index]!, before, key)) end = index;
    if (receipts >= maximum && end > 0) return end;
    receipts++;
  }
  return part.isLast && (receipts <= maximum || end === 0) ? rows.length : end;
}

async function readLinesPart(part: Part): Promise<Read> {
  const { bytes, isLast } = part;
  const whole = isLast ? bytes : bytes.subarray(0, bytes.lastIndexOf(newline) + 1);
  const maximum = part.maximumDocuments ?? maximumPartDocuments;
  let done = 0;
  let lines = 0;
  reading: for await (const batch of splitLines(one(whole)))
    for (const line of batch) {
      done = line.end;
      if (line.size > 0 && ++lines >= maximum) break reading;
    }
  const documents: Imported[] = [];
  for await (const batch of readNdjson(one(withoutMarkBytes(bytes).subarray(0, done))))
    documents.push(...batch);
  return { documents, head: 0, done };
}

async function readArrayPart(part: Part): Promise<Read> {
  const bytes = withoutMarkBytes(part.bytes);
  const found: Imported[] = [];
  for await (const batch of readArray(one(bytes), { goesOn: !part.isLast })) found.push(...batch);
  const documents = found.slice(0, part.maximumDocuments ?? maximumPartDocuments);
  const head = bytes.indexOf('[') + 1;
  const all = part.isLast && documents.length === found.length;
  return { documents, head, done: all ? bytes.length : (documents.at(-1)?.end ?? head) };
}

function withoutMarkBytes(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** How many lines of the file stand between its head and what the piece has after it. */
function skippedAfter({ line }: Part, head: Buffer): number {
  return line === undefined ? 0 : line - countLines(head) - 1;
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) lines++;
  return lines;
}
