import type { Queryable } from '../base/db.ts';
import { currencyDigits } from '../base/money.ts';
import type { CheckedRule } from './alert-rule.ts';
import { type Judgement, targetOf } from './judgement.ts';
import { windowUpToNow } from './local-time.ts';

/** A refund that counts, by when it arrived; the amount in the currency's own units. */
export type FoundRefund = {
  placeId: string;
  source: string;
  sourceId: string;
  currency: string;
  amount: number;
  arrivedMs: number;
};

// No index finds refunds. Five minutes with enough of them are few, and the sales of such a day are found by the
// registry; what is not folded yet is looked through.
const selectRefunds = `
  with generation as materialized (select max(generation) as number from cdm.generation),
  slots as materialized (
    select distinct t.place_id, t.period
    from (select place_id from ops.place where $4::text[] is null or place_id = any($4)) as p
    cross join lateral (
      select * from cdm.place_pulse as t
      where t.place_id = p.place_id and t.by_arrival and t.slot_at >= $1::timestamptz - interval '5 minutes'
        and t.slot_at < $2::timestamptz and t.refund_receipts > 0 and cdm.money(t.refunds, t.currency) > $3::float8::numeric
      offset 0
    ) as t
    where (select number from generation) is not null
  ),
  rows as (
    select j.source, j.source_id, j.contributions
    from slots as s
    join stg.sale as r on r.place_id = s.place_id and r.business_date = s.period
    join stg.journal as j on j.position = r.journal_position and j.received_at = r.journal_at
    where j.contributions is not null
    union all
    select j.source, j.source_id, j.contributions from stg.journal as j
    where j.contributions is not null
      and (j.epoch, j.xid, j.position) > (
        (select epoch from cdm.cursor where follower = 'fold'), (select xid from cdm.cursor where follower = 'fold'),
        (select position from cdm.cursor where follower = 'fold'))
  )
  select distinct on (e->>'place', r.source, r.source_id) e->>'place' as "placeId", r.source, r.source_id as "sourceId",
    e->>'currency' as currency, (e->>'total')::bigint as amount, (e->>'got')::float8 * 1000 as "arrivedMs"
  from rows as r cross join lateral jsonb_array_elements(r.contributions) as e
  where e->>'sign' = '1' and e->>'refund' = '1'
    and (e->>'got')::float8 >= extract(epoch from $1::timestamptz) and (e->>'got')::float8 < extract(epoch from $2::timestamptz)
    and cdm.money((e->>'total')::bigint, e->>'currency') > $3::float8::numeric
    and ($4::text[] is null or e->>'place' = any($4))
  order by 1, 2, 3, 5 desc`;

/** Refunds over an amount that arrived in a time, its end not included. */
export async function findRefunds(
  client: Queryable,
  asked: { fromMs: number; toMs: number; above: number; places: readonly string[] | null },
): Promise<FoundRefund[]> {
  const { rows } = await client.query<FoundRefund>({
    name: 'alert-refunds',
    text: selectRefunds,
    values: [
      ...[new Date(asked.fromMs).toISOString(), new Date(asked.toMs).toISOString()],
      ...[asked.above, asked.places],
    ],
  });
  return rows.map((row) => ({ ...row, amount: row.amount / 10 ** currencyDigits(row.currency) }));
}

/** Each large refund is an alert of its own, which goes when the window has passed it. */
export function judgeRefunds(rule: CheckedRule, refunds: readonly FoundRefund[], atMs: number): Judgement[] {
  const [fromMs, toMs] = windowUpToNow(rule, atMs);
  return refunds
    .filter(
      ({ placeId, currency, amount, arrivedMs }) =>
        arrivedMs >= fromMs &&
        arrivedMs < toMs &&
        amount > rule.above! &&
        (rule.place_id === null || rule.place_id === placeId) &&
        (rule.currency === null || rule.currency === currency),
    )
    .map(({ placeId, source, sourceId, currency, amount, arrivedMs }) => ({
      ...{ target: targetOf(placeId, currency, `${source}:${sourceId}`), placeId, currency },
      ...{ atMs: Math.max(atMs, arrivedMs), isOver: true, value: amount, baseline: null },
      ...{ lower: null, upper: rule.above, windowFromMs: fromMs, windowToMs: toMs },
      refund: { source, sourceId },
    }));
}
