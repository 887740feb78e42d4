import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CodedError } from '../base/errors.ts';
import { sha256 } from '../base/ids.ts';
import type { CarriedTable, Partition, SequenceState } from './carried-tables.ts';
import type { CopiedFile } from './copy-table.ts';

export type AppliedMigration = { number: number; name: string; checksum: string };
export type BackedUpTable = CarriedTable & CopiedFile & { file: string };

/** What a backup is made of, in `manifest.json`. */
export type Manifest = {
  format: 1;
  /** When its snapshot was taken, RFC 3339: what was committed before is in it, nothing else. */
  takenAt: string;
  postgres: string;
  installation: {
    epoch: number;
    systemIdentifier: string;
    identity: string | null;
    /** Not in backups of older programs, which knew `chain` alone. */
    productIdScope?: string;
  };
  migrations: AppliedMigration[];
  tables: BackedUpTable[];
  partitions: Partition[];
  sequences: SequenceState[];
  jobs: CopiedFile & { file: string };
};

const manifestFile = 'manifest.json';
const format = 1;
const fileName = /^[\w.-]+\.(copy\.gz|json)$/;

const checksumOf = (manifest: Manifest) => sha256(JSON.stringify(manifest)).toString('hex');

/** Written last: a folder without it is no backup. */
export function writeManifest(folder: string, manifest: Manifest): void {
  const text = `${JSON.stringify({ ...manifest, checksum: checksumOf(manifest) }, undefined, 2)}\n`;
  const handle = openSync(path.join(folder, manifestFile), 'wx', 0o600);
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function failed(message: string, cause?: unknown): CodedError {
  return new CodedError('transfer_failed', message, { cause });
}

/**
 * Reads it and looks whether every file is there in its full length. Error `transfer_failed` where it is no
 * whole backup, or one of a format that this program does not know.
 */
export function readManifest(folder: string): Manifest {
  const file = path.join(folder, manifestFile);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw failed(
      `${file} cannot be read (${(error as Error).message}); give the folder that tillstream backup made`,
      error,
    );
  }
  const manifest = parse(file, text);
  for (const entry of [...manifest.tables, manifest.jobs]) {
    if (!fileName.test(entry.file)) throw failed(`${file} names ${entry.file}, which is no file of a backup`);
    const size = statSync(path.join(folder, entry.file), { throwIfNoEntry: false })?.size;
    if (size !== entry.bytes)
      throw failed(
        `${path.join(folder, entry.file)} ${size === undefined ? 'is missing' : `has ${size} bytes instead of ${entry.bytes}`}; take another copy of the backup`,
      );
  }
  return manifest;
}

function parse(file: string, text: string): Manifest {
  const damaged = `${file} is damaged; take another copy of the backup`;
  let value: Manifest & { checksum?: string };
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw failed(damaged, error);
  }
  if (typeof value?.format === 'number' && value.format > format)
    throw failed(`${file} has the format ${value.format} of a newer program; upgrade this one`);
  const { checksum, ...manifest } = value;
  if (checksum !== checksumOf(manifest)) throw failed(damaged);
  return manifest;
}
