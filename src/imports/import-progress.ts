import type { Queryable } from '../base/db.ts';

export type StoredProgress = { documents: number; rejected: number; isFinished: boolean };

/** How far an import has come, kept where its sales are, so that both are lost or restored together. */
export function createProgressStore(
  pool: Queryable,
  file: { key: string; name: string; totalBytes: number },
) {
  return {
    async read(): Promise<StoredProgress> {
      const { rows } = await pool.query(
        'select done_records, done_bytes, rejected from ops.import_progress where import_key = $1',
        [file.key],
      );
      const row = rows[0] as { done_records: number; done_bytes: number; rejected: number } | undefined;
      if (row === undefined) return { documents: 0, rejected: 0, isFinished: false };
      return {
        documents: row.done_records,
        rejected: row.rejected,
        isFinished: row.done_bytes >= file.totalBytes,
      };
    },

    /** Called with what is durable: the first `documents` of the file, without a gap. */
    async write(progress: StoredProgress, readBytes: number): Promise<void> {
      // Only a finished import has all bytes done; reading alone is ahead of storing.
      const doneBytes = progress.isFinished ? file.totalBytes : Math.min(readBytes, file.totalBytes - 1);
      await pool.query(
        `insert into ops.import_progress (import_key, file_name, done_bytes, done_records, rejected)
           values ($1, $2, $3, $4, $5)
         on conflict (import_key) do update set done_bytes = excluded.done_bytes,
           done_records = excluded.done_records, rejected = excluded.rejected, updated_at = now()`,
        [file.key, file.name, doneBytes, progress.documents, progress.rejected],
      );
    },
  };
}
