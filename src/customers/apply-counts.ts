import { binaryColumn, type Client } from '../base/db.ts';
import { epochDay } from '../base/time.ts';
import type { CounterMoves, DayMove, SaleMove } from './gather-counts.ts';
import { writeUniqueCustomers } from './unique-customers.ts';

/** The tables that readers see, and the ones that a rebuild fills beside them. */
export type CounterSchema = 'cdm' | 'cdm_next';

/** Belongs to the counters and is swapped with them. */
export const counterTables = [
  'user_counter',
  'user_day',
  'unique_customers',
  'customer_sale',
  'customer_pending',
] as const;

// A counter that is not there has no days either (see `dropZeros`), so its days are inserted without a look.
const applyCounters = (schema: CounterSchema) => `
  with applied as (
    insert into ${schema}.user_counter as c (user_no, key_no, currency, orders, units, spent)
    select * from unnest($1::int4[], $2::int4[], $3::text[], $4::int8[], $5::int8[], $6::int8[])
    on conflict (user_no, key_no, currency) do update
      set orders = c.orders + excluded.orders, units = c.units + excluded.units, spent = c.spent + excluded.spent
    returning c.user_no, c.key_no, c.currency, old.user_no is not null as is_known,
      new.orders = 0 and new.units = 0 and new.spent = 0 as is_zero
  )
  select user_no, key_no, currency, is_zero from applied where is_known or is_zero`;

const insertDays = (schema: CounterSchema) => `
  insert into ${schema}.user_day as d (user_no, key_no, period, currency, orders, units, spent)
  select i.user_no, i.key_no, date '1970-01-01' + i.day, i.currency, i.orders, i.units, i.spent
  from unnest($1::int4[], $2::int4[], $3::int4[], $4::text[], $5::int8[], $6::int8[], $7::int8[])
    as i(user_no, key_no, day, currency, orders, units, spent)`;
const upsertDays = (schema: CounterSchema) => `
  with applied as (
    ${insertDays(schema)}
    on conflict (user_no, key_no, period, currency) do update
      set orders = d.orders + excluded.orders, units = d.units + excluded.units, spent = d.spent + excluded.spent
    returning d.user_no, d.key_no, d.orders, d.units, d.spent
  )
  select distinct user_no, key_no from applied where orders = 0 and units = 0 and spent = 0`;

const applySales = (schema: CounterSchema) => `
  with applied as (
    insert into ${schema}.customer_sale as s (user_no, at, source, source_id, place_id, count)
    select * from unnest($1::int4[], $2::int8[], $3::text[], $4::text[], $5::text[], $6::int4[])
    on conflict (user_no, at, source_id, source, place_id) do update set count = s.count + excluded.count
    returning s.count
  )
  select exists (select from applied where count = 0) as has_zeros`;

const dropZeroDays = (schema: CounterSchema) => `
  delete from ${schema}.user_day as d
  using unnest($1::int4[], $2::int4[]) as t(user_no, key_no)
  where d.user_no = t.user_no and d.key_no = t.key_no and d.orders = 0 and d.units = 0 and d.spent = 0`;

// Days can add up to zero while a sale's earlier change is still to come; then the counter waits for them.
const dropZeroCounters = (schema: CounterSchema) => `
  delete from ${schema}.user_counter as c
  using unnest($1::int4[], $2::int4[]) as t(user_no, key_no)
  where c.user_no = t.user_no and c.key_no = t.key_no and c.orders = 0 and c.units = 0 and c.spent = 0
    and not exists (
      select from ${schema}.user_day as d
      where d.user_no = c.user_no and d.key_no = c.key_no and d.currency = c.currency)`;

const dropZeroSales = (schema: CounterSchema) => `
  delete from ${schema}.customer_sale as s
  using unnest($1::int4[], $2::int8[]) as t(user_no, at)
  where s.user_no = t.user_no and s.at = t.at and s.count = 0`;

type CurrencyMove = {
  userNo: number;
  keyNo: number;
  currency: string;
  orders: number;
  units: number;
  spent: number;
};
type DayRow = { moves: CounterMoves; day: DayMove };
type Touched = { user_no: number; key_no: number };

/**
 * Writes what a batch moved; the caller holds the lock of the customers. `oneCurrency`: no other currency
 * was ever counted, so that a counter seen for the first time is a customer's first order with its key.
 */
export async function applyCounts(
  client: Client,
  schema: CounterSchema,
  counters: readonly CounterMoves[],
  oneCurrency: boolean,
): Promise<void> {
  if (counters.length === 0) return;
  const known = new KnownCounters();
  const zeros: Touched[] = [];
  for (const row of await upsertCounters(client, schema, counters.flatMap(byCurrency))) {
    known.add(row);
    if (row.is_zero) zeros.push(row);
  }
  const isKnown = (moves: CounterMoves) => !oneCurrency || known.has(moves, moves.days[0]!.currency);
  // Reads the days as they were before this batch.
  await writeUniqueCustomers(client, schema, counters, isKnown);
  const fresh: DayRow[] = [];
  const old: DayRow[] = [];
  for (const moves of counters)
    for (const day of moves.days) (known.has(moves, day.currency) ? old : fresh).push({ moves, day });
  await writeDays(client, `insert-days-${schema}`, insertDays(schema), fresh);
  const zeroDays = await writeDays(client, `upsert-days-${schema}`, upsertDays(schema), old);
  await dropRows(client, `drop-zero-days-${schema}`, dropZeroDays(schema), zeroDays);
  // A day's going may leave a counter that was zero before this batch.
  const perhapsZero = [...zeros, ...zeroDays];
  await dropRows(client, `drop-zero-counters-${schema}`, dropZeroCounters(schema), perhapsZero);
}

/** The counters that were there before this batch. */
class KnownCounters {
  private readonly currencies = new Map<number, Map<number, string[]>>();

  add({ user_no: userNo, key_no: keyNo, currency }: Touched & { currency: string }): void {
    const keys = this.currencies.get(userNo) ?? new Map<number, string[]>();
    if (keys.size === 0) this.currencies.set(userNo, keys);
    const list = keys.get(keyNo);
    if (list === undefined) keys.set(keyNo, [currency]);
    else list.push(currency);
  }

  has({ userNo, keyNo }: CounterMoves, currency: string): boolean {
    return this.currencies.get(userNo)?.get(keyNo)?.includes(currency) ?? false;
  }
}

function byCurrency({ userNo, keyNo, days }: CounterMoves): CurrencyMove[] {
  if (days.length === 1) return [{ ...days[0]!, userNo, keyNo }];
  const moves: CurrencyMove[] = [];
  for (const { currency, orders, units, spent } of days) {
    const move = moves.find((one) => one.currency === currency);
    if (move === undefined) moves.push({ userNo, keyNo, currency, orders, units, spent });
    else {
      move.orders += orders;
      move.units += units;
      move.spent += spent;
    }
  }
  return moves;
}

const figureColumns = (rows: readonly Omit<DayMove, 'date'>[]) => [
  binaryColumn('text', rows, (row) => row.currency),
  binaryColumn('int8', rows, (row) => row.orders),
  binaryColumn('int8', rows, (row) => row.units),
  binaryColumn('int8', rows, (row) => row.spent),
];

async function upsertCounters(client: Client, schema: CounterSchema, rows: readonly CurrencyMove[]) {
  const applied = await client.query<Touched & { currency: string; is_zero: boolean }>({
    name: `apply-counters-${schema}`,
    text: applyCounters(schema),
    values: [
      binaryColumn('int4', rows, (row) => row.userNo),
      binaryColumn('int4', rows, (row) => row.keyNo),
      ...figureColumns(rows),
    ],
  });
  return applied.rows;
}

async function writeDays(client: Client, name: string, text: string, rows: readonly DayRow[]) {
  if (rows.length === 0) return [];
  const written = await client.query<Touched>({
    name,
    text,
    values: [
      binaryColumn('int4', rows, ({ moves }) => moves.userNo),
      binaryColumn('int4', rows, ({ moves }) => moves.keyNo),
      binaryColumn('int4', rows, ({ day }) => epochDay(day.date)),
      ...figureColumns(rows.map(({ day }) => day)),
    ],
  });
  return written.rows;
}

/** A row goes when it is zero. */
async function dropRows(client: Client, name: string, text: string, touched: readonly Touched[]) {
  if (touched.length === 0) return;
  await client.query({
    name,
    text,
    values: [
      binaryColumn('int4', touched, (one) => one.user_no),
      binaryColumn('int4', touched, (one) => one.key_no),
    ],
  });
}

/** The list of each customer's sales. */
export async function applySaleList(
  client: Client,
  schema: CounterSchema,
  sales: readonly SaleMove[],
): Promise<void> {
  if (sales.length === 0) return;
  const keys = [
    binaryColumn('int4', sales, (sale) => sale.userNo),
    binaryColumn('int8', sales, (sale) => sale.at),
  ];
  const listed = await client.query<{ has_zeros: boolean }>({
    name: `apply-sales-${schema}`,
    text: applySales(schema),
    values: [
      ...keys,
      binaryColumn('text', sales, (sale) => sale.source),
      binaryColumn('text', sales, (sale) => sale.sourceId),
      binaryColumn('text', sales, (sale) => sale.placeId),
      binaryColumn('int4', sales, (sale) => sale.count),
    ],
  });
  if (listed.rows[0]!.has_zeros)
    await client.query({ name: `drop-zero-sales-${schema}`, text: dropZeroSales(schema), values: keys });
}
