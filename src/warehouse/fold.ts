import { type Client, type Database, inTransaction } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';

/** Advisory locks: a mart has one writer at a time, and a swap of the marts takes both. */
export const foldLock = 7102;
export const rollUpLock = 7103;

/** The marts readers see, and the ones that a rebuild fills beside them. */
export type MartSchema = 'cdm' | 'cdm_next';

type Family = { columns: readonly string[]; figures: readonly string[] };
const wholeFigures = [
  'sales',
  'refunds',
  'discounts',
  'receipts',
  'refund_receipts',
  'units',
  'nds',
  'tips',
] as const;
const lineFigures = ['sales', 'refunds', 'receipts', 'refund_receipts', 'units'] as const;

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

/** `insert … select … group by … on conflict do update` that adds what `from` yields to a mart. */
function addTo(
  table: string,
  keys: readonly string[],
  figures: readonly string[],
  from: string,
  select = keys,
): string {
  return `
    insert into ${table} as m (${[...keys, ...figures].join(', ')})
    select ${select.join(', ')}, ${figures.map((figure) => `cdm.total(${figure})`).join(', ')}
    from ${from}
    group by ${select.map((_, index) => index + 1).join(', ')}
    order by 1
    on conflict (${keys.join(', ')}) do update
      set ${figures.map((figure) => `${figure} = m.${figure} + excluded.${figure}`).join(', ')}`;
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

/**
 * One step of the fold: the next journal rows in order, every mart they touch, the marks of the periods that
 * are now behind, and the cursor, in one statement and so in one snapshot.
 */
function foldStatement(schema: MartSchema): string {
  const hourKeys = ['place_id', 'period', 'hour_at'];
  const pulseKeys = ['place_id', 'by_arrival', 'slot_at', 'period', 'source', 'currency'];
  const pulse = (byArrival: boolean, column: string) =>
    `select place_id, ${byArrival} as by_arrival, ${fiveMinutes(column)} as slot_at, period, source, currency, ${wholeFigures.join(', ')} from whole`;
  // As cdm.contribution_rows has them, but each contribution is read once for all scopes.
  const parts = (scope: number, kind: string) => `
    select h.place_id, h.period, h.hour_at, h.source, h.payment_method, h.currency, p.category, p.product_id,
      h.sold * p.amount as sales, h.refunded * p.amount as refunds, h.sold * p.count as receipts,
      h.refunded * p.count as refund_receipts, h.direction * p.units as units
    from heads as h cross join lateral ${kind} as p where p.scope = ${scope}`;
  const rows = (scope: number) =>
    `(${parts(scope, 'cdm.sale_parts(h.categories, h.products)')}
      union all ${parts(scope, 'cdm.daily_parts(h.lines)')} and h.lines is not null) as r`;
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
  sales as (${addTo(`${schema}.sales_hour`, [...hourKeys, ...salesFamily.columns], wholeFigures, 'whole')}),
  categories as (${addTo(`${schema}.category_hour`, [...hourKeys, ...categoryFamily.columns], lineFigures, rows(1))}),
  products as (${addTo(`${schema}.product_day`, ['place_id', 'period', ...productFamily.columns], lineFigures, rows(2))}),
  pulse as (${addTo(
    `${schema}.place_pulse`,
    pulseKeys,
    wholeFigures,
    `(${pulse(false, 'sale_at')} union all ${pulse(true, 'arrived_at')}) as slots`,
  )}),
  findable as (${findByProduct}),
  days as materialized (select distinct place_id, period from whole),
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
  select case when count(*) < (select count(*) from next) then $5 else count(*) end as rows from batch`;
}

/** A step of millions of products may take longer than a transaction usually may. */
export const beginLong = "begin; set local transaction_timeout = 0; set local statement_timeout = '10min'";

/**
 * The journal is read in the order of its index (see `readInOrder`), the rows of a step do not spill to files, and
 * a step, however few rows it takes, is not planned anew, which takes 8 ms.
 */
const beginStep = `${beginLong}; set local enable_sort = off; set local work_mem = '16MB'; set local plan_cache_mode = force_generic_plan`;

/** Rows a step takes; the cost of a step is mostly the distinct mart rows it touches. */
const rowsPerStep = 5_000;

export type FoldDeps = { pool: Database; epoch: number; log: Log; metrics: Metrics; schema?: MartSchema };

export function createFold(deps: FoldDeps) {
  const schema = deps.schema ?? 'cdm';
  const text = foldStatement(schema);
  // The marts being rebuilt have no other writer, and filling them must not hold up the live ones.
  const lock = schema === 'cdm' ? `pg_try_advisory_xact_lock(${foldLock})` : 'true';

  const transaction = <T>(work: (client: Client) => Promise<T>) => inTransaction(deps.pool, work, beginStep);

  /** Answers how many journal rows were folded, a full step's number where it left some; 0 also where another process holds the lock. */
  async function step(): Promise<number> {
    const started = performance.now();
    const rows = await transaction(async (client) => {
      const [locked, cursor] = (await client.query(
        `select ${lock} as held;
         select epoch, xid::text as xid, position from ${schema}.cursor where follower = 'fold'`,
      )) as unknown as [
        { rows: { held: boolean }[] },
        { rows: { epoch: number; xid: string; position: number }[] },
      ];
      const from = cursor.rows[0];
      if (!locked.rows[0]!.held || from === undefined) return 0;
      const folded = await client.query<{ rows: number }>({
        name: `fold-${schema}`,
        text,
        values: [deps.epoch, from.epoch, from.xid, from.position, rowsPerStep],
      });
      return folded.rows[0]!.rows;
    });
    if (rows > 0) {
      deps.metrics.foldSeconds.observe({ step: 'fold' }, (performance.now() - started) / 1000);
      observeStage(deps.metrics, 'processor', 'fold', started);
    }
    return rows;
  }

  return { step, rowsPerStep };
}

/** The followers that loading waits for; one that reads a long history for the first time is not waited for. */
type Awaited = readonly ('fold' | 'customers')[];
const allAwaited: Awaited = ['fold', 'customers'];

const slowest = (followers: string) => `
  select epoch, xid, position from cdm.cursor where follower = any(${followers}::text[]) and caught_up
  order by epoch, xid, position limit 1`;

/** Journal rows past the slowest of the followers, counted no further than `limit`. */
export async function countTail(
  pool: Database,
  limit: number,
  followers: Awaited = allAwaited,
): Promise<number> {
  const { rows } = await pool.query<{ rows: number }>({
    name: 'count-tail',
    text: `
      with slowest as materialized (${slowest('$2')})
      select count(*) as rows from (
        select 1 from stg.journal
        where contributions is not null and (epoch, xid, position) > (
          (select epoch from slowest), (select xid from slowest), (select position from slowest))
        limit $1
      ) as tail`,
    values: [limit, followers],
  });
  return rows[0]!.rows;
}

/** Where the tail begins: it grows until this is another place. */
export async function readTailStart(pool: Database): Promise<string> {
  const { rows } = await pool.query<{ start: string }>({
    name: 'read-tail-start',
    text: `select concat_ws(' ', epoch, xid, position) as start from (${slowest('$1')}) as slowest`,
    values: [allAwaited],
  });
  return rows[0]?.start ?? '';
}
