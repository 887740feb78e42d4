import { binaryColumn, type Client } from '../base/db.ts';
import { severalCategories } from '../sales/contribution.ts';
import type { CountedEntry } from './gather-counts.ts';
import type { KeyNumbers } from './key-numbers.ts';

// One event a customer, with every product that moved. The value is that of now, and entity_seq is drawn under
// the lock of the customers, which every writer of counters holds: of one customer it rises with the values.
const insertEvents = `
  with counted as (
    select i.user_no, i.key_no, i.category_no, coalesce(sum(c.orders), 0)::bigint as order_cnt
    from unnest($1::int4[], $2::int4[], $3::int4[]) as i(user_no, key_no, category_no)
    left join cdm.user_counter as c on c.user_no = i.user_no and c.key_no = i.key_no
    group by i.user_no, i.key_no, i.category_no
  )
  insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload)
  select $4, 'stats', 'counters.changed', u.user_id || '/counters', nextval('ops.outbox_entity_seq'),
    jsonb_agg(jsonb_build_object('user_id', u.user_id, 'product_id', k.key_id, 'product_name', coalesce(p.product_name, k.key),
      'category_id', g.key_id, 'category_name', g.key, 'order_cnt', n.order_cnt) order by k.key)
  from counted as n
  join cdm.customer as u on u.user_no = n.user_no and not u.erased
  join cdm.counted_key as k on k.key_no = n.key_no
  join cdm.counted_key as g on g.key_no = n.category_no
  left join ops.product as p on p.product_id = k.key
  group by u.user_id
  order by u.user_id`;

type Moved = { userNo: number; keyNo: number; categoryNo: number };

/**
 * Tells others what the counters of a batch are now; the caller has written them and holds the lock of the
 * customers. A product is told under the category that it counts for by the newest row of the batch.
 */
export async function writeCounterEvents(
  client: Client,
  epoch: number,
  entries: readonly CountedEntry[],
  numbers: Pick<KeyNumbers, 'customer' | 'key'>,
): Promise<void> {
  const moved = new Map<string, Moved>();
  for (const { contribution } of entries) {
    const userNo = numbers.customer(contribution.customer)!;
    for (const [product, category] of contribution.products) {
      if (category === severalCategories) continue;
      const keyNo = numbers.key('product', product)!;
      const key = `${userNo} ${keyNo}`;
      // What is only taken out counted for the category it is taken out of.
      if (contribution.sign === -1 && moved.has(key)) continue;
      moved.set(key, { userNo, keyNo, categoryNo: numbers.key('category', category)! });
    }
  }
  if (moved.size === 0) return;
  const list = [...moved.values()];
  await client.query({
    name: 'write-counter-events',
    text: insertEvents,
    values: [
      binaryColumn('int4', list, (one) => one.userNo),
      binaryColumn('int4', list, (one) => one.keyNo),
      binaryColumn('int4', list, (one) => one.categoryNo),
      epoch,
    ],
  });
}
