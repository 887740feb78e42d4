import { binaryColumn, type Client } from '../base/db.ts';
import type { CounterSchema } from './apply-counts.ts';
import type { Counter, FollowedRow } from './gather-counts.ts';

export type JournalPlace = { epoch: number; xid: string; position: number };

// Journal rows of the same sale that count, came before this change of it, and are still to be followed. By the
// rows of the sale: joined as sets, every row still to be followed would be read for each batch, and a long
// history takes 800 ms a batch instead of 10.
const earlierToCome = (sale: string) => `
  (select true from (
    select j.epoch, j.xid, j.position from stg.journal as j
    where j.source_id = ${sale}.source_id and j.source = ${sale}.source and j.sale_seq < ${sale}.sale_seq
      and j.contributions is not null
    offset 0
  ) as j
  where (j.epoch, j.xid, j.position) > ($1::integer, $2::xid8, $3::bigint)
  limit 1)`;

const readAhead = `
  select i.index from unnest($4::int4[], $5::text[], $6::text[], $7::int4[]) as i(index, source, source_id, sale_seq)
  where ${earlierToCome('i')} is true`;

const addPending = (schema: CounterSchema) => `
  insert into ${schema}.customer_pending (user_no, key_no, source, source_id, sale_seq)
  select distinct user_no, key_no, source, source_id, sale_seq
  from unnest($1::int4[], $2::int4[], $3::text[], $4::text[], $5::int4[])
    as i(user_no, key_no, source, source_id, sale_seq)
  on conflict do nothing`;

const takeSettled = (schema: CounterSchema) => `
  delete from ${schema}.customer_pending as p where ${earlierToCome('p')} is not true
  returning user_no, key_no`;

/**
 * Transactions do not come in the order of a sale's changes: the follower can meet the third change of a sale
 * before the second, whose transaction began later and ended earlier. The counters do not mind, being sums; a
 * tag would be given by a value that never was. So the counters that such a sale moved are noted here, and
 * decide nothing until its earlier changes have come. Answers the counters that may decide again.
 */
export async function notePending(
  client: Client,
  schema: CounterSchema,
  end: JournalPlace,
  touchedBy: ReadonlyMap<FollowedRow, readonly Counter[]>,
): Promise<Counter[]> {
  const place = [end.epoch, end.xid, end.position];
  const settled = await client.query<{ user_no: number; key_no: number }>({
    name: `take-settled-${schema}`,
    text: takeSettled(schema),
    values: place,
  });
  await addAhead(client, schema, place, touchedBy);
  return settled.rows.map((row) => ({ userNo: row.user_no, keyNo: row.key_no }));
}

async function addAhead(
  client: Client,
  schema: CounterSchema,
  place: readonly unknown[],
  touchedBy: ReadonlyMap<FollowedRow, readonly Counter[]>,
): Promise<void> {
  const rows = [...touchedBy.keys()];
  if (rows.length === 0) return;
  const ahead = await client.query<{ index: number }>({
    name: 'read-ahead-rows',
    text: readAhead,
    values: [
      ...place,
      binaryColumn('int4', [...rows.keys()], (index) => index),
      binaryColumn('text', rows, (row) => row.source),
      binaryColumn('text', rows, (row) => row.source_id),
      binaryColumn('int4', rows, (row) => row.sale_seq),
    ],
  });
  if (ahead.rows.length === 0) return;
  const list = ahead.rows.flatMap(({ index }) =>
    touchedBy.get(rows[index]!)!.map((counter) => ({ row: rows[index]!, counter })),
  );
  await client.query({
    name: `add-pending-${schema}`,
    text: addPending(schema),
    values: [
      binaryColumn('int4', list, ({ counter }) => counter.userNo),
      binaryColumn('int4', list, ({ counter }) => counter.keyNo),
      binaryColumn('text', list, ({ row }) => row.source),
      binaryColumn('text', list, ({ row }) => row.source_id),
      binaryColumn('int4', list, ({ row }) => row.sale_seq),
    ],
  });
}
