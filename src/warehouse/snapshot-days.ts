import { categoryFamily, salesFamily } from './fold-statement.ts';

const sums = (figures: readonly string[]) =>
  figures.map((figure) => `sum(${figure})::bigint as ${figure}`).join(', ');
const ofWhole = salesFamily.figures;
const ofLines = categoryFamily.figures;

/** Hours are written by the fold itself and are never behind it; what it has still to fold is the tail. */
const summed = (table: string, keys: string, figures: readonly string[], scope: number) => `
    select ${keys}, ${sums(figures)}
    from (
      select h.* from days as d cross join lateral (
        select ${keys}, ${figures.join(', ')} from cdm.${table} as m
        where m.place_id = d.place_id and m.period = d.period offset 0
      ) as h
      union all
      select ${keys}, ${figures.join(', ')} from tail where scope = ${scope}
    ) as both_parts
    group by ${keys}
    having ${figures.map((figure) => `sum(${figure}) <> 0`).join(' or ')}`;

const past = (column: string) => `(select ${column} from cdm.cursor where follower = 'fold')`;

/**
 * Takes days off the list of the snapshots and keeps their figures, with what this one statement sees: marts, tail
 * and `pg_current_snapshot()` are of one moment. $1 the run, $2 the epoch, $3 how many days, newest first.
 */
export const snapshotDays = `
  with days as materialized (
    delete from cdm.touched_day as t
    using (
      select place_id, business_date from cdm.touched_day where reader = 'snapshot'
      order by business_date desc, place_id limit $3
    ) as n
    where t.reader = 'snapshot' and t.place_id = n.place_id and t.business_date = n.business_date
    returning t.place_id, t.business_date as period
  ),
  tail as materialized (
    select r.* from stg.journal as j cross join lateral cdm.contribution_rows(j.contributions) as r
    join days as d on d.place_id = r.place_id and d.period = r.period
    where j.contributions is not null and r.scope in (0, 1)
      and (j.epoch, j.xid, j.position) > (${past('epoch')}, ${past('xid')}, ${past('position')})
  ),
  whole as (${summed('sales_hour', 'place_id, period, source, currency', ofWhole, 0)}),
  lines as (${summed('category_hour', 'place_id, period, source, currency, category', ofLines, 1)}),
  categories as (
    select place_id, period, source, currency,
      jsonb_object_agg(category, jsonb_build_array(${ofLines.join(', ')})) as categories
    from lines group by 1, 2, 3, 4
  ),
  figures as (
    select place_id, period, currency, jsonb_object_agg(source, jsonb_build_object(
      ${ofWhole.map((figure) => `'${figure}', coalesce(w.${figure}, 0)`).join(', ')},
      'categories', coalesce(c.categories, '{}'))) as figures
    from whole as w full join categories as c using (place_id, period, source, currency)
    group by 1, 2, 3
  ),
  -- What was reported before and is nothing now has to be said too.
  known as (
    select distinct s.place_id, s.business_date as period, s.currency
    from days as d join cdm.analytics_snapshot as s on s.place_id = d.place_id and s.business_date = d.period
  ),
  part as (
    insert into cdm.snapshot_part (taken_at, after_epoch, after_xid, epoch, seen)
    select $1, coalesce(p.epoch, 0), coalesce(pg_snapshot_xmin(p.seen), '0'), $2, pg_current_snapshot()
    from (values (1)) as one
    left join lateral (
      select epoch, seen from cdm.snapshot where taken_at < $1 order by taken_at desc limit 1
    ) as p on true
    where exists (select from days)
    returning part_id
  ),
  kept as (
    insert into cdm.analytics_snapshot (taken_at, place_id, business_date, currency, figures, part_id)
    select $1, place_id, period, currency, coalesce(f.figures, '{}'), (select part_id from part)
    from figures as f full join known using (place_id, period, currency)
    on conflict do nothing
  )
  select count(*) as days from days`;
