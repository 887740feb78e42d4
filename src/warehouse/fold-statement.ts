import { lineFigures, wholeFigures } from './query-figures.ts';

/** The marts readers see, and the ones that a rebuild fills beside them. */
export type MartSchema = 'cdm' | 'cdm_next';

type Family = { columns: readonly string[]; figures: readonly string[] };

export const salesFamily: Family = {
  columns: ['source', 'payment_method', 'currency'],
  figures: wholeFigures,
};
export const categoryFamily: Family = {
  columns: ['source', 'payment_method', 'currency', 'category'],
  figures: lineFigures,
};
export const productFamily: Family = {
  columns: ['source', 'payment_method', 'currency', 'category', 'product_id'],
  figures: lineFigures,
};

type Addition = {
  name: string;
  table: string;
  keys: readonly string[];
  figures: readonly string[];
  /** What has the keys and figures, a row for each part of a sale. */
  from: string;
  /** The few ranges `d` that the step touches, and what of the mart `m` stands within one. */
  ranges: 'days' | 'slots';
};

const withinRange = {
  days: 'm.place_id = d.place_id and m.period = d.period',
  slots: 'm.place_id = d.place_id and m.by_arrival = d.by_arrival and m.slot_at between d.first and d.last',
};

/**
 * Adds what `from` yields to a mart. `insert … on conflict` looks for every row in the index and then walks it again to
 * insert it. Where most rows are new it is cheaper to read at once all that the mart has in the same days, and to insert
 * what is not among them as it is.
 */
function addTo({ name, table, keys, figures, from, ranges }: Addition, looksFirst: boolean): string {
  const columns = [...keys, ...figures].join(', ');
  const sums = `
    select ${keys.join(', ')}, ${figures.map((figure) => `cdm.total(${figure}) as ${figure}`).join(', ')}
    from ${from}
    group by ${keys.map((_, index) => index + 1).join(', ')}`;
  const known = `
  ${name}_known as materialized (
    select k.* from ${ranges} as d cross join lateral (
      select ${keys.map((key) => `m.${key}`).join(', ')} from ${table} as m where ${withinRange[ranges]} offset 0
    ) as k
  ),
  ${name}_sums as materialized (
    select s.*, k.place_id is not null as is_known from (${sums}) as s
    left join ${name}_known as k on ${keys.map((key) => `k.${key} = s.${key}`).join(' and ')}
  ),
  ${name}_new as (
    insert into ${table} (${columns})
    select ${columns} from ${name}_sums where not is_known
    order by ${keys[0]}
  ),`;
  return `${looksFirst ? known : `${name}_sums as materialized (${sums}),`}
  ${name} as (
    insert into ${table} as m (${columns})
    select ${columns} from ${name}_sums ${looksFirst ? 'where is_known' : ''}
    order by ${keys[0]}
    on conflict (${keys.join(', ')}) do update
      set ${figures.map((figure) => `${figure} = m.${figure} + excluded.${figure}`).join(', ')}
  )`;
}

/** Daily files weigh as much as they have products, those taken out and those put in; next to them a sale weighs nothing. */
const dailyWeight =
  "coalesce((contributions->0->>'count')::bigint, 0) + coalesce((contributions->1->>'count')::bigint, 0)";
/** A file of a million products is a step by itself; a year of small ones is many steps. */
const weightPerStep = 200_000;

const fiveMinutes = (column: string) => `date_bin('5 minutes', ${column}, 'epoch'::timestamptz)`;

// Only a receipt and a daily file name the categories of their products themselves.
const findByProduct = `
  insert into stg.sale_product (product_id, business_date, place_id)
  select distinct p->>0, (e->>'date')::date, e->>'place'
  from batch as b
  cross join lateral jsonb_array_elements(b.contributions) as e
  cross join lateral jsonb_array_elements(e->'products') as p
  where b.source in ('transaction', 'order') and e->>'sign' = '1'
  order by 1, 2, 3
  on conflict do nothing`;

/**
 * `batch`: the journal's next rows in order, up to the daily file that is too much for one step. $1 epoch, $2 to $4
 * cursor, $5 rows.
 *
 * Only rows of transactions older than every running one are taken (`pg_snapshot_xmin`): transactions commit
 * out of order, and a row that becomes visible later would otherwise be skipped.
 */
const nextRows = `
  next as materialized (
    select epoch, xid, position, source, contributions
    from stg.journal
    where contributions is not null and (epoch, xid, position) > ($2::integer, $3::xid8, $4::bigint)
      and (epoch < $1 or xid < pg_snapshot_xmin(pg_current_snapshot()))
    order by epoch, xid, position
    limit $5
  ),
  past as materialized (
    select epoch, xid, position
    from (
      select epoch, xid, position, sum(${dailyWeight}) over (order by epoch, xid, position) - ${dailyWeight} as before
      from next where source = 'daily'
    ) as weighed
    where before >= ${weightPerStep}
    order by epoch, xid, position
    limit 1
  ),
  batch as (
    select * from next where ((epoch, xid, position) < (select epoch, xid, position from past)) is not false
  )`;

function additions(schema: MartSchema): Addition[] {
  const dayKeys = ['place_id', 'period'];
  const hourKeys = [...dayKeys, 'hour_at'];
  const pulseKeys = ['place_id', 'by_arrival', 'slot_at', 'period', 'source', 'currency'];
  // As cdm.contribution_rows has them, but each contribution is read once for all scopes.
  const parts = (scope: number, kind: string) => `
    select h.place_id, h.period, h.hour_at, h.source, h.payment_method, h.currency, p.category, p.product_id,
      h.sold * p.amount as sales, h.refunded * p.amount as refunds, h.sold * p.count as receipts,
      h.refunded * p.count as refund_receipts, h.direction * p.units as units
    from heads as h cross join lateral ${kind} as p where p.scope = ${scope}`;
  const rows = (scope: number) =>
    `(${parts(scope, 'cdm.sale_parts(h.categories, h.products)')}
      union all ${parts(scope, 'cdm.daily_parts(h.lines)')} and h.lines is not null) as r`;
  const mart = (
    name: string,
    keys: readonly string[],
    { columns, figures }: Family,
    from: string,
  ): Addition => ({
    ...{ name, table: `${schema}.${name}`, keys: [...keys, ...columns], figures, from, ranges: 'days' },
  });
  return [
    mart('sales_hour', hourKeys, salesFamily, 'whole'),
    mart('category_hour', hourKeys, categoryFamily, rows(1)),
    mart('product_day', dayKeys, productFamily, rows(2)),
    {
      ...{ name: 'place_pulse', table: `${schema}.place_pulse`, keys: pulseKeys, figures: wholeFigures },
      ...{ from: 'pulse', ranges: 'slots' },
    },
  ];
}

/**
 * One step of the fold: the next journal rows in order, every mart they touch, the marks of the periods that
 * are now behind, and the cursor, in one statement and so in one snapshot. Answers the journal rows it took, the rows
 * of marts that it looked at first, and those that it added to.
 */
export function foldStatement(schema: MartSchema, looksFirst: boolean): string {
  const pulse = (byArrival: boolean, column: string) =>
    `select place_id, ${byArrival} as by_arrival, ${fiveMinutes(column)} as slot_at, period, source, currency, ${wholeFigures.join(', ')} from whole`;
  const marts = additions(schema);
  const count = (suffix: string) =>
    marts.map(({ name }) => `(select count(*) from ${name}_${suffix})`).join(' + ');
  return `
  with ${nextRows},
  heads as materialized (
    select h.* from batch as b cross join lateral cdm.contribution_heads(b.contributions) as h
  ),
  whole as materialized (
    select place_id, period, hour_at, sale_at, arrived_at, source, payment_method, currency, sold * total as sales,
      refunded * total as refunds, sold * discount as discounts, sold as receipts, refunded as refund_receipts,
      units, nds, tips
    from heads
  ),
  days as materialized (select distinct place_id, period from whole),
  pulse as (${pulse(false, 'sale_at')} union all ${pulse(true, 'arrived_at')}),
  slots as materialized (
    select place_id, by_arrival, min(slot_at) as first, max(slot_at) as last from pulse group by place_id, by_arrival
  ),
  ${marts.map((each) => addTo(each, looksFirst)).join(',')},
  findable as (${findByProduct}),
  marked as (
    insert into ${schema}.dirty as d (level, place_id, period, mark)
    select level, place_id, period, nextval('cdm.dirty_mark') from (
      select 'day' as level, place_id, period from days
      union select 'month', place_id, date_trunc('month', period)::date from days
      union select 'year', place_id, date_trunc('year', period)::date from days
      union select 'chain_day', '', period from days
    ) as touched
    order by 1, 2, 3
    on conflict (level, place_id, period) do update set mark = excluded.mark, touched_at = now()
  ),
  moved as (
    update ${schema}.cursor as c set epoch = b.epoch, xid = b.xid, position = b.position, moved_at = now()
    from (select epoch, xid, position from batch order by epoch desc, xid desc, position desc limit 1) as b
    where c.follower = 'fold'
  )
  -- A step that leaves some for the next has not caught up, however few rows it took.
  select case when count(*) < (select count(*) from next) then $5 else count(*) end as rows,
    ${looksFirst ? count('known') : '0'} as looked, ${count('sums')} as added
  from batch`;
}
