import { binaryArray, binaryColumn, type Client } from '../base/db.ts';
import { dateOfEpochDay, epochDay } from '../base/time.ts';
import type { CounterSchema } from './apply-counts.ts';
import type { Counter, CounterMoves, DayMove } from './gather-counts.ts';
import { periodsOf } from './unique-customers.ts';

/** The orders of a customer with a key in the day, week, month and year of a date, and in all. */
export type PeriodOrders = readonly number[];
const nothingBefore: PeriodOrders = [0, 0, 0, 0, 0];

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
      unnest($7::date[]) as period, unnest($8::int8[]) as before, unnest($9::int4[]) as number
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
  select coalesce(b.by_day, 0), coalesce(b.by_week, 0), coalesce(b.by_month, 0), coalesce(b.by_year, 0), i.before, i.number
  from moved as i
  join unnest($10::date[], $11::date[], $12::date[], $13::date[], $14::date[], $15::date[])
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
  where i.before is not null`;

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
 * Writes the days that a batch moved; one that is zero goes. Answers the orders before this batch, in the order of the
 * counters and their days. `ordersBefore`: those in all of each counter, undefined where it was not there and so had no
 * days either.
 */
export async function applyDays(
  client: Client,
  schema: CounterSchema,
  counters: readonly CounterMoves[],
  ordersBefore: readonly (number | undefined)[],
): Promise<PeriodOrders[]> {
  const rows: DayMove[] = [];
  const before: (number | undefined)[] = [];
  for (const [index, { days }] of counters.entries())
    for (const day of days) {
      rows.push(day);
      before.push(ordersBefore[index]);
    }
  const bounds = [...new Set(rows.map((row) => row.date))].map(boundsOf);
  const found = await client.query<number[]>({
    name: `apply-days-${schema}`,
    text: applyMoves(schema),
    values: [
      ...counterColumns(rows),
      ...figureColumns(rows),
      binaryColumn('date', rows, (row) => epochDay(row.date)),
      binaryArray('int8', before),
      binaryArray('int4', [...rows.keys()]),
      binaryColumn('date', bounds, ({ day }) => day),
      binaryColumn('date', bounds, ({ week }) => week),
      binaryColumn('date', bounds, ({ month }) => month),
      binaryColumn('date', bounds, ({ monthEnd }) => monthEnd),
      binaryColumn('date', bounds, ({ year }) => year),
      binaryColumn('date', bounds, ({ yearEnd }) => yearEnd),
    ],
    rowMode: 'array',
  });
  const orders = new Array<PeriodOrders>(rows.length).fill(nothingBefore);
  for (const row of found.rows) orders[row[5]!] = row;
  return orders;
}
