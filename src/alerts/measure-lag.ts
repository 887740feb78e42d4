import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../base/db.ts';
import type { Lag } from './evaluate-rules.ts';

/** Where the log of a partition ends. */
export type StreamEnd = { topicId: string; partition: number; end: number };

export type LagDeps = {
  pool: Database;
  /** Of what the broker has; left out where documents are loaded by the process that takes them. */
  streamEnds?: () => Promise<StreamEnd[]>;
};

// What the fold has not got yet, by when the first of it came.
const selectFold = `
  select received_at from stg.journal
  where contributions is not null and (epoch, xid, position) > (
    (select epoch from cdm.cursor where follower = 'fold'), (select xid from cdm.cursor where follower = 'fold'),
    (select position from cdm.cursor where follower = 'fold'))
  order by epoch, xid, position limit 1`;

// An end that was seen is kept until everything before it is loaded: the oldest of them says since when that waits.
const noteEnds = `
  insert into ops.stream_end (topic_id, partition, end_offset, seen_at)
  select i.topic_id, i.partition, i.ends, $4 from unnest($1::uuid[], $2::int4[], $3::int8[]) as i(topic_id, partition, ends)
  left join stg.stream_offset as o on o.topic_id = i.topic_id and o.partition = i.partition
  where i.ends > coalesce(o.next_offset, 0)
  on conflict do nothing`;
const dropLoaded = `
  delete from ops.stream_end as e using stg.stream_offset as o
  where o.topic_id = e.topic_id and o.partition = e.partition and o.next_offset >= e.end_offset`;
const dropForgotten = `
  delete from ops.stream_end where not (topic_id, partition) in (select * from unnest($1::uuid[], $2::int4[]))`;
const selectStream = 'select min(seen_at) as oldest from ops.stream_end';

/** A broker that hangs holds nothing up. */
const longestAnswerMs = 5_000;

const secondsSince = (at: Date | null | undefined, nowMs: number) =>
  at === null || at === undefined ? 0 : Math.max(0, (nowMs - at.getTime()) / 1000);

/**
 * How late sales are counted, in seconds. A message counts as late from the first look that saw it; where no broker
 * answers, what was seen before still does.
 */
export async function measureLag({ pool, streamEnds }: LagDeps, nowMs: number): Promise<Lag> {
  const fold = await pool.query<{ received_at: Date }>({ name: 'alert-fold-lag', text: selectFold });
  const foldSeconds = secondsSince(fold.rows[0]?.received_at, nowMs);
  if (streamEnds === undefined) return { foldSeconds, streamSeconds: 0 };
  const ends = await Promise.race([
    streamEnds().catch(() => undefined),
    sleep(longestAnswerMs, undefined, { ref: false }),
  ]);
  await pool.query(dropLoaded);
  if (ends !== undefined) {
    const partitions = [ends.map(({ topicId }) => topicId), ends.map(({ partition }) => partition)];
    await pool.query({ text: dropForgotten, values: partitions });
    await pool.query({
      text: noteEnds,
      values: [...partitions, ends.map(({ end }) => end), new Date(nowMs)],
    });
  }
  const stream = await pool.query<{ oldest: Date | null }>(selectStream);
  return { foldSeconds, streamSeconds: secondsSince(stream.rows[0]!.oldest, nowMs) };
}
