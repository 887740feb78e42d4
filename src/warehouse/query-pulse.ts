import type { Queryable } from '../base/db.ts';

/** What was sold in five minutes in one currency, in minor units. */
export type PulseSlot = { slot_at: Date; currency: string; sales: number; refunds: number; receipts: number };

// Place by place, since the index begins with the place; the fold's tail, under a second, is not in it.
const readSlots = `
  with generation as materialized (select max(generation) as number from cdm.generation)
  select f.slot_at, f.currency, sum(f.sales)::bigint as sales, sum(f.refunds)::bigint as refunds,
    sum(f.receipts)::bigint as receipts
  from ops.place as p
  cross join lateral (
    select t.slot_at, t.currency, t.sales, t.refunds, t.receipts from cdm.place_pulse as t
    where t.place_id = p.place_id and not t.by_arrival and t.slot_at >= $2 and t.slot_at < $3
      and t.source = any($4::text[])
  ) as f
  where (select number from generation) is not null and ($1::text[] is null or p.place_id = any($1))
  group by f.slot_at, f.currency
  order by f.slot_at, f.currency`;

/** The five minutes from one moment to another in which something was sold, by the time of the sale. */
export async function readPulse(
  client: Queryable,
  query: { places: readonly string[] | undefined; from: Date; to: Date; sources: readonly string[] },
): Promise<PulseSlot[]> {
  const { rows } = await client.query<PulseSlot>({
    name: 'read-pulse',
    text: readSlots,
    values: [query.places ?? null, query.from, query.to, query.sources],
  });
  return rows;
}
