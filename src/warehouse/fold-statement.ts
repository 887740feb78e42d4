import { mostTexts } from '../sales/stored-contribution.ts';
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

/**
 * What `cdm.contribution_heads` yields, of entries in format 3 whose members `n` and `t` are read once. To call a function
 * that answers a set costs as much as reading all members of a sale, so most sales are read without.
 */
const packedHeads = `
  select case when is_refund then 0 else sign end as sold, case when is_refund then sign else 0 end as refunded, direction,
    to_timestamp(n[1]) as hour_at, (e->>'date')::date as period, e->>'place' as place_id, e->>'source' as source,
    t[1] as payment_method, e->>'currency' as currency, n as numbers, t as texts, null::bigint as lines,
    to_timestamp(n[2]) as sale_at, to_timestamp((e->'got')::bigint) as arrived_at,
    (e->'total')::bigint as total, n[5] as discount, direction * n[3] as nds,
    direction * n[4] as tips, direction * n[6] as units, null::jsonb as categories, null::jsonb as products
  from (
    select *, case when is_refund then -sign else sign end as direction from (
      select e, e ? 'refund' as is_refund, (e->'sign')::bigint as sign, (e->>'n')::bigint[] as n, (e->>'t')::text[] as t
      from (
        select contributions->0 as e from batch where is_packed
        union all select contributions->1 from batch where is_packed and jsonb_array_length(contributions) = 2
      ) as entry offset 0
    ) as members
  ) as signed`;

/** Counts without a function, which the planner would take for a thousand rows. */
const counted = (last: string) =>
  `unnest(('{${Array.from({ length: mostTexts }, (_, index) => index + 1).join(',')}}'::integer[])[1:${last}])`;

/** As `cdm.packed_parts` has them, of those sales in `heads` that are packed. */
const packedParts = {
  category: (heads: string) => `
    select *, texts[1 + i] as category, null::text as product_id, numbers[7 + 2 * i] as amount,
      numbers[6 + 2 * i] as quantity, 1::bigint as count
    from (select *, ${counted('numbers[7]')} as i, null::bigint as first from ${heads} where numbers is not null) as h`,
  product: (heads: string) => `
    select *, case when numbers[first] = 0 then '*' else texts[1 + numbers[first]] end as category,
      texts[1 + numbers[7] + i] as product_id, numbers[first + 2] as amount, numbers[first + 1] as quantity,
      numbers[first + 3] as count
    from (
      select *, 4 + 2 * numbers[7] + 4 * i as first
      from (select *, ${counted('cardinality(texts) - 1 - numbers[7]')} as i from ${heads} where numbers is not null) as h offset 0
    ) as h`,
};
type Part = keyof typeof packedParts;

const listedParts = (part: Part, kind: string, heads: string) => `
  select h.*, 0 as i, 0 as first, p.category, p.product_id, p.amount, p.units as quantity, p.count
  from ${heads} as h cross join lateral ${kind} as p
  where h.numbers is null and p.scope = ${part === 'category' ? 1 : 2}`;
const saleParts = (part: Part, heads = 'heads') =>
  `${packedParts[part](heads)} union all ${listedParts(part, 'cdm.sale_parts(h.categories, h.products)', heads)} and h.lines is null`;

// Only a receipt and a daily file name the categories of their products themselves.
const uncategorised =
  "(select * from heads where source in ('transaction', 'order') and sold + refunded = 1)";
const findByProduct = `
  insert into stg.sale_product (product_id, business_date, place_id)
  select distinct product_id, period, place_id
  from (${saleParts('product', uncategorised)}) as p
  order by 1, 2, 3
  on conflict do nothing`;

/**
 * `batch`: the journal's next rows in order, up to the daily file that is too much for one step. $1 epoch, $2 to $4
 * cursor. The number of rows is no parameter, so that the planner knows it and hash tables of a step fit in memory.
 *
 * Only rows of transactions older than every running one are taken (`pg_snapshot_xmin`): transactions commit
 * out of order, and a row that becomes visible later would otherwise be skipped.
 */
const nextRows = (limit: number) => `
  next as materialized (
    select epoch, xid, position, source, contributions
    from stg.journal
    where contributions is not null and (epoch, xid, position) > ($2::integer, $3::xid8, $4::bigint)
      and (epoch < $1 or xid < pg_snapshot_xmin(pg_current_snapshot()))
    order by epoch, xid, position
    limit ${limit}
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
    select *, jsonb_array_length(contributions) <= 2 and contributions->0 ? 'n' and contributions->-1 ? 'n' as is_packed
    from next where ((epoch, xid, position) < (select epoch, xid, position from past)) is not false
  )`;

function additions(schema: MartSchema): Addition[] {
  const dayKeys = ['place_id', 'period'];
  const hourKeys = [...dayKeys, 'hour_at'];
  const pulseKeys = ['place_id', 'by_arrival', 'slot_at', 'period', 'source', 'currency'];
  const rows = (part: Part) => `(
    select place_id, period, hour_at, source, payment_method, currency, category, product_id, sold * amount as sales,
      refunded * amount as refunds, sold * count as receipts, refunded * count as refund_receipts, direction * quantity as units
    from (${saleParts(part)} union all ${listedParts(part, 'cdm.daily_parts(h.lines)', 'heads')} and h.lines is not null) as p) as r`;
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
    mart('category_hour', hourKeys, categoryFamily, rows('category')),
    mart('product_day', dayKeys, productFamily, rows('product')),
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
export function foldStatement(schema: MartSchema, limit: number, looksFirst: boolean): string {
  const pulse = (byArrival: boolean, column: string) =>
    `select place_id, ${byArrival} as by_arrival, ${fiveMinutes(column)} as slot_at, period, source, currency, ${wholeFigures.join(', ')} from whole`;
  const marts = additions(schema);
  const count = (suffix: string) =>
    marts.map(({ name }) => `(select count(*) from ${name}_${suffix})`).join(' + ');
  return `
  with ${nextRows(limit)},
  heads as materialized (
    ${packedHeads}
    union all
    select h.sold, h.refunded, h.direction, h.hour_at, h.period, h.place_id, h.source, h.payment_method, h.currency, h.numbers, h.texts, h.lines,
      h.sale_at, h.arrived_at, h.total, h.discount, h.nds, h.tips, h.units, h.categories, h.products
    from batch as b cross join lateral cdm.contribution_heads(b.contributions) as h where b.is_packed is not true
  ),
  whole as materialized (
    select place_id, period, hour_at, sale_at, arrived_at, source, payment_method, currency, sold * total as sales,
      refunded * total as refunds, sold * discount as discounts, sold as receipts, refunded as refund_receipts,
      units, nds, tips
    from heads
  ),
  days as materialized (select distinct place_id, period from whole),
  pulse as (
    select * from (${pulse(false, 'sale_at')} union all ${pulse(true, 'arrived_at')}) as slot
    where slot_at >= coalesce((select kept_from from ops.retention where kind = 'pulse'), '-infinity')
  ),
  slots as materialized (
    select place_id, by_arrival, min(slot_at) as first, max(slot_at) as last from pulse group by place_id, by_arrival
  ),
  ${marts.map((each) => addTo(each, looksFirst)).join(',')},
  findable as (${findByProduct}),
  marked as (
    insert into ${schema}.dirty as d (level, place_id, period)
    select level, place_id, period from (
      select 'day' as level, place_id, period from days
      union select 'month', place_id, date_trunc('month', period)::date from days
      union select 'year', place_id, date_trunc('year', period)::date from days
      union select 'chain_day', '', period from days
    ) as touched
    order by 1, 2, 3
    on conflict (level, place_id, period) do update set touched_at = now()
  ),
  moved as (
    update ${schema}.cursor as c set epoch = b.epoch, xid = b.xid, position = b.position, moved_at = now()
    from (select epoch, xid, position from batch order by epoch desc, xid desc, position desc limit 1) as b
    where c.follower = 'fold'
  )
  -- A step that leaves some for the next has not caught up, however few rows it took.
  select case when count(*) < (select count(*) from next) then ${limit} else count(*) end as rows,
    ${looksFirst ? count('known') : '0'} as looked, ${count('sums')} as added
  from batch`;
}
