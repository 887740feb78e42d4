import { categoryFamily, productFamily, salesFamily } from './fold-statement.ts';

/** $1 is the most rows told; an adjusted check takes in $2 contributions that are to be added to the recorded. */
export type Check = { table: string; figures: readonly string[]; adjusted: boolean; text: string };

/** All days there are, or those of the setting `tillstream.audited_days`. */
export type CheckedDays = 'all' | 'audited';

/** Places and days as rows; a setting of the transaction, since a cursor takes no parameters. */
export const auditedDays =
  "(select d->>0 as place_id, (d->>1)::date as period from jsonb_array_elements(current_setting('tillstream.audited_days')::jsonb) as d)";

const isAudited = (alias: string) =>
  `(${alias}.place_id, ${alias}.period) in (select place_id, period from ${auditedDays} as audited)`;
const only = (days: CheckedDays, alias: string) => (days === 'all' ? 'true' : isAudited(alias));

/** Rows of a mart; those of audited days day by day, so that each is looked up in the index. */
const martRows = (
  days: CheckedDays,
  table: string,
  within = 'm.place_id = a.place_id and m.period = a.period',
) =>
  days === 'all'
    ? `${table} as t`
    : `(select t.* from ${auditedDays} as a cross join lateral (select m.* from ${table} as m where ${within} offset 0) as t) as t`;

/**
 * Registered sales with what is recorded for them, day by day and row by row (`offset 0`): joined as sets, tables
 * that were filled a moment ago are read again and again for want of statistics.
 */
const recordedOfDays = `
  (
    select a.place_id, a.period, j.contributions
    from (
      select a.place_id, a.period, s.journal_position, s.journal_at from ${auditedDays} as a
      cross join lateral (
        select s.journal_position, s.journal_at from stg.sale as s
        where s.place_id = a.place_id and s.business_date = a.period offset 0
      ) as s offset 0
    ) as a
    cross join lateral (
      select j.contributions from stg.journal as j
      where j.position = a.journal_position and j.received_at = a.journal_at offset 0
    ) as j offset 0
  )`;

/** What each registered sale counts for at present, made right where it is recorded wrongly. */
const current = (days: CheckedDays) => `
  select r.* from ${
    days === 'all'
      ? 'stg.sale as s join stg.journal as j on j.position = s.journal_position and j.received_at = s.journal_at'
      : `${recordedOfDays} as j`
  }
  cross join lateral cdm.contribution_rows(jsonb_path_query_array(j.contributions, '$[*] ? (@.sign == 1)')) as r
  where ${days === 'all' ? 'true' : 'r.place_id = j.place_id and r.period = j.period'}
  union all
  select r.* from (
    select r.* from unnest($2::jsonb[]) as a(contributions) cross join lateral cdm.contribution_rows(a.contributions) as r offset 0
  ) as r
  where ${only(days, 'r')}`;

const tail = (days: CheckedDays) => `
  select r.* from (
    select r.* from stg.journal as j cross join lateral cdm.contribution_rows(j.contributions) as r
    where j.contributions is not null and (j.epoch, j.xid, j.position) > (
      (select epoch from cdm.cursor where follower = 'fold'),
      (select xid from cdm.cursor where follower = 'fold'),
      (select position from cdm.cursor where follower = 'fold')) offset 0
  ) as r
  where ${only(days, 'r')}`;

/** Rows of two sums that do not agree; a row that only one of them has counts as zeros in the other. */
function compare(
  table: string,
  keys: readonly string[],
  figures: readonly string[],
  expected: string,
  found: string,
): Check {
  const sums = figures.map((figure) => `sum(${figure}) as ${figure}`).join(', ');
  const positions = keys.map((_, index) => index + 1).join(', ');
  const side = (name: string, from: string) =>
    `${name} as (select ${keys.join(', ')}, ${sums} from (${from}) as ${name}_rows group by ${positions})`;
  const text = `
    with ${side('e', expected)}, ${side('f', found)}
    select concat_ws(' ', ${keys.map((key) => `${key}::text`).join(', ')}) as key,
      ${figures.map((figure) => `coalesce(e.${figure}, 0) as expected_${figure}, coalesce(f.${figure}, 0) as found_${figure}`).join(', ')}
    from e full join f using (${keys.join(', ')})
    where ${figures.map((figure) => `coalesce(e.${figure}, 0) <> coalesce(f.${figure}, 0)`).join(' or ')}
    order by key
    limit $1`;
  return { table, figures, adjusted: false, text };
}

/** Whether the registry points at what the journal says, and whether the journal adds up to that. */
export function checksOfRegistry(identity: 'source' | 'place'): Check[] {
  return [pointerCheck(), sumCheck(identity)];
}

/** Of audited days: what the journal adds up to is in their marts, so those are compared alone. */
export function checksOfDays(): Check[] {
  return [pointerCheck('audited'), ...checksOfFinestMarts('audited'), ...checksOfRolledUpMarts('audited')];
}

/** Sales that no accepted document stands behind, and pointers to journal rows that are not the sale's newest. */
function pointerCheck(days: CheckedDays = 'all'): Check {
  const registered =
    days === 'all'
      ? 'stg.sale as s'
      : `${auditedDays} as a join stg.sale as s on s.place_id = a.place_id and s.business_date = a.period`;
  const text = `
    select concat_ws(' ', s.source, s.source_id, nullif(s.place_scope, '')) as key,
      'accepted, corrected or reattributed ' || s.version || ' #' || s.sale_seq as expected_journal_row,
      coalesce(j.verdict || ' ' || j.version || ' #' || j.sale_seq, 'none') as found_journal_row
    from ${registered}
    left join stg.journal as j on j.position = s.journal_position and j.received_at = s.journal_at
      and j.source = s.source and j.source_id = s.source_id
    where j.position is null or j.verdict not in ('accepted', 'corrected', 'reattributed', 'erased')
      or j.version <> s.version or j.sale_seq <> s.sale_seq
    order by key
    limit $1`;
  return { table: 'stg.sale', figures: ['journal_row'], adjusted: false, text };
}

/**
 * The marts are the sum of all that the journal ever put in and took out, so for each sale that must come to
 * its current contribution, once. Answers what does not, with how often it is counted and should be. Sales
 * with a single row that puts in are right by themselves.
 */
export function unsummed(identity: 'source' | 'place'): string {
  const scope = (alias: string) => (identity === 'place' ? `${alias}.place_id` : "''::text");
  return `
    with moved as (
      select distinct j.source, j.source_id, ${scope('j')} as place_scope from stg.journal as j
      where j.sale_seq > 1 or jsonb_array_length(j.contributions) <> 1 or j.contributions @> '[{"sign": -1}]'
    ),
    found as (
      select m.source, m.source_id, m.place_scope, cdm.contribution_in_full(e) - 'sign' as contribution, sum((e->>'sign')::integer) as times
      from moved as m
      join stg.journal as j on j.source_id = m.source_id and j.source = m.source and ${scope('j')} = m.place_scope
      cross join lateral jsonb_array_elements(j.contributions) as e
      group by 1, 2, 3, 4
    ),
    expected as (
      select m.source, m.source_id, m.place_scope, cdm.contribution_in_full(e) - 'sign' as contribution, 1 as times
      from moved as m
      join stg.sale as s on s.source_id = m.source_id and s.source = m.source and s.place_scope = m.place_scope
      join stg.journal as j on j.position = s.journal_position and j.received_at = s.journal_at
      cross join lateral jsonb_array_elements(j.contributions) as e
      where e->>'sign' = '1'
    )
    select source, source_id, place_scope, contribution, coalesce(e.times, 0) as expected, coalesce(f.times, 0) as found
    from expected as e full join found as f using (source, source_id, place_scope, contribution)
    where coalesce(e.times, 0) <> coalesce(f.times, 0)`;
}

function sumCheck(identity: 'source' | 'place'): Check {
  const text = `
    select concat_ws(' ', source, source_id, nullif(place_scope, '')) as key,
      expected || ' × ' || contribution as expected_counted, found || ' × ' || contribution as found_counted
    from (${unsummed(identity)}) as u
    order by key, expected_counted
    limit $1`;
  return { table: 'stg.journal', figures: ['counted'], adjusted: false, text };
}

/** A period that is behind makes all above it behind; else a reader would take those from rows that are old. */
function markCheck(): Check {
  const text = `
    with needed as (
      select 'month' as level, place_id, date_trunc('month', period)::date as period from cdm.dirty where level = 'day'
      union select 'chain_day', '', period from cdm.dirty where level = 'day'
      union select 'year', place_id, date_trunc('year', period)::date from cdm.dirty where level in ('day', 'month')
    )
    select concat_ws(' ', level, nullif(place_id, ''), period) as key, 'marked' as expected_period, 'not marked' as found_period
    from needed
    where not exists (
      select from cdm.dirty as d
      where d.level = needed.level and d.place_id = needed.place_id and d.period = needed.period)
    order by key
    limit $1`;
  return { table: 'cdm.dirty', figures: ['period'], adjusted: false, text };
}

/** The marts that the fold writes, with the tail, against the recomputed sales. */
export function checksOfFinestMarts(days: CheckedDays = 'all'): Check[] {
  const check = (table: string, keys: readonly string[], figures: readonly string[], scope: number) => {
    const columns = [...keys, ...figures].join(', ');
    const check = compare(
      `cdm.${table}`,
      keys,
      figures,
      `select ${columns} from (${current(days)}) as c where scope = ${scope}`,
      `select ${columns} from ${martRows(days, `cdm.${table}`)} union all select ${columns} from (${tail(days)}) as t where scope = ${scope}`,
    );
    return { ...check, adjusted: true };
  };
  return [
    check('sales_hour', ['place_id', 'period', 'hour_at', ...salesFamily.columns], salesFamily.figures, 0),
    check(
      'category_hour',
      ['place_id', 'period', 'hour_at', ...categoryFamily.columns],
      categoryFamily.figures,
      1,
    ),
    check('product_day', ['place_id', 'period', ...productFamily.columns], productFamily.figures, 2),
    pulseCheck(days),
  ];
}

/**
 * By the time of the sale and, of all days, by that of its arrival: slots have no index by business date, and a
 * sale may arrive years later. What retention has taken away is not missed.
 */
function pulseCheck(days: CheckedDays): Check {
  const keys = ['place_id', 'by_arrival', 'slot_at', 'period', 'source', 'currency'];
  const figures = salesFamily.figures;
  const slots = (from: string, byArrival: boolean, at: string) =>
    `select place_id, ${byArrival} as by_arrival, date_bin('5 minutes', ${at}, 'epoch'::timestamptz) as slot_at,
      period, source, currency, ${figures.join(', ')}
    from (${from}) as c where scope = 0`;
  const both = (from: string) =>
    `${slots(from, false, 'sale_at')} ${days === 'all' ? `union all ${slots(from, true, 'arrived_at')}` : ''}`;
  const kept = (from: string) =>
    `select * from (${from}) as k
     where slot_at >= coalesce((select kept_from from ops.retention where kind = 'pulse'), '-infinity')`;
  const near =
    "m.place_id = a.place_id and not m.by_arrival and m.period = a.period and m.slot_at >= a.period - interval '2 days' and m.slot_at < a.period + interval '4 days'";
  const check = compare(
    'cdm.place_pulse',
    keys,
    figures,
    kept(both(current(days))),
    kept(
      `select ${[...keys, ...figures].join(', ')} from ${martRows(days, 'cdm.place_pulse', near)} union all ${both(tail(days))}`,
    ),
  );
  return { ...check, adjusted: true };
}

/** Rows of the periods that hold audited days; those of all places together have no index to be looked up in. */
function periodRows(days: CheckedDays, table: string, unit: string, chain: boolean): string {
  if (days === 'all') return `${table} as t where true`;
  if (chain) return `${table} as t where t.period in (select period from ${auditedDays} as audited)`;
  return `(select distinct place_id, date_trunc('${unit}', period)::date as period from ${auditedDays} as d) as a
    cross join lateral (
      select m.* from ${table} as m
      where m.place_id = a.place_id and m.period >= a.period and m.period < (a.period + interval '1 ${unit}')::date offset 0
    ) as t where true`;
}

/** Each clean period against the level below it. */
export function checksOfRolledUpMarts(days: CheckedDays = 'all'): Check[] {
  const checks = [markCheck()];
  const levels = [
    { level: 'day', from: 'hour', unit: 'day' },
    { level: 'month', from: 'day', unit: 'month' },
    { level: 'year', from: 'month', unit: 'year' },
    { level: 'chain_day', from: 'day', unit: 'day' },
  ];
  const families = [
    { name: 'sales', ...salesFamily },
    { name: 'category', ...categoryFamily },
    { name: 'product', ...productFamily },
  ];
  for (const family of families) {
    for (const { level, from, unit } of levels) {
      if (family.name === 'product' && (level === 'day' || level === 'chain_day')) continue;
      const chain = level === 'chain_day';
      const keys = [...(chain ? [] : ['place_id']), 'period', ...family.columns];
      const columns = [...keys, ...family.figures];
      const dirty = (alias: string, period: string) =>
        `not exists (select from cdm.dirty as d where d.level = '${level}' and d.place_id = ${chain ? "''" : `${alias}.place_id`} and d.period = ${period})`;
      const period = `date_trunc('${unit}', t.period)::date`;
      const below = columns
        .map((column) => (column === 'period' ? `${period} as period` : `t.${column}`))
        .join(', ');
      checks.push(
        compare(
          `cdm.${family.name}_${level}`,
          keys,
          family.figures,
          `select ${below} from ${periodRows(days, `cdm.${family.name}_${from}`, unit, chain)} and ${dirty('t', period)}`,
          `select ${columns.map((column) => `t.${column}`).join(', ')} from ${periodRows(days, `cdm.${family.name}_${level}`, unit, chain)} and ${dirty('t', 't.period')}`,
        ),
      );
    }
  }
  return checks;
}
