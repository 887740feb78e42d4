import { createHash, type Hash } from 'node:crypto';
import { createReadStream, type ReadStream, statSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CodedError } from '../base/errors.ts';
import type { Source } from '../sales/sale.ts';
import type { Imported } from './imported.ts';
import { filesIn, readLookups } from './lookups.ts';
import { mapRows } from './map-rows.ts';
import { type Mapping, readMapping } from './mapping.ts';
import { readArray } from './read-array.ts';
import { readNdjson, splitLines } from './read-lines.ts';
import { refuseScattered } from './refuse-scattered.ts';

export type ImportFile = {
  name: string;
  /** As it lies on the disk, so before gzip is undone. */
  totalBytes: number;
  /** The same for the same content, mapping, looked-up files, kind and place, whatever the file is called. */
  key: string;
  /** Of all its documents, where that was said. */
  source: Source | undefined;
  /** The first line of a CSV file, which its rejected rows need too. */
  header: Buffer | undefined;
  /** Checks what has to be right before anything is sent, and opens the documents. */
  open(): Promise<AsyncIterable<Imported[]>>;
  readBytes(): number;
};

type Options = { file: string; mapping?: string; source?: Source; place?: string };
const chunkBytes = 128 * 1024;

/** What can be told wrong before a database is opened: `import_failed` with what to do about it. */
export function checkImport(options: Options): { totalBytes: number; mapping: Mapping | undefined } {
  const { file } = options;
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) throw new CodedError('import_failed', `there is no file ${file}`);
  if (!stat.isFile()) throw new CodedError('import_failed', `${file} is not a file`);
  const mapping = options.mapping === undefined ? undefined : readMapping(options.mapping);
  if (mapping !== undefined && options.source !== undefined && options.source !== mapping.source)
    throw new CodedError(
      'import_failed',
      `the mapping makes documents of kind ${mapping.source}; leave --source ${options.source} out`,
    );
  if (mapping === undefined && /\.csv(\.gz)?$/i.test(file))
    throw new CodedError(
      'import_failed',
      'a CSV file needs --mapping; docs/import.md tells how to write one',
    );
  return { totalBytes: stat.size, mapping };
}

/** Errors: `import_failed` where the file or the mapping cannot be used, with what to do about it. */
export async function openImport(options: Options, defaultCurrency: string): Promise<ImportFile> {
  const { file } = options;
  const { totalBytes, mapping } = checkImport(options);
  const folder = path.dirname(options.mapping ?? file);
  let source: ReadStream | undefined;
  return {
    name: path.basename(file),
    totalBytes,
    key: await importKey(options, mapping, folder),
    source: options.source ?? mapping?.source,
    header: mapping === undefined ? undefined : await firstLine(readBytes(file)),
    readBytes: () => source?.bytesRead ?? 0,
    async open() {
      const bytes = () => readBytes(file, (stream) => (source = stream));
      if (mapping === undefined)
        return (await firstByte(readBytes(file))) === 0x5b ? readArray(bytes()) : readNdjson(bytes());
      await refuseScattered(readBytes(file), mapping);
      return mapRows(bytes(), {
        mapping,
        lookups: await readLookups(mapping, filesIn(folder)),
        defaultCurrency,
      });
    },
  };
}

/** The bytes of a file, gzip undone; a damaged one is an `import_failed`. */
export async function* readBytes(
  file: string,
  opened?: (source: ReadStream) => void,
): AsyncGenerator<Buffer> {
  const source = createReadStream(file, { highWaterMark: chunkBytes });
  opened?.(source);
  const whole = file.endsWith('.gz') ? pipeline(source, createGunzip(), () => {}) : source;
  try {
    for await (const chunk of whole) yield chunk as Buffer;
  } catch (error) {
    throw new CodedError('import_failed', `${file} cannot be read on: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    source.destroy();
  }
}

async function importKey(options: Options, mapping: Mapping | undefined, folder: string): Promise<string> {
  const hash = createHash('sha256');
  await hashFile(hash, options.file);
  hash.update(`\n${JSON.stringify(mapping ?? null)}\n${options.place ?? ''}`);
  if (options.source !== undefined) hash.update(`\n${options.source}`);
  for (const lookup of Object.values(mapping?.lookup ?? {})) {
    hash.update('\n');
    await hashFile(hash, path.resolve(folder, lookup.file));
  }
  return hash.digest('hex');
}

async function hashFile(hash: Hash, file: string): Promise<void> {
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  } catch (error) {
    throw new CodedError('import_failed', `${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function firstLine(input: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  for await (const lines of splitLines(input))
    for (const line of lines) if (line.bytes.length > 0) return line.bytes;
  return undefined;
}

async function firstByte(input: AsyncIterable<Buffer>): Promise<number | undefined> {
  for await (const lines of splitLines(input)) {
    for (const { bytes } of lines) for (const byte of bytes) if (byte > 0x20) return byte;
  }
  return undefined;
}
