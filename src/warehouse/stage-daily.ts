import { binaryColumn, type Client, type Database, type Queryable } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { DailyFile, DailyLine } from '../sales/daily-file.ts';

/** Up to here a body stands in the journal row itself. */
const wholeBodyBytes = 1024 * 1024;
/** Products held at most before they are written; a reader may hand over some more at once. */
const linesPerWrite = 2_000;
/** Longer than any request may take, so nobody is still writing what is swept. */
const abandonedHours = 1;
/** Rows of one transaction where much has to be removed or named. */
export const rowsPerStep = 50_000;

const beginDocument = 'insert into stg.daily_document default values returning document_id';

// An upload that was swept meanwhile gets no further rows: then nothing is inserted.
const insertLines = `
  with touched as (update stg.daily_document set touched_at = now() where document_id = $1 returning document_id)
  insert into stg.daily_line (document_id, number, product_id, product_name, category, quantity, price, amount)
  select t.document_id, i.number, i.product_id, i.product_name, i.category, i.quantity, i.price, i.amount
  from touched as t, unnest($2::int4[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::int8[], $8::int8[])
    as i(number, product_id, product_name, category, quantity, price, amount)`;

const insertChunk = `
  with touched as (update stg.daily_document set touched_at = now() where document_id = $1 returning document_id)
  insert into stg.document_chunk (document_id, number, bytes) select document_id, $2, $3::bytea from touched`;

async function writeLines(
  client: Queryable,
  documentId: number,
  lines: readonly DailyLine[],
): Promise<number> {
  if (lines.length === 0) return 0;
  const { rowCount } = await client.query({
    name: 'daily-lines',
    text: insertLines,
    values: [
      documentId,
      binaryColumn('int4', lines, (line) => line.number),
      binaryColumn('text', lines, (line) => line.productId),
      binaryColumn('text', lines, (line) => line.name),
      binaryColumn('text', lines, (line) => line.category),
      binaryColumn('int8', lines, (line) => line.quantityMilli),
      binaryColumn('int8', lines, (line) => line.priceMinor),
      binaryColumn('int8', lines, (line) => line.amountMinor),
    ],
  });
  return rowCount ?? 0;
}

/**
 * Keeps what came of one file: a small one in memory, a larger one in rows that are committed as they come
 * and count for nothing until a journal row names them.
 */
export function createStaging(pool: Database) {
  let documentId: number | undefined;
  let chunks = 0;
  let bytes: Buffer[] = [];
  let heldBytes = 0;
  let lines: DailyLine[] = [];

  async function ensureDocument(): Promise<number> {
    if (documentId !== undefined) return documentId;
    await sweepDaily(pool);
    const { rows } = await pool.query<{ document_id: number }>(beginDocument);
    documentId = rows[0]!.document_id;
    return documentId;
  }

  async function flushLines(): Promise<void> {
    const batch = lines;
    lines = [];
    if (batch.length === 0) return;
    if ((await writeLines(pool, await ensureDocument(), batch)) !== batch.length) throw givenUp();
  }

  async function flushBytes(): Promise<void> {
    if (heldBytes === 0) return;
    const chunk = Buffer.concat(bytes);
    bytes = [];
    heldBytes = 0;
    const values = [await ensureDocument(), chunks++, chunk];
    const { rowCount } = await pool.query({ name: 'daily-chunk', text: insertChunk, values });
    if (rowCount !== 1) throw givenUp();
  }

  return {
    async addBytes(more: Buffer): Promise<void> {
      bytes.push(more);
      heldBytes += more.length;
      if (heldBytes > wholeBodyBytes) await flushBytes();
    },
    async addLines(more: readonly DailyLine[]): Promise<void> {
      lines.push(...more);
      if (lines.length >= linesPerWrite) await flushLines();
    },
    /** Nothing comes any more: what was begun in rows is completed there. */
    async finish(): Promise<void> {
      if (chunks > 0) await flushBytes();
      if (documentId !== undefined) await flushLines();
    },
    /** The body of a file small enough to stand in the journal. */
    wholeBody: (): Buffer | undefined => (chunks > 0 ? undefined : Buffer.concat(bytes)),
    isStaged: () => documentId !== undefined,
    /** Ties the file to its journal row, in the transaction that loads it; answers the document's id. */
    async attach(client: Client, position: number, file: DailyFile): Promise<number> {
      if (documentId === undefined) {
        const { rows } = await client.query<{ document_id: number }>(beginDocument);
        await writeLines(client, rows[0]!.document_id, lines);
        return await tie(client, rows[0]!.document_id, position, file);
      }
      return await tie(client, documentId, position, file);
    },
    /** The same for a file that is kept but does not count: only its body stays. */
    async attachBody(client: Client, position: number): Promise<void> {
      if (documentId !== undefined && chunks > 0) await tie(client, documentId, position, undefined);
    },
    async dropLines(): Promise<void> {
      if (documentId !== undefined) await removeRows(pool, 'daily_line', documentId);
    },
    async discard(): Promise<void> {
      bytes = [];
      lines = [];
      if (documentId !== undefined) await removeDocument(pool, documentId);
    },
  };
}

export type Staging = ReturnType<typeof createStaging>;

const tieDocument = `
  update stg.daily_document set position = $2, named = $3, content_hash = $4, canonical_hash = $5
  where document_id = $1 and position is null`;

/** Without `file` only the body is kept, and there is nothing to name. */
async function tie(
  client: Client,
  documentId: number,
  position: number,
  file: DailyFile | undefined,
): Promise<number> {
  const { rowCount } = await client.query({
    name: 'daily-tie',
    text: tieDocument,
    values: [
      documentId,
      position,
      file === undefined,
      file?.contentHash ?? null,
      file?.canonicalHash ?? null,
    ],
  });
  if (rowCount !== 1) throw givenUp();
  return documentId;
}

function givenUp(): CodedError {
  return new CodedError(
    'overloaded',
    'the upload took so long that it was given up; nothing was stored, send it again',
    { retryAfterSeconds: 1 },
  );
}

/** Removes what uploads left that neither ended nor failed: the program was killed, the database went away. */
export async function sweepDaily(pool: Database): Promise<number> {
  const { rows } = await pool.query<{ document_id: number }>({
    name: 'daily-abandoned',
    text: `select document_id from stg.daily_document
      where position is null and touched_at < now() - interval '${abandonedHours} hours'`,
  });
  for (const { document_id } of rows) await removeDocument(pool, document_id);
  return rows.length;
}

/** The document's own row goes last, so that a removal that stops half-way is found again. */
async function removeDocument(pool: Database, documentId: number): Promise<void> {
  await removeRows(pool, 'daily_line', documentId);
  await removeRows(pool, 'document_chunk', documentId);
  await pool.query('delete from stg.daily_document where document_id = $1 and position is null', [
    documentId,
  ]);
}

/** In steps, so that no transaction is long. */
export async function removeRows(pool: Database, table: 'daily_line' | 'document_chunk', documentId: number) {
  const { rows } = await pool.query<{ last: number | null }>(
    `select max(number) as last from stg.${table} where document_id = $1`,
    [documentId],
  );
  const text = `delete from stg.${table} where document_id = $1 and number between $2 and $3`;
  for (let first = 0; first <= (rows[0]!.last ?? -1); first += rowsPerStep)
    await pool.query(text, [documentId, first, first + rowsPerStep - 1]);
}
