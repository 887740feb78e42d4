import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Client } from '../base/db.ts';
import type { CarriedTable } from './carried-tables.ts';

/** `bytes` and `sha256` are those of the file. */
export type CopiedFile = { rows: number; bytes: number; sha256: string };
/** Told with every chunk, in bytes as PostgreSQL sends them. */
export type OnBytes = (bytes: number) => void;

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

function hashing() {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = tap((chunk) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  return { stream, result: () => ({ bytes, sha256: hash.digest('hex') }) };
}

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
  onBytes: OnBytes,
): Promise<CopiedFile> {
  const rows = client.query(copyTo(copyOutStatement(table), { highWaterMark: chunkBytes }));
  const hash = hashing();
  await pipeline(
    rows,
    tap((chunk) => onBytes(chunk.length)),
    createGzip(compression),
    hash.stream,
    // Flushed to the disk before it is closed: a power cut must not leave a manifest without its files.
    createWriteStream(file, { mode: 0o600, flags: 'wx', flush: true }),
  );
  await commandEnded(client);
  return { rows: rows.rowCount, ...hash.result() };
}

/** The way back. What the file turned out to be is for the caller to compare, before COMMIT. */
export async function copyFromFile(
  client: Client,
  table: CarriedTable,
  file: string,
  onBytes: OnBytes,
): Promise<CopiedFile> {
  const rows = client.query(copyFrom(copyInStatement(table)));
  const hash = hashing();
  await pipeline(
    createReadStream(file, { highWaterMark: chunkBytes }),
    hash.stream,
    createGunzip({ chunkSize: chunkBytes }),
    tap((chunk) => onBytes(chunk.length)),
    rows,
  );
  return { rows: rows.rowCount, ...hash.result() };
}

/** From one database straight into another; answers the rows. */
export async function copyAcross(
  from: { client: Client; statement: string },
  to: { client: Client; statement: string },
  onBytes: OnBytes,
): Promise<number> {
  const source = from.client.query(copyTo(from.statement, { highWaterMark: chunkBytes }));
  const target = to.client.query(copyFrom(to.statement));
  await pipeline(
    source,
    tap((chunk) => onBytes(chunk.length)),
    target,
  );
  await commandEnded(from.client);
  return target.rowCount;
}

/** The stream ends before the command does, whose end tells the number of rows. */
async function commandEnded(client: Client): Promise<void> {
  await client.query('select');
}
