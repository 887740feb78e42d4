import { binaryColumn, type Client } from '../base/db.ts';
import { dateOfEpochDay, epochDay } from '../base/time.ts';
import type { CounterSchema } from './apply-counts.ts';
import type { Counter, CounterMoves, DayMove } from './gather-counts.ts';
import { periodsOf } from './unique-customers.ts';

/** The orders of a counter in the day, week, month and year of a date. */
export type PeriodOrders = readonly [day: number, week: number, month: number, year: number];

/** In days since the epoch; an end is no longer of its period. */
function boundsOf(date: string) {
  const [day, week, month, year] = periodsOf(date).map(epochDay) as [number, number, number, number];
  const following = Number(date.slice(0, 4)) + 1;
  const monthEnd = epochDay(`${dateOfEpochDay(month + 31).slice(0, 7)}-01`);
  return { day, week, month, monthEnd, year, yearEnd: epochDay(`${following}-01-01`) };
}

// What was there is looked up per counter and date (`lateral`), over all currencies; a statement does not see what it
// writes itself.
const applyMoves = (schema: CounterSchema) => `
  with moved as materialized (
    select unnest($1::int4[]) as user_no, unnest($2::int4[]) as key_no, unnest($3::text[]) as currency,
      unnest($4::int8[]) as orders, unnest($5::int8[]) as units, unnest($6::int8[]) as spent,
      unnest($7::date[]) as period, unnest($8::int4[]) as number
  ),
  applied as (
    merge into ${schema}.user_day as d using moved as i
    on d.user_no = i.user_no and d.key_no = i.key_no and d.period = i.period and d.currency = i.currency
    when matched and d.orders + i.orders = 0 and d.units + i.units = 0 and d.spent + i.spent = 0 then delete
    when matched then update
      set orders = d.orders + i.orders, units = d.units + i.units, spent = d.spent + i.spent
    when not matched then insert (user_no, key_no, period, currency, orders, units, spent)
      values (i.user_no, i.key_no, i.period, i.currency, i.orders, i.units, i.spent)
  )
  select i.number, b.by_day, b.by_week, b.by_month, b.by_year
  from moved as i
  join unnest($9::date[], $10::date[], $11::date[], $12::date[], $13::date[], $14::date[])
    as p(period, week, month, month_end, year, year_end) on p.period = i.period
  cross join lateral (
    select cdm.total(d.orders) filter (where d.period = p.period) as by_day,
      cdm.total(d.orders) filter (where d.period between p.week and p.week + 6) as by_week,
      cdm.total(d.orders) filter (where d.period >= p.month and d.period < p.month_end) as by_month,
      cdm.total(d.orders) filter (where d.period >= p.year and d.period < p.year_end) as by_year
    from ${schema}.user_day as d
    where d.user_no = i.user_no and d.key_no = i.key_no
      and d.period >= least(p.year, p.week) and d.period <= greatest(p.year_end, p.week + 6)
  ) as b
  where i.number is not null`;

export const counterColumns = (rows: readonly Counter[]) => [
  binaryColumn('int4', rows, (row) => row.userNo),
  binaryColumn('int4', rows, (row) => row.keyNo),
];

export const figureColumns = (rows: readonly DayMove[]) => [
  binaryColumn('text', rows, (row) => row.currency),
  binaryColumn('int8', rows, (row) => row.orders),
  binaryColumn('int8', rows, (row) => row.units),
  binaryColumn('int8', rows, (row) => row.spent),
];

/**
 * Writes the days that a batch moved; one that is zero goes. Answers, in the order of the counters and their days, the
 * orders before this batch in the periods of each day, for the counters that were there (`ordersBefore`).
 */
export async function applyDays(
  client: Client,
  schema: CounterSchema,
  counters: readonly CounterMoves[],
  ordersBefore: readonly (number | undefined)[],
): Promise<(PeriodOrders | undefined)[]> {
  const rows = counters.flatMap((counter) => counter.days);
  const known = counters.flatMap(({ days }, index) => days.map(() => ordersBefore[index] !== undefined));
  const bounds = [...new Set(rows.map((row) => row.date))].map(boundsOf);
  const { rows: found } = await client.query({
    name: `apply-days-${schema}`,
    text: applyMoves(schema),
    values: [
      ...counterColumns(rows),
      ...figureColumns(rows),
      binaryColumn('date', rows, (row) => epochDay(row.date)),
      binaryColumn('int4', [...known.entries()], ([number, isKnown]) => (isKnown ? number : null)),
      binaryColumn('date', bounds, ({ day }) => day),
      binaryColumn('date', bounds, ({ week }) => week),
      binaryColumn('date', bounds, ({ month }) => month),
      binaryColumn('date', bounds, ({ monthEnd }) => monthEnd),
      binaryColumn('date', bounds, ({ year }) => year),
      binaryColumn('date', bounds, ({ yearEnd }) => yearEnd),
    ],
  });
  const before = new Array<PeriodOrders | undefined>(rows.length).fill(undefined);
  for (const row of found)
    before[row.number] = [row.by_day ?? 0, row.by_week ?? 0, row.by_month ?? 0, row.by_year ?? 0];
  return before;
}
