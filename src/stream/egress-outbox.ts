import type { Client, Database } from '../base/db.ts';
import type { Topics } from '../cluster-config.ts';
import { type EgressPlace, type EgressSource, inEntityOrder } from './egress.ts';
import type { OutgoingMessage } from './egress-producer.ts';

const rowsPerStep = 1_000;

// A row whose payload is gone spoke of a person who was erased. Of one entity a lower number that was committed
// behind a higher one, which was sent, is passed over: it tells of an older state.
const readOutbox = `
  select o.epoch, o.xid::text as xid, o.position, o.topic, o.event, o.entity_key, o.entity_seq, o.payload,
    exists (
      select from ops.outbox as later
      where later.entity_key = o.entity_key and later.entity_seq > o.entity_seq and later.topic = o.topic
        and (later.epoch, later.xid, later.position) <= ($2::integer, $3::xid8, $4::bigint)
    ) as is_overtaken
  from ops.outbox as o
  where (o.epoch, o.xid, o.position) > ($2::integer, $3::xid8, $4::bigint)
    and (o.epoch < $1 or o.xid < pg_snapshot_xmin(pg_current_snapshot()))
  order by o.epoch, o.xid, o.position
  limit ${rowsPerStep}`;

// Counters are told anew with every order, by nobody but the egress.
const deleteSent = `
  delete from ops.outbox where position in (
    select o.position from ops.outbox as o, ops.egress_cursor as c
    where o.topic = 'stats' and o.created_at < now() - interval '1 day' and c.sink = 'outbox'
      and (o.epoch, o.xid, o.position) <= (c.epoch, c.xid, c.position)
    order by o.created_at limit 5000)`;

type Payload = Record<string, unknown> | Record<string, unknown>[];
type Row = EgressPlace & {
  topic: string;
  event: string;
  entity_key: string;
  entity_seq: number;
  payload: Payload | null;
  is_overtaken: boolean;
};

/** Counters, tags and notifications, as their writers left them in the outbox. */
export function createOutboxSource(deps: { epoch: number; topics: Topics }): EgressSource {
  const topicNames: Partial<Record<string, string>> = {
    stats: deps.topics.stats,
    tags: deps.topics.tags,
    notifications: deps.topics.notifications,
  };

  function messageOf(row: Row & { payload: Payload }): OutgoingMessage[] {
    const topic = topicNames[row.topic];
    if (topic === undefined) return [];
    const headers = {
      'event-id': `outbox-${row.epoch}-${row.position}`,
      event: row.event,
      'entity-seq': String(row.entity_seq),
    };
    return [{ topic, key: keyOf(row), value: JSON.stringify(toldValue(row)), headers }];
  }

  return {
    sink: 'outbox',
    async read(client: Client, after: EgressPlace) {
      const { rows } = await client.query<Row>({
        name: 'read-outbox',
        text: readOutbox,
        values: [deps.epoch, after.epoch, after.xid, after.position],
      });
      const told = rows.filter(
        (row): row is Row & { payload: Payload } => row.payload !== null && !row.is_overtaken,
      );
      const ordered = inEntityOrder(
        told,
        (row) => `${row.topic} ${row.entity_key}`,
        (row) => row.entity_seq,
      );
      return { messages: ordered.flatMap(messageOf), end: rows.at(-1), rows: rows.length };
    },
  };
}

/** Removes counters that were sent over a day ago, a few thousand at a time; answers how many. */
export async function pruneOutbox(pool: Database): Promise<number> {
  return (await pool.query(deleteSent)).rowCount ?? 0;
}

/** Everything about one person goes to one partition, that they were erased too. */
function keyOf({ entity_key: entityKey, payload }: Row): string {
  const person = Array.isArray(payload) ? undefined : payload?.user_id;
  return typeof person === 'string' ? person : entityKey.split('/', 1)[0]!;
}

/** jsonb keeps members in an order of its own; counters have the published one. */
function toldValue({ topic, event, payload }: Row & { payload: Payload }): unknown {
  if (topic === 'stats' && Array.isArray(payload))
    return payload.map((counter) => ({
      user_id: counter.user_id,
      product_id: counter.product_id,
      product_name: counter.product_name,
      category_id: counter.category_id,
      category_name: counter.category_name,
      order_cnt: counter.order_cnt,
    }));
  return topic === 'tags' ? { event, ...payload } : payload;
}
