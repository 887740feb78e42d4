import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { type Duplex, type Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Client } from '../base/db.ts';
import type { CarriedTable } from './carried-tables.ts';

/** `bytes` and `sha256` are those of the file. */
export type CopiedFile = { rows: number; bytes: number; sha256: string };
export type CopyOptions = {
  /** Told with every chunk, in bytes as PostgreSQL sends them. */
  onBytes: (bytes: number) => void;
  signal: AbortSignal | undefined;
};

const chunkBytes = 256 * 1024;
/** The cheapest; receipts shrink to a tenth at any level. */
const compression = { level: 1, chunkSize: chunkBytes };

/** Passes through what it counts. */
function tap(look: (chunk: Buffer) => void): Transform {
  return new Transform({
    highWaterMark: chunkBytes,
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      look(chunk);
      done(null, chunk);
    },
  });
}

const counting = (onBytes: (bytes: number) => void) => tap((chunk) => onBytes(chunk.length));

function hashing() {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = tap((chunk) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  return { stream, result: () => ({ bytes, sha256: hash.digest('hex') }) };
}

const signalOf = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });
const listed = ({ columns }: CarriedTable) => columns.join(', ');

/** What a condition picks of a table, as PostgreSQL's binary COPY format; `of` is the table or a part of it. */
export function copyOutStatement(table: CarriedTable, of = table.name, condition = 'true'): string {
  return `copy (select ${listed(table)} from ${of} where ${condition}) to stdout (format binary)`;
}

export function copyInStatement(table: CarriedTable): string {
  return `copy ${table.name} (${listed(table)}) from stdin (format binary)`;
}

/** A whole table into a compressed file (mode 600), never more of it in memory than a few chunks. */
export async function copyToFile(
  client: Client,
  table: CarriedTable,
  file: string,
  { onBytes, signal }: CopyOptions,
): Promise<CopiedFile> {
  const hash = hashing();
  const rows = await copyOut(client, copyOutStatement(table), (from) =>
    pipeline(
      from,
      counting(onBytes),
      createGzip(compression),
      hash.stream,
      // Flushed to the disk before it is closed: a power cut must not leave a manifest without its files.
      createWriteStream(file, { mode: 0o600, flags: 'wx', flush: true }),
      signalOf(signal),
    ),
  );
  return { rows, ...hash.result() };
}

/** The way back. What the file turned out to be is for the caller to compare, before COMMIT. */
export async function copyFromFile(
  client: Client,
  table: CarriedTable,
  file: string,
  { onBytes, signal }: CopyOptions,
): Promise<CopiedFile> {
  const rows = client.query(copyFrom(copyInStatement(table)));
  const hash = hashing();
  await pipeline(
    createReadStream(file, { highWaterMark: chunkBytes }),
    hash.stream,
    createGunzip({ chunkSize: chunkBytes }),
    counting(onBytes),
    rows,
    signalOf(signal),
  );
  return { rows: rows.rowCount, ...hash.result() };
}

/** From one database straight into another; answers the rows. */
export async function copyAcross(
  from: { client: Client; statement: string },
  to: { client: Client; statement: string },
  { onBytes, signal }: CopyOptions,
): Promise<number> {
  return await copyOut(from.client, from.statement, (rows) =>
    pipeline(rows, counting(onBytes), to.client.query(copyFrom(to.statement)), signalOf(signal)),
  );
}

/** Answers the rows. Where `drain` fails the connection is at an end: the server would send on, and nobody read. */
async function copyOut(
  client: Client,
  statement: string,
  drain: (rows: Readable) => Promise<void>,
): Promise<number> {
  const rows = client.query(copyTo(statement, { highWaterMark: chunkBytes }));
  try {
    await drain(rows);
  } catch (error) {
    (rows as unknown as { connection: { stream: Duplex } }).connection.stream.destroy();
    throw error;
  }
  // The stream ends before the command does, whose end tells the number of rows.
  await client.query('select');
  return rows.rowCount;
}
