import type { Client } from '../base/db.ts';
import { type DailyFile, dailySaleId } from '../sales/daily-file.ts';
import { type Current, currentOf } from './registry.ts';

export type RegisteredFile = {
  file: DailyFile;
  placeScope: string;
  version: string;
  position: number;
  saleSeq: number;
  referenceVersion: number;
};

const insertFresh = `
  insert into stg.sale (source, source_id, place_scope, version, content_hash, journal_position, journal_at, sale_seq,
    status, place_id, business_date, reference_version)
  values ('daily', $1, $2, $3, $4, $5, $6, $7, 'closed', $9, $10, $8)
  on conflict do nothing`;

const updateKnown = `
  update stg.sale set version = $3, content_hash = $4, journal_position = $5, journal_at = $6, sale_seq = $7,
    reference_version = $8
  where source = 'daily' and source_id = $1 and place_scope = $2`;

function valuesOf(registered: RegisteredFile): unknown[] {
  const { file } = registered;
  return [
    dailySaleId(file.placeId, file.date),
    registered.placeScope,
    registered.version,
    file.contentHash,
    registered.position,
    new Date(file.receivedAtMs),
    registered.saleSeq,
    registered.referenceVersion,
  ];
}

/** False where the place and day are registered already, also by a transaction that has just committed. */
export async function insertFile(client: Client, registered: RegisteredFile): Promise<boolean> {
  const { placeId, date } = registered.file;
  const values = [...valuesOf(registered), placeId, date];
  const { rowCount } = await client.query({ name: 'daily-register', text: insertFresh, values });
  return rowCount === 1;
}

export async function updateFile(client: Client, registered: RegisteredFile): Promise<void> {
  await client.query({ name: 'daily-correct', text: updateKnown, values: valuesOf(registered) });
}

const lockKnown = `
  select version, content_hash, canonical_hash, journal_position, journal_at, sale_seq, status, place_id, business_date
  from stg.sale where source_id = $1 and source = 'daily' and place_scope = $2
  for update`;

/** The day's row, which kept `insertFile` from inserting, locked. */
export async function lockFile(client: Client, file: DailyFile, placeScope: string): Promise<Current> {
  const { rows } = await client.query({
    name: 'daily-lock',
    text: lockKnown,
    values: [dailySaleId(file.placeId, file.date), placeScope],
  });
  const row = rows[0];
  if (row === undefined) throw new Error('a daily file that could not be inserted is not in the registry');
  return currentOf(row);
}

const readHashes = 'select content_hash, canonical_hash from stg.daily_document where document_id = $1';

/** Byte-equal or value-equal files are one; `documentId` is that of the file which counts now. */
export async function isSameFile(client: Client, documentId: number, file: DailyFile): Promise<boolean> {
  const { rows } = await client.query({ name: 'daily-hashes', text: readHashes, values: [documentId] });
  const { content_hash: bytes, canonical_hash: values } = rows[0] as Record<string, Buffer>;
  return file.contentHash.equals(bytes!) || file.canonicalHash.equals(values!);
}
