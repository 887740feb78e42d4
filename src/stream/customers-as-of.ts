import type { Client } from '../base/db.ts';

// Whatever arrived before this moment is counted: the arrival of the first row still to be followed, and no later
// than what the replica has, where one answers.
const readAsOf = `
  select least($1::timestamptz, coalesce((
    select received_at from stg.journal
    where contributions is not null and (epoch, xid, position) > (
      (select epoch from cdm.cursor where follower = 'customers'),
      (select xid from cdm.cursor where follower = 'customers'),
      (select position from cdm.cursor where follower = 'customers'))
    order by epoch, xid, position limit 1), now())) as as_of`;

/** Up to when figures about customers are complete, in the snapshot of the caller's transaction. */
export async function readCustomersAsOf(client: Client, replicaAsOf: Date | undefined): Promise<Date> {
  const { rows } = await client.query<{ as_of: Date }>({ text: readAsOf, values: [replicaAsOf ?? null] });
  return rows[0]!.as_of;
}
