import type { Client } from '../base/db.ts';
import { currencyDigits } from '../base/money.ts';
import type { Reference, ReferenceSnapshot } from '../reference/reference.ts';
import { unknownCategory } from '../sales/contribution.ts';
import type { Arrival, Incoming, Resolved, Sale } from '../sales/sale.ts';
import { type EgressPlace, type EgressSource, inEntityOrder } from '../stream/egress.ts';
import type { OutgoingMessage } from '../stream/egress-producer.ts';
import { type OrderNames, readOrderNames } from './order-names.ts';

export type EnrichedOrdersDeps = {
  epoch: number;
  identity: 'source' | 'place';
  topic: string;
  reference: Reference;
  parse: (arrival: Arrival, snapshot: ReferenceSnapshot) => Incoming;
};

/** Bodies may be a megabyte each. */
const rowsPerStep = 250;

// A state that a later one of its order was sent before is passed over; only one that is no longer the
// newest can be, so the history of most orders is never looked at.
const readStates = `
  with batch as materialized (
    select epoch, xid, position, source_id, sale_seq, verdict, place_id, received_at, content_type, resolved, document,
      replay_of, reference_version
    from stg.journal
    where source = 'order' and sale_seq is not null
      and (epoch, xid, position) > ($2::integer, $3::xid8, $4::bigint)
      and (epoch < $1 or xid < pg_snapshot_xmin(pg_current_snapshot()))
    order by stg.journal.epoch, stg.journal.xid, stg.journal.position
    limit ${rowsPerStep}
  )
  select b.epoch, b.xid::text as xid, b.position, b.source_id, b.sale_seq, b.place_id, b.reference_version,
    coalesce(f.received_at, b.received_at) as received_at, coalesce(f.content_type, b.content_type) as content_type,
    coalesce(f.resolved, b.resolved) as resolved, coalesce(f.document, b.document) as document,
    coalesce(s.sale_seq, 0) > b.sale_seq and exists (
      select from stg.journal as later
      where later.source_id = b.source_id and later.source = 'order' and later.sale_seq > b.sale_seq
        and ($5 = 'source' or later.place_id = b.place_id)
        and (later.epoch, later.xid, later.position) <= ($2::integer, $3::xid8, $4::bigint)
    ) as is_overtaken
  from batch as b
  left join stg.journal as f on b.verdict = 'reattributed' and f.position = b.replay_of
  left join stg.sale as s on s.source_id = b.source_id and s.source = 'order'
    and s.place_scope = case when $5 = 'place' then b.place_id else '' end
  order by b.epoch, b.xid, b.position`;

type Row = EgressPlace & {
  source_id: string;
  sale_seq: number;
  place_id: string;
  reference_version: number;
  received_at: Date;
  content_type: string | null;
  resolved: Resolved;
  document: Buffer | null;
  is_overtaken: boolean;
};
type State = { row: Row; sale: Sale; message: Written };
/** What of an order's message is told as it was written; it was read as an order before. */
type Written = { object_id: string | number; payload: { payment?: number | string; final_status: string } };

/**
 * Orders as others are told of them: each accepted or corrected state, and again where its categories
 * moved, with the names and categories that are known now.
 */
export function createEnrichedOrders(deps: EnrichedOrdersDeps): EgressSource {
  const entityOf = ({ row }: State) =>
    deps.identity === 'place' ? `${row.place_id}/${row.source_id}` : row.source_id;

  /** At least what the rows were computed with. */
  async function snapshotFor(rows: readonly Row[]): Promise<ReferenceSnapshot> {
    const current = deps.reference.current();
    const isBehind = rows.some((row) => row.reference_version > current.version);
    return isBehind ? await deps.reference.refresh() : current;
  }

  /** Nothing for a document that cannot be read any more: what was erased in it is gone. */
  function stateOf(row: Row, snapshot: ReferenceSnapshot): State[] {
    if (row.document === null || row.is_overtaken) return [];
    const { sale } = deps.parse(
      {
        source: 'order',
        receivedAtMs: row.received_at.getTime(),
        contentType: row.content_type ?? 'application/json',
        body: row.document,
        resolved: row.resolved,
      },
      snapshot,
    );
    if (sale === undefined) return [];
    return [{ row, sale, message: JSON.parse(row.document.toString('utf8')) as Written }];
  }

  function messageOf(state: State, names: OrderNames, snapshot: ReferenceSnapshot): OutgoingMessage {
    const { row } = state;
    return {
      topic: deps.topic,
      key: entityOf(state),
      value: JSON.stringify(enriched(state, names, snapshot)),
      headers: {
        'event-id': `order-${row.epoch}-${row.position}`,
        event: 'order',
        'entity-seq': String(row.sale_seq),
      },
    };
  }

  return {
    sink: 'orders',
    async read(client: Client, after: EgressPlace) {
      const { rows } = await client.query<Row>({
        name: 'read-order-states',
        text: readStates,
        values: [deps.epoch, after.epoch, after.xid, after.position, deps.identity],
      });
      const end = rows.at(-1);
      if (end === undefined) return { messages: [], end, rows: 0 };
      const snapshot = await snapshotFor(rows);
      const states = inEntityOrder(
        rows.flatMap((row) => stateOf(row, snapshot)),
        entityOf,
        ({ row }) => row.sale_seq,
      );
      const names = await readOrderNames(
        client,
        states.map(({ sale }) => sale),
      );
      return { messages: states.map((state) => messageOf(state, names, snapshot)), end, rows: rows.length };
    },
  };
}

/** The published format: what is not known by name is called by its id. */
function enriched({ row, sale, message }: State, names: OrderNames, snapshot: ReferenceSnapshot) {
  const scale = 10 ** currencyDigits(sale.currency);
  const { placeId, time } = sale;
  const { payment } = message.payload;
  const userId = sale.customerId === undefined ? undefined : names.erasedAs(sale.customerId);
  return {
    object_id: message.object_id,
    object_type: 'order',
    payload: {
      id: message.object_id,
      date: time.local.slice(0, 19).replace('T', ' '),
      cost: sale.totalMinor / scale,
      payment: payment === undefined ? (sale.totalMinor - sale.discountMinor) / scale : Number(payment),
      status: message.payload.final_status,
      restaurant: { id: placeId, name: names.restaurant(placeId) ?? placeId },
      user: userId === undefined ? null : { id: userId, name: names.user(userId) ?? userId },
      products: sale.lines.map((line) => ({
        id: line.productId,
        price: line.priceMinor / scale,
        quantity: line.quantityMilli / 1000,
        name:
          names.dish(placeId, line.productId) ?? line.name ?? names.product(line.productId) ?? line.productId,
        category:
          line.category ??
          snapshot.productCategory(placeId, line.productId, time, row.resolved.timeZone) ??
          unknownCategory,
      })),
    },
  };
}
