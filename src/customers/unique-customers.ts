import { binaryColumn, type Client } from '../base/db.ts';
import { dateOfEpochDay, epochDay } from '../base/time.ts';
import type { CounterSchema } from './apply-counts.ts';
import type { PeriodOrders } from './apply-days.ts';
import type { CounterMoves } from './gather-counts.ts';

/** The period of kind `all`. */
export const allTime = '1900-01-01';
const periodKinds = ['day', 'week', 'month', 'year', 'all'] as const;

/** The first days of the periods that a business date lies in, in the order of `periodKinds`. */
export function periodsOf(date: string): string[] {
  const day = epochDay(date);
  // The first of January 1970 was a Thursday; a week begins on its Monday.
  const monday = dateOfEpochDay(day - ((((day + 3) % 7) + 7) % 7));
  return [date, monday, `${date.slice(0, 7)}-01`, `${date.slice(0, 4)}-01-01`, allTime];
}

const addCustomers = (schema: CounterSchema) => `
  merge into ${schema}.unique_customers as q
  using (
    select unnest($1::text[]) as kind, unnest($2::date[]) as period, unnest($3::int4[]) as key_no,
      unnest($4::int4[]) as customers
  ) as i
  on q.kind = i.kind and q.period = i.period and q.key_no = i.key_no
  when matched and q.customers + i.customers = 0 then delete
  when matched then update set customers = q.customers + i.customers
  when not matched then insert (kind, period, key_no, customers) values (i.kind, i.period, i.key_no, i.customers)`;

/** How many customers each period won or lost, by key. */
class UniqueMoves {
  private readonly periods = new Map<string, Map<number, number>>();
  private readonly periodsByDate = new Map<string, Map<number, number>[]>();

  /** One customer and key: where its orders of a period rise above zero the period has one customer more. */
  add({ keyNo, days }: CounterMoves, before: readonly PeriodOrders[], first: number): void {
    if (days.length === 1) {
      const { date, orders } = days[0]!;
      const periods = this.of(date);
      const own = before[first]!;
      for (let index = 0; index < periods.length; index++) move(periods[index]!, keyNo, own[index]!, orders);
      return;
    }
    const sums = new Map<Map<number, number>, { before: number; orders: number }>();
    for (const [number, { date, orders }] of days.entries()) {
      for (const [index, customers] of this.of(date).entries()) {
        const sum = sums.get(customers);
        if (sum === undefined) sums.set(customers, { before: before[first + number]![index]!, orders });
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

/** Moves the numbers of unique customers; `before`: the orders until now, in the order of the counters and their days. */
export async function writeUniqueCustomers(
  client: Client,
  schema: CounterSchema,
  counters: readonly CounterMoves[],
  before: readonly PeriodOrders[],
): Promise<void> {
  const unique = new UniqueMoves();
  let first = 0;
  for (const counter of counters) {
    unique.add(counter, before, first);
    first += counter.days.length;
  }
  await writeMoves(client, schema, unique.rows());
}

async function writeMoves(
  client: Client,
  schema: CounterSchema,
  rows: readonly { kind: string; period: string; keyNo: number; customers: number }[],
): Promise<void> {
  if (rows.length === 0) return;
  await client.query({
    name: `add-unique-customers-${schema}`,
    text: addCustomers(schema),
    values: [
      binaryColumn('text', rows, (row) => row.kind),
      binaryColumn('date', rows, (row) => epochDay(row.period)),
      binaryColumn('int4', rows, (row) => row.keyNo),
      binaryColumn('int4', rows, (row) => row.customers),
    ],
  });
}
