import { binaryColumn, type Client } from '../base/db.ts';
import { dateOfEpochDay, epochDay } from '../base/time.ts';
import type { CounterSchema } from './apply-counts.ts';
import type { CounterMoves, DayMove } from './gather-counts.ts';

/** The period of kind `all`. */
export const allTime = '1900-01-01';
const periodKinds = ['day', 'week', 'month', 'year', 'all'] as const;

/** The first days of the periods that a business date lies in, in the order of `periodKinds`. */
function periodsOf(date: string): string[] {
  const day = epochDay(date);
  // The first of January 1970 was a Thursday; a week begins on its Monday.
  const monday = dateOfEpochDay(day - ((((day + 3) % 7) + 7) % 7));
  return [date, monday, `${date.slice(0, 7)}-01`, `${date.slice(0, 4)}-01-01`, allTime];
}

type Bounds = ReturnType<typeof boundsOf>;

/** In days since the epoch; an end is no longer of its period. */
function boundsOf(date: string) {
  const [day, week, month, year] = periodsOf(date).map(epochDay) as [number, number, number, number];
  const following = Number(date.slice(0, 4)) + 1;
  const monthEnd = epochDay(`${dateOfEpochDay(month + 31).slice(0, 7)}-01`);
  return { day, week, month, monthEnd, year, yearEnd: epochDay(`${following}-01-01`) };
}

// Looked up per counter and date (`lateral`), over all currencies; the counter has this batch in it already.
const readBefore = (schema: CounterSchema) => `
  select i.number, coalesce(b.by_day, 0)::int8 as by_day, coalesce(b.by_week, 0)::int8 as by_week,
    coalesce(b.by_month, 0)::int8 as by_month, coalesce(b.by_year, 0)::int8 as by_year,
    coalesce((select sum(c.orders) from ${schema}.user_counter as c
      where c.user_no = i.user_no and c.key_no = i.key_no), 0)::int8 - i.orders as by_all
  from unnest($1::int4[], $2::int4[], $3::int4[], $4::date[], $5::date[], $6::date[], $7::date[], $8::date[], $9::date[], $10::int8[])
    as i(number, user_no, key_no, period, week, month, month_end, year, year_end, orders)
  cross join lateral (
    select sum(d.orders) filter (where d.period = i.period) as by_day,
      sum(d.orders) filter (where d.period between i.week and i.week + 6) as by_week,
      sum(d.orders) filter (where d.period >= i.month and d.period < i.month_end) as by_month,
      sum(d.orders) filter (where d.period >= i.year and d.period < i.year_end) as by_year
    from ${schema}.user_day as d
    where d.user_no = i.user_no and d.key_no = i.key_no
      and d.period >= least(i.year, i.week) and d.period <= greatest(i.year_end, i.week + 6)
  ) as b`;

const addCustomers = (schema: CounterSchema) => `
  with applied as (
    insert into ${schema}.unique_customers as q (kind, period, key_no, customers)
    select i.kind, date '1970-01-01' + i.day, i.key_no, i.customers
    from unnest($1::text[], $2::int4[], $3::int4[], $4::int4[]) as i(kind, day, key_no, customers)
    order by 1, 2, 3
    on conflict (kind, period, key_no) do update set customers = q.customers + excluded.customers
    returning q.customers
  )
  select exists (select from applied where customers = 0) as has_zeros`;

const dropZeros = (schema: CounterSchema) => `
  delete from ${schema}.unique_customers as q
  using unnest($1::text[], $2::int4[], $3::int4[]) as i(kind, day, key_no)
  where q.kind = i.kind and q.period = date '1970-01-01' + i.day and q.key_no = i.key_no and q.customers = 0`;

type Before = readonly number[];
const nothingBefore: Before = [0, 0, 0, 0, 0];

/** How many customers each period won or lost, by key. */
class UniqueMoves {
  private readonly periods = new Map<string, Map<number, number>>();
  private readonly periodsByDate = new Map<string, Map<number, number>[]>();

  /** One customer and key: where its orders of a period rise above zero the period has one customer more. */
  add(keyNo: number, days: readonly { date: string; orders: number; before: Before }[]): void {
    if (days.length === 1) {
      const { date, orders, before } = days[0]!;
      for (const [index, customers] of this.of(date).entries())
        move(customers, keyNo, before[index]!, orders);
      return;
    }
    const sums = new Map<Map<number, number>, { before: number; orders: number }>();
    for (const { date, orders, before } of days) {
      for (const [index, customers] of this.of(date).entries()) {
        const sum = sums.get(customers);
        if (sum === undefined) sums.set(customers, { before: before[index]!, orders });
        else sum.orders += orders;
      }
    }
    for (const [customers, { before, orders }] of sums) move(customers, keyNo, before, orders);
  }

  rows(): { kind: string; period: string; keyNo: number; customers: number }[] {
    return [...this.periods].flatMap(([name, moves]) => {
      const [kind, period] = name.split(' ') as [string, string];
      return [...moves]
        .filter(([, customers]) => customers !== 0)
        .map(([keyNo, customers]) => ({ kind, period, keyNo, customers }));
    });
  }

  private of(date: string): Map<number, number>[] {
    let list = this.periodsByDate.get(date);
    if (list === undefined) {
      list = periodsOf(date).map((period, index) => {
        const name = `${periodKinds[index]} ${period}`;
        const customers = this.periods.get(name) ?? new Map<number, number>();
        this.periods.set(name, customers);
        return customers;
      });
      this.periodsByDate.set(date, list);
    }
    return list;
  }
}

function move(customers: Map<number, number>, keyNo: number, before: number, orders: number): void {
  const change = Number(before + orders > 0) - Number(before > 0);
  if (change !== 0) customers.set(keyNo, (customers.get(keyNo) ?? 0) + change);
}

/** The orders of each date, over all currencies. */
function ordersByDate(days: readonly DayMove[]): { date: string; orders: number }[] {
  if (days.length === 1) return days[0]!.orders === 0 ? [] : [days[0]!];
  const sums = new Map<string, number>();
  for (const { date, orders } of days) sums.set(date, (sums.get(date) ?? 0) + orders);
  return [...sums].filter(([, orders]) => orders !== 0).map(([date, orders]) => ({ date, orders }));
}

/**
 * Moves the numbers of unique customers. Runs after the counters have this batch and before the days do.
 * `isKnown`: the customer may have earlier days with this key; where not, nothing is read.
 */
export async function writeUniqueCustomers(
  client: Client,
  schema: CounterSchema,
  counters: readonly CounterMoves[],
  isKnown: (moves: CounterMoves) => boolean,
): Promise<void> {
  const unique = new UniqueMoves();
  const asked: { moves: CounterMoves; date: string; orders: number; allOrders: number }[] = [];
  for (const moves of counters) {
    const days = ordersByDate(moves.days);
    if (isKnown(moves)) {
      const allOrders = moves.days.reduce((sum, day) => sum + day.orders, 0);
      for (const day of days) asked.push({ moves, ...day, allOrders });
    } else
      unique.add(
        moves.keyNo,
        days.map((day) => ({ ...day, before: nothingBefore })),
      );
  }
  const before = await readBeforeOf(client, schema, asked);
  const known = Map.groupBy(
    asked.map((one, number) => ({ ...one, before: before[number]! })),
    (one) => one.moves,
  );
  for (const [moves, days] of known) unique.add(moves.keyNo, days);
  await writeMoves(client, schema, unique.rows());
}

async function readBeforeOf(
  client: Client,
  schema: CounterSchema,
  asked: readonly { moves: CounterMoves; date: string; allOrders: number }[],
): Promise<Before[]> {
  if (asked.length === 0) return [];
  const byDate = new Map<string, Bounds>();
  const bounds = asked.map(({ date }) => {
    const days = byDate.get(date) ?? boundsOf(date);
    byDate.set(date, days);
    return days;
  });
  const { rows } = await client.query({
    name: `read-before-${schema}`,
    text: readBefore(schema),
    values: [
      binaryColumn('int4', [...asked.keys()], (number) => number),
      binaryColumn('int4', asked, ({ moves }) => moves.userNo),
      binaryColumn('int4', asked, ({ moves }) => moves.keyNo),
      binaryColumn('date', bounds, ({ day }) => day),
      binaryColumn('date', bounds, ({ week }) => week),
      binaryColumn('date', bounds, ({ month }) => month),
      binaryColumn('date', bounds, ({ monthEnd }) => monthEnd),
      binaryColumn('date', bounds, ({ year }) => year),
      binaryColumn('date', bounds, ({ yearEnd }) => yearEnd),
      binaryColumn('int8', asked, ({ allOrders }) => allOrders),
    ],
  });
  const before: Before[] = [];
  for (const row of rows)
    before[row.number] = [row.by_day, row.by_week, row.by_month, row.by_year, row.by_all];
  return before;
}

async function writeMoves(
  client: Client,
  schema: CounterSchema,
  rows: readonly { kind: string; period: string; keyNo: number; customers: number }[],
): Promise<void> {
  if (rows.length === 0) return;
  const keys = [
    binaryColumn('text', rows, (row) => row.kind),
    binaryColumn('int4', rows, (row) => epochDay(row.period)),
    binaryColumn('int4', rows, (row) => row.keyNo),
  ];
  const applied = await client.query<{ has_zeros: boolean }>({
    name: `add-unique-customers-${schema}`,
    text: addCustomers(schema),
    values: [...keys, binaryColumn('int4', rows, (row) => row.customers)],
  });
  if (applied.rows[0]!.has_zeros)
    await client.query({ name: `drop-zero-unique-${schema}`, text: dropZeros(schema), values: keys });
}
