import { randomBytes } from 'node:crypto';
import { binaryColumn, type Client, type Database } from '../base/db.ts';
import type { Origin } from '../sales/sale.ts';

export type PartitionId = { topicId: string; topic: string; partition: number };

export const partitionKey = ({ topicId, partition }: { topicId: string; partition: number }) =>
  `${topicId}/${partition}`;

/** Somebody else has loaded documents of a partition: what is held of it has to be formed anew. */
export class OffsetsMoved extends Error {
  override readonly name = 'OffsetsMoved';
}

const moveOffsets = `
  with held as materialized (
    select o.topic_id, o.partition, i.after
    from unnest($1::uuid[], $2::int4[], $3::int8[], $4::int8[]) as i(topic_id, partition, before, after)
    join stg.stream_offset as o on o.topic_id = i.topic_id and o.partition = i.partition and o.next_offset = i.before
    order by o.topic_id, o.partition
    for update of o
  )
  update stg.stream_offset as o set next_offset = h.after, moved_at = now()
  from held as h where o.topic_id = h.topic_id and o.partition = h.partition`;

/**
 * Moves the offsets of every partition that the documents came from, each only from where the first of them
 * expects it. Fails with `OffsetsMoved` where one stands elsewhere; the transaction then has to be rolled back.
 */
export async function moveStreamOffsets(client: Client, documents: readonly Placed[]): Promise<void> {
  const spans = spansOf(documents);
  const { rowCount } = await client.query({
    name: 'move-stream-offsets',
    text: moveOffsets,
    values: [
      spans.map((span) => span.topicId),
      binaryColumn('int4', spans, (span) => span.partition),
      binaryColumn('int8', spans, (span) => span.from),
      binaryColumn('int8', spans, (span) => span.after),
    ],
  });
  if (rowCount !== spans.length) throw new OffsetsMoved('another processor has moved these offsets');
}

/** A document or a message that came out of a topic. */
type Placed = { origin?: Origin | undefined };

type Span = { topicId: string; partition: number; from: number; after: number };

function spansOf(documents: readonly Placed[]): Span[] {
  const spans = new Map<string, Span>();
  for (const { origin } of documents) {
    if (origin === undefined) throw new Error('a document of the stream has no origin');
    const span = spans.get(partitionKey(origin));
    if (span === undefined) spans.set(partitionKey(origin), spanOf(origin));
    else if (span.after !== origin.from) throw new Error('the documents of a partition are not in a row');
    else span.after = origin.offset + 1;
  }
  return [...spans.values()];
}

function spanOf({ topicId, partition, from, offset }: Origin): Span {
  return { topicId, partition, from, after: offset + 1 };
}

const readOffsets = `
  select i.topic_id, i.partition, o.next_offset
  from unnest($1::uuid[], $2::int4[]) as i(topic_id, partition)
  join stg.stream_offset as o on o.topic_id = i.topic_id and o.partition = i.partition`;

/** The next offset of each partition that has one, by `partitionKey`. */
export async function readStreamOffsets(
  pool: Pick<Database, 'query'>,
  partitions: readonly PartitionId[],
): Promise<Map<string, number>> {
  if (partitions.length === 0) return new Map();
  const { rows } = await pool.query<{ topic_id: string; partition: number; next_offset: number }>({
    name: 'read-stream-offsets',
    text: readOffsets,
    values: [
      partitions.map(({ topicId }) => topicId),
      binaryColumn('int4', partitions, ({ partition }) => partition),
    ],
  });
  return new Map(
    rows.map((row) => [partitionKey({ topicId: row.topic_id, partition: row.partition }), row.next_offset]),
  );
}

const insertOffset = `
  insert into stg.stream_offset (topic_id, partition, topic, next_offset) values ($1, $2, $3, $4)
  on conflict do nothing`;

/** A partition that was never read begins where its log does. */
export async function beginStreamOffset(
  pool: Database,
  { topicId, partition, topic }: PartitionId,
  firstOffset: number,
): Promise<void> {
  await pool.query({ text: insertOffset, values: [topicId, partition, topic, firstOffset] });
}

const streamKeyBytes = 32;

/** STREAM_KEY, or the key that was made for this database once. */
export async function readStreamKey(pool: Database, configured: string | undefined): Promise<Buffer> {
  if (configured !== undefined) return Buffer.from(configured, 'utf8');
  await pool.query({
    text: 'insert into ops.stream_key (key) values ($1) on conflict do nothing',
    values: [randomBytes(streamKeyBytes)],
  });
  const { rows } = await pool.query<{ key: Buffer }>('select key from ops.stream_key');
  return rows[0]!.key;
}
