import type { Database } from '../base/db.ts';
import { removeRows } from './stage-daily.ts';

const rowsPerStep = 5_000;

// A document and its journal row come and are seen together.
const ofNobody = `
  select document_id from stg.daily_document as d
  where d.position is not null and not exists (select from stg.journal as j where j.position = d.position)`;

// Counts of rows that are gone. In the order of an index, so that each step costs its own rows.
const deleteRepeats = `
  with page as materialized (
    select fingerprint, position from stg.repeat where position > $1 order by position limit ${rowsPerStep}
  ),
  gone as (
    delete from stg.repeat as r using page as p
    where r.fingerprint = p.fingerprint and r.position = p.position
      and not exists (select from stg.journal as j where j.position = p.position)
  )
  select max(position) as last from page`;

/**
 * Takes away what belonged to rows of the journal that a seal dropped: products and bodies of daily files that were
 * replaced, counts of repeats. Interrupted, the next seal does it.
 */
export async function dropLeftovers(pool: Database, signal?: AbortSignal): Promise<{ files: number }> {
  const { rows } = await pool.query<{ document_id: number }>(ofNobody);
  for (const { document_id: documentId } of rows) {
    signal?.throwIfAborted();
    await removeRows(pool, 'daily_line', documentId);
    await removeRows(pool, 'document_chunk', documentId);
    await pool.query('delete from stg.daily_document where document_id = $1', [documentId]);
  }
  for (let after: number | null = 0; after !== null; ) {
    signal?.throwIfAborted();
    const values: unknown[] = [after];
    const page: { rows: { last: number | null }[] } = await pool.query({ text: deleteRepeats, values });
    after = page.rows[0]!.last;
  }
  return { files: rows.length };
}
