import { type FigureName, lineFigures, wholeFigures } from './query-figures.ts';

/**
 * Whole sales by five minutes, categories by the hour, products by the business day: what the smallest marts of each
 * hold. Products take dates where the others take instants.
 */
export type SegmentFamily = 'whole' | 'category' | 'product';

export type SegmentsQuery = {
  family: SegmentFamily;
  /** Whole sales only: by when they arrived instead of when they were made. */
  byArrival: boolean;
  /** Ascending; a row's segment is the number of the cuts at or before it. In milliseconds since the epoch. */
  cutsMs: readonly number[];
  /** What is read, each `from` included and `to` not. */
  ranges: readonly (readonly [fromMs: number, toMs: number])[];
  /** All of them where left out. */
  places?: readonly string[];
  /** Categories or products, by the family. */
  items?: readonly string[];
  sources: readonly string[];
};

export type SegmentRow = {
  place_id: string;
  currency: string;
  item: string | null;
  segment: number;
} & Record<FigureName, number>;

const families = {
  whole: { mart: 'cdm.place_pulse', at: 'slot_at', item: 'null::text', scope: 0, figures: wholeFigures },
  category: { mart: 'cdm.category_hour', at: 'hour_at', item: 't.category', scope: 1, figures: null },
  product: { mart: 'cdm.product_day', at: 'period', item: 't.product_id', scope: 2, figures: null },
} as const;

/**
 * The figures of each place, currency and segment: one statement for any number of places and windows, over marts
 * that are never behind the fold and the tail of the journal, in one snapshot.
 */
export function segmentsStatement(query: SegmentsQuery): { text: string; values: unknown[] } {
  const { family, byArrival } = query;
  const { mart, at, item, scope } = families[family];
  const type = family === 'product' ? 'date' : 'timestamptz';
  const shown = (ms: number) =>
    family === 'product' ? new Date(ms).toISOString().slice(0, 10) : new Date(ms).toISOString();
  const figures = wholeFigures.map((figure) =>
    family === 'whole' || lineFigures.includes(figure) ? `t.${figure}` : `0::bigint as ${figure}`,
  );
  // Hours are found by their business date, which no zone and no late business day puts further off.
  const near =
    family === 'category'
      ? `and t.period >= (r.from_at - interval '2 days')::date and t.period <= (r.to_at + interval '1 day')::date`
      : '';
  const kind = family === 'whole' ? `and t.by_arrival = ${byArrival}` : '';
  const items = `and ($5::text[] is null or ${item} = any($5))`;
  const tailAt =
    family === 'whole'
      ? `date_bin('5 minutes', t.${byArrival ? 'arrived_at' : 'sale_at'}, 'epoch'::timestamptz)`
      : `t.${at}`;
  const cursor = (column: string) => `(select ${column} from cdm.cursor where follower = 'fold')`;
  const text = `
    with generation as materialized (select max(generation) as number from cdm.generation),
    asked as materialized (select * from unnest($1::${type}[], $2::${type}[]) as r(from_at, to_at)),
    base as (
      select t.place_id, t.currency, ${item} as item, t.${at} as at, ${figures.join(', ')}
      from (select place_id from ops.place where $4::text[] is null or place_id = any($4)) as p
      cross join asked as r
      cross join lateral (
        select * from ${mart} as t
        where t.place_id = p.place_id and t.${at} >= r.from_at and t.${at} < r.to_at ${near} ${kind} ${items}
          and t.source = any($6::text[])
        offset 0
      ) as t
      union all
      select t.place_id, t.currency, ${item}, ${tailAt}, ${figures.join(', ')}
      from stg.journal as j cross join lateral cdm.contribution_rows(j.contributions) as t
      where j.contributions is not null
        and (j.epoch, j.xid, j.position) > (${cursor('epoch')}, ${cursor('xid')}, ${cursor('position')})
        and t.scope = ${scope} and ($4::text[] is null or t.place_id = any($4)) ${items} and t.source = any($6::text[])
        and exists (select from asked as r where ${tailAt} >= r.from_at and ${tailAt} < r.to_at)
    )
    select place_id, currency, item, width_bucket(at, $3::${type}[]) as segment,
      ${wholeFigures.map((figure) => `sum(${figure})::bigint as ${figure}`).join(', ')}
    from base
    where (select number from generation) is not null
    group by place_id, currency, item, segment`;
  const values = [
    query.ranges.map(([from]) => shown(from)),
    query.ranges.map(([, to]) => shown(to)),
    query.cutsMs.map(shown),
    query.places ?? null,
    query.items ?? null,
    query.sources,
  ];
  return { text, values };
}
