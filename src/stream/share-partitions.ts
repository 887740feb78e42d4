import type { Database } from '../base/db.ts';

/** Silent for so long a processor counts as gone, and the others take its partitions over. */
const goneAfterMs = 5_000;

const beat = `
  with me as (
    insert into stg.stream_reader (reader_id, seen_at, reader_group) values ($1, clock_timestamp(), $3)
    on conflict (reader_id) do update set seen_at = excluded.seen_at
  ),
  gone as (
    delete from stg.stream_reader where reader_id in (
      select reader_id from stg.stream_reader
      where seen_at < clock_timestamp() - $2 * interval '1 millisecond' and reader_id <> $1
      for update skip locked)
  )
  select reader_id::text from stg.stream_reader
  where seen_at >= clock_timestamp() - $2 * interval '1 millisecond' and reader_id <> $1 and reader_group = $3`;

/**
 * Who reads the topics of a group. A reader says each second that it lives; the partitions are dealt out in the order
 * of the ids. For a moment two of them may hold one partition: the offsets in the database decide between them.
 */
export function createReaders(deps: { pool: Database; readerId: string; group: string }) {
  return {
    /** Answers the ids of all readers of the group that live, this one included, in their order. */
    async beat(): Promise<string[]> {
      const { rows } = await deps.pool.query<{ reader_id: string }>({
        name: 'beat',
        text: beat,
        values: [deps.readerId, goneAfterMs, deps.group],
      });
      return [...rows.map((row) => row.reader_id), deps.readerId].sort();
    },
    async leave(): Promise<void> {
      await deps.pool.query({
        text: 'delete from stg.stream_reader where reader_id = $1',
        values: [deps.readerId],
      });
    },
  };
}

/** The share of one reader: every n-th of the partitions. */
export function shareOf<T>(partitions: readonly T[], readers: readonly string[], readerId: string): T[] {
  const turn = readers.indexOf(readerId);
  return partitions.filter((_, index) => index % readers.length === turn);
}
