import { binaryColumn, type Client, type Database, inTransaction } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';
import { beginLong, rollUpLock } from './fold.ts';
import { categoryFamily, type MartSchema, productFamily, salesFamily } from './fold-statement.ts';

/**
 * Each level is summed from the one below, whose rows are never deleted, so no row of it is to be deleted either. A day
 * has no level below but the hours, the chain's day is the sum of all places' days. MERGE, since a mart has one writer
 * and `insert … on conflict` would look for each row twice; of a month most products stay what they were.
 */
const levels = {
  day: { child: undefined, unit: 'day', from: 'hour' },
  month: { child: 'day', unit: 'month', from: 'day' },
  year: { child: 'month', unit: 'year', from: 'month' },
  chain_day: { child: 'day', unit: 'day', from: 'day' },
} as const;
type Level = keyof typeof levels;
const order: readonly Level[] = ['day', 'month', 'chain_day', 'year'];

/**
 * A step of 5,000 periods of large marts must not run by a plan that was kept from the first few sales of an import, when
 * to read all of a mart for every row of a sum was the cheapest.
 */
const begin = `${beginLong}; set local plan_cache_mode = force_custom_plan`;
/**
 * Days go in by place and period, so that the days of a place, which are read together, lie together: a year of one is
 * read from a hundred pages instead of a thousand. A join by hash would lose that order.
 */
const beginDays = `${begin}; set local enable_hashjoin = off`;
const inOrder = (level: Level) => (level === 'day' ? 'order by 1, 2' : '');

/** A period is summed once it has rested, or has waited long enough while sales keep coming. */
const restedSeconds = 5;
const longestWaitSeconds = 60;
const periodsPerStep = 5_000;

type Family = { name: string; columns: readonly string[]; figures: readonly string[] };
const families: readonly Family[] = [
  { name: 'sales', ...salesFamily },
  { name: 'category', ...categoryFamily },
  { name: 'product', ...productFamily },
];

/** The rows of `child` that make up the period of `parent`; equality where it serves, since only that is hashed. */
function periodWithin(unit: 'day' | 'month' | 'year', child: string, parent: string): string {
  if (unit === 'day') return `${child}.period = ${parent}.period`;
  return `${child}.period >= ${parent}.period and ${child}.period < (${parent}.period + interval '1 ${unit}')::date`;
}

function sumInto(schema: MartSchema, level: Level, family: Family): string | undefined {
  if (family.name === 'product' && (level === 'day' || level === 'chain_day')) return undefined;
  const { unit, from } = levels[level];
  const chain = level === 'chain_day';
  const keys = chain ? ['period', ...family.columns] : ['place_id', 'period', ...family.columns];
  const columns = family.columns.map((column) => `c.${column}`);
  const selected = chain ? ['r.period', ...columns] : ['c.place_id', 'r.period', ...columns];
  const all = [...keys, ...family.figures];
  const figures = (row: string) => `(${family.figures.map((figure) => `${row}.${figure}`).join(', ')})`;
  return `
    merge into ${schema}.${family.name}_${level} as m
    using (
      select ${selected.join(', ')}, ${family.figures.map((figure) => `cdm.total(c.${figure}) as ${figure}`).join(', ')}
      from ready as r
      join ${schema}.${family.name}_${from} as c
        on ${periodWithin(unit, 'c', 'r')} ${chain ? '' : 'and c.place_id = r.place_id'}
      group by ${selected.map((_, index) => index + 1).join(', ')}
      ${inOrder(level)}
    ) as s on ${keys.map((key) => `m.${key} = s.${key}`).join(' and ')}
    when matched and ${figures('m')} <> ${figures('s')} then update set ${family.figures.map((figure) => `${figure} = s.${figure}`).join(', ')}
    when not matched then insert (${all.join(', ')}) values (${all.map((column) => `s.${column}`).join(', ')})`;
}

/**
 * Marks of this level that are due, locked so that the fold waits to mark them again; rows it holds are left for later.
 * Until the transaction ends a locked row stays where it stands, which is what it is cleared by.
 */
const takeMarks = (schema: MartSchema) => `
  select place_id, period, ctid::text as stands_at from ${schema}.dirty
  where level = $1 and (touched_at <= now() - make_interval(secs => $2) or since <= now() - make_interval(secs => $3))
  order by place_id, period
  limit $4
  for update skip locked`;

/**
 * Sums the periods that have no dirty child in this statement's snapshot, which was taken after the marks
 * were locked: whatever was folded before it is in the sums, whatever comes later marks the period again.
 */
function rollUpStatement(schema: MartSchema, level: Level): string {
  const { child, unit } = levels[level];
  const chain = level === 'chain_day';
  const clean =
    child === undefined
      ? ''
      : `where not exists (select from ${schema}.dirty as d where d.level = '${child}'
          and ${periodWithin(unit, 'd', 'i')} ${chain ? '' : 'and d.place_id = i.place_id'})`;
  const sums = families.flatMap((family) => {
    const sql = sumInto(schema, level, family);
    return sql === undefined ? [] : [`${family.name} as (${sql})`];
  });
  return `
  with ready as materialized (
    select i.place_id, i.period, i.stands_at
    from unnest($1::text[], $2::text[], $3::text[]) as t(place_id, period_text, stands_text)
    cross join lateral (select t.place_id, t.period_text::date as period, t.stands_text::tid as stands_at) as i ${clean}
    ${inOrder(level)}
  ),
  ${sums.join(',\n')},
  cleared as (
    delete from ${schema}.dirty as d using ready as r where d.ctid = r.stands_at
  )
  select count(*) as periods from ready`;
}

export type RollUpDeps = {
  pool: Database;
  log: Log;
  metrics: Metrics;
  schema?: MartSchema;
  /** Tests and rebuilds do not wait for periods to rest. */
  rest?: boolean;
};

export function createRollUp(deps: RollUpDeps) {
  const schema = deps.schema ?? 'cdm';
  const rested = deps.rest === false ? 0 : restedSeconds;
  const longest = deps.rest === false ? 0 : longestWaitSeconds;

  async function rollUpLevel(client: Client, level: Level): Promise<number> {
    const marks = await client.query<{ place_id: string; period: string; stands_at: string }>({
      name: `take-marks-${schema}`,
      text: takeMarks(schema),
      values: [level, rested, longest, periodsPerStep],
    });
    if (marks.rows.length === 0) return 0;
    const done = await client.query<{ periods: number }>({
      name: `roll-up-${schema}-${level}`,
      text: rollUpStatement(schema, level),
      values: [
        binaryColumn('text', marks.rows, (mark) => mark.place_id),
        binaryColumn('text', marks.rows, (mark) => mark.period),
        binaryColumn('text', marks.rows, (mark) => mark.stands_at),
      ],
    });
    return done.rows[0]!.periods;
  }

  /** One short transaction per level, lowest first; answers how many periods became clean. */
  async function step(): Promise<number> {
    let periods = 0;
    for (const level of order) {
      const started = performance.now();
      const done = await inTransaction(
        deps.pool,
        async (client) => {
          // The marts being rebuilt have no other writer, and filling them must not hold up the live ones.
          const lock = schema === 'cdm' ? `pg_try_advisory_xact_lock(${rollUpLock})` : 'true';
          const { rows } = await client.query(`select ${lock} as held`);
          if (!rows[0].held) return 0;
          return await rollUpLevel(client, level);
        },
        level === 'day' ? beginDays : begin,
      );
      if (done > 0) {
        deps.metrics.foldSeconds.observe({ step: `roll-up ${level}` }, (performance.now() - started) / 1000);
        observeStage(deps.metrics, 'processor', 'roll-up', started);
      }
      periods += done;
    }
    return periods;
  }

  return { step };
}
