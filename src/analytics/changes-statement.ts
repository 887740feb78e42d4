const wanted = '($2::text[] is null or place_id = any($2))';

/** What one entry of a contribution adds to the net of its day. */
const net = "(e->>'sign')::bigint * case when e->>'refund' = '1' then -1 else 1 end * (e->>'total')::bigint";

const counted = (sign: number) => {
  const sum = (refund: number, what: string) =>
    `coalesce(sum(${what}) filter (where sign = ${sign} and refund = ${refund}), 0)`;
  return `case when bool_or(sign = ${sign}) then jsonb_build_object('sales', ${sum(0, 'total')}, 'refunds', ${sum(1, 'total')},
    'receipts', ${sum(0, '1')}, 'refund_receipts', ${sum(1, '1')}) end`;
};

/**
 * $1 business date, $2 places, $3 the snapshot it was reported by, $4 sources, $5 to $7 the last change of the page
 * before, $8 how many. One row: `totals` of all changes, and the `changes` of this page.
 *
 * A later snapshot has rows of the day only if the day changed before it, so the journal is read only where it can
 * have changed: from the snapshot before such a one up to it, and from the newest one on.
 */
export const changesStatement = `
  with baseline as materialized (
    select distinct on (s.place_id) s.place_id, p.epoch, p.seen
    from cdm.analytics_snapshot as s join cdm.snapshot_part as p on p.part_id = s.part_id
    where s.business_date = $1::date and s.taken_at <= $3 and ${wanted}
    order by s.place_id, s.taken_at desc
  ),
  run as materialized (select epoch, seen from cdm.snapshot where taken_at = $3),
  stretches as materialized (
    select distinct p.after_epoch, p.after_xid, p.epoch as until_epoch, pg_snapshot_xmax(p.seen) as until_xid
    from cdm.analytics_snapshot as s join cdm.snapshot_part as p on p.part_id = s.part_id
    where s.business_date = $1::date and s.taken_at > $3 and ${wanted}
    union all
    (select epoch, pg_snapshot_xmin(seen), 2147483647, '0'::xid8 from cdm.snapshot
    where finished_at is not null order by taken_at desc limit 1)
  ),
  found as materialized (
    select distinct on (j.position) j.*
    from stretches as t cross join lateral (
      select position, epoch, xid, received_at, source, source_id, verdict, contributions
      from stg.journal
      where contributions is not null and (epoch, xid) >= (t.after_epoch, t.after_xid)
        and (epoch, xid) < (t.until_epoch, t.until_xid)
        and contributions @> jsonb_build_array(jsonb_build_object('date', $1::text))
        and ($4::text[] is null or source = any($4))
      offset 0
    ) as j
  ),
  entries as materialized (
    select j.position, j.received_at, j.source, j.source_id, j.verdict, j.contributions, o.*
    from found as j
    cross join lateral (
      select e->>'place' as place_id, e->>'currency' as currency, (e->>'sign')::integer as sign,
        coalesce((e->>'refund')::integer, 0) as refund, (e->>'total')::bigint as total, ${net} as net
      from jsonb_array_elements(j.contributions) as e where e->>'date' = $1::text
    ) as o
    cross join run
    left join baseline as b on b.place_id = o.place_id
    -- What that snapshot saw was reported by it.
    where (j.epoch > coalesce(b.epoch, run.epoch)
        or j.epoch = coalesce(b.epoch, run.epoch) and not pg_visible_in_snapshot(j.xid, coalesce(b.seen, run.seen)))
      and ($2::text[] is null or o.place_id = any($2))
  ),
  changed as materialized (
    select position, received_at, source, source_id, verdict, place_id, currency, contributions,
      ${counted(-1)} as before, ${counted(1)} as after, sum(net)::bigint as net
    from entries group by position, received_at, source, source_id, verdict, place_id, currency, contributions
  ),
  page as materialized (
    select c.*, elsewhere.place as elsewhere_place, elsewhere.date as elsewhere_date
    from changed as c
    left join lateral (
      select e->>'place' as place, e->>'date' as date from jsonb_array_elements(c.contributions) as e
      where (e->>'place', e->>'date') <> (c.place_id, $1::text) and (c.before is null or c.after is null) limit 1
    ) as elsewhere on true
    where $5::bigint is null or (c.position, c.place_id collate "C", c.currency collate "C") > ($5, $6, $7)
    order by c.position, c.place_id collate "C", c.currency collate "C" limit $8
  ),
  reported as (
    select s.place_id, s.currency, f.key as source, (f.value->>'sales')::bigint - (f.value->>'refunds')::bigint as net
    from (
      select distinct on (place_id, currency) place_id, currency, figures from cdm.analytics_snapshot
      where business_date = $1::date and taken_at <= $3 and ${wanted} order by place_id, currency, taken_at desc
    ) as s cross join lateral jsonb_each(s.figures) as f
  ),
  totals as (
    select place_id, currency, source, coalesce(r.net, 0) as reported, coalesce(r.net, 0) + c.net as now
    from (select place_id, currency, source, sum(net)::bigint as net from changed group by 1, 2, 3) as c
    left join reported as r using (place_id, currency, source)
  )
  select
    coalesce((select jsonb_agg(to_jsonb(t) order by place_id collate "C", currency, source) from totals as t), '[]') as totals,
    coalesce((select jsonb_agg(jsonb_build_object(
      'position', position::text, 'received_at', received_at, 'source', source, 'source_id', source_id,
      'place_id', place_id, 'currency', currency, 'verdict', verdict, 'before', before, 'after', after,
      'elsewhere_place', elsewhere_place, 'elsewhere_date', elsewhere_date)
      order by position, place_id collate "C", currency collate "C") from page), '[]') as changes`;
