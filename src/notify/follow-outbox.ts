import { type Database, inTransaction } from '../base/db.ts';
import { readInOrder } from '../stream/follow.ts';
import { type TakeDeps, takeNotifications } from './take-notifications.ts';

const rowsPerStep = 200;

// Only of transactions older than every running one, as all followers read: nothing is skipped.
const readNotifications = `
  select o.epoch, o.xid::text as xid, o.position, o.entity_seq, o.payload
  from ops.outbox as o, ops.egress_cursor as c
  where c.sink = 'notifier' and o.topic = 'notifications'
    and (o.epoch, o.xid, o.position) > (c.epoch, c.xid, c.position)
    and (o.epoch < $1 or o.xid < pg_snapshot_xmin(pg_current_snapshot()))
  order by o.epoch, o.xid, o.position
  limit ${rowsPerStep}`;

const lockCursor = "select from ops.egress_cursor where sink = 'notifier' for update skip locked";
const moveCursor = `
  update ops.egress_cursor set epoch = $1, xid = $2::xid8, position = $3 where sink = 'notifier'`;

type Row = {
  epoch: number;
  xid: string;
  position: number;
  entity_seq: number;
  /** Null once the person it spoke of was erased. */
  payload: unknown;
};

export type FollowOutboxDeps = TakeDeps & { pool: Database; epoch: number };

/**
 * Takes notifications straight from the outbox, where no Kafka carries them. The cursor moves in the transaction
 * that makes the deliveries; of several processes one at a time does it. Answers how many rows were read.
 */
export async function followOutbox(deps: FollowOutboxDeps): Promise<number> {
  const query = { name: 'read-notifications', text: readNotifications, values: [deps.epoch] };
  // As a rule there is nothing, and then nothing is locked.
  if ((await deps.pool.query<Row>(query)).rows.length === 0) return 0;
  return await inTransaction(deps.pool, async (client) => {
    if ((await client.query(lockCursor)).rowCount === 0) return 0;
    const { rows } = await readInOrder(client, () => client.query<Row>(query));
    const last = rows.at(-1);
    if (last === undefined) return 0;
    const told = rows.filter(({ payload }) => payload !== null);
    const incoming = told.map(({ payload, entity_seq, epoch, position }) => ({
      value: payload,
      entitySeq: entity_seq,
      from: { epoch, position },
    }));
    await takeNotifications(client, incoming, deps);
    await client.query({ text: moveCursor, values: [last.epoch, last.xid, last.position] });
    return rows.length;
  });
}
