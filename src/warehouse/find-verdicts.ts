import { binaryColumn, type Database } from '../base/db.ts';
import type { Problem } from '../base/errors.ts';
import type { Incoming, Origin, Outcome, Verdict } from '../sales/sale.ts';
import { fingerprintOf } from './journal.ts';

/** A document on its way through the stream. */
export type Sent = { incoming: Incoming; origin: Pick<Origin, 'topicId' | 'topic' | 'partition' | 'offset'> };

type Found = {
  index: number;
  position: number | null;
  verdict: Verdict | null;
  problems: Problem[] | null;
};

// A repeat of a trouble has no row of its own, only a count.
const findRows = `
  select i.index, coalesce(j.position, t.position) as position, coalesce(j.verdict, t.verdict) as verdict,
    coalesce(j.problems, t.problems) as problems
  from unnest($1::int4[], $2::uuid[], $3::text[], $4::int4[], $5::int8[], $6::text[], $7::bytea[], $8::bytea[])
    as i(index, topic_id, topic, partition, "offset", source_id, conflict, rejection)
  join stg.stream_offset as o on o.topic_id = i.topic_id and o.partition = i.partition and o.next_offset > i."offset"
  left join lateral (
    select position, verdict, problems from stg.journal
    where source_id = i.source_id and topic = i.topic and partition = i.partition and "offset" = i."offset"
    limit 1
  ) as j on true
  left join lateral (
    select n.position, n.verdict, n.problems from stg.repeat as r join stg.journal as n on n.position = r.position
    where j.position is null and r.fingerprint in (i.conflict, i.rejection)
    order by n.position desc limit 1
  ) as t on true`;

/**
 * What became of documents that travel through the stream: `undefined` where they are not loaded yet, `null`
 * where they are and the verdict cannot be told. One query for all of them.
 */
export async function findVerdicts(
  pool: Database,
  sent: readonly Sent[],
): Promise<(Outcome | null | undefined)[]> {
  const { rows } = await pool.query<Found>({
    name: 'find-verdicts',
    text: findRows,
    values: [
      binaryColumn('int4', [...sent.keys()], (index) => index),
      sent.map(({ origin }) => origin.topicId),
      binaryColumn('text', sent, ({ origin }) => origin.topic),
      binaryColumn('int4', sent, ({ origin }) => origin.partition),
      binaryColumn('int8', sent, ({ origin }) => origin.offset),
      binaryColumn('text', sent, ({ incoming }) => incoming.sale?.sourceId),
      binaryColumn('bytea', sent, ({ incoming }) => fingerprintOf('conflict', incoming)),
      binaryColumn('bytea', sent, ({ incoming }) => fingerprintOf('rejected', incoming)),
    ],
  });
  const outcomes = new Array<Outcome | null | undefined>(sent.length).fill(undefined);
  for (const row of rows) outcomes[row.index] = outcomeOf(row, sent[row.index]!.incoming);
  return outcomes;
}

function outcomeOf({ position, verdict, problems }: Found, incoming: Incoming): Outcome | null {
  if (verdict !== null && position !== null)
    return {
      verdict,
      position: String(position),
      problems: verdict === 'rejected' || verdict === 'conflict' ? (problems ?? []) : [],
    };
  // What is ignored may have no id to be found by.
  if (incoming.sale === undefined && incoming.verdict === 'ignored')
    return { verdict: 'ignored', position: '', problems: [] };
  return null;
}
