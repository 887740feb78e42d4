import { binaryArray, binaryColumn, type Client } from '../base/db.ts';
import { applyDays, counterColumns, figureColumns } from './apply-days.ts';
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

// MERGE costs a fifth less than `insert … on conflict`, and takes it for granted that nobody else writes here. Arrays are
// unnested one by one: `from unnest($1, $2, …)` writes its rows to a store first, a sixth of the statement. What a counter
// had before is asked of all its currencies where there is another than this one ($8 false).
const applyCounters = (schema: CounterSchema) => `
  with applied as (
    merge into ${schema}.user_counter as c
    using (
      select unnest($1::int4[]) as user_no, unnest($2::int4[]) as key_no, unnest($3::text[]) as currency,
        unnest($4::int8[]) as orders, unnest($5::int8[]) as units, unnest($6::int8[]) as spent, unnest($7::int4[]) as number
    ) as i
    on c.user_no = i.user_no and c.key_no = i.key_no and c.currency = i.currency
    when matched then update
      set orders = c.orders + i.orders, units = c.units + i.units, spent = c.spent + i.spent
    when not matched then insert (user_no, key_no, currency, orders, units, spent)
      values (i.user_no, i.key_no, i.currency, i.orders, i.units, i.spent)
    returning i.number, new.orders = 0 and new.units = 0 and new.spent = 0 as is_zero,
      case when $8 then old.orders else coalesce((
        select cdm.total(b.orders) from ${schema}.user_counter as b
        where b.user_no = i.user_no and b.key_no = i.key_no), 0) end as before
  )
  select number, before, is_zero from applied where before is not null or is_zero`;

const applySales = (schema: CounterSchema) => `
  merge into ${schema}.customer_sale as s
  using (
    select unnest($1::int4[]) as user_no, unnest($2::int8[]) as at, unnest($3::text[]) as source,
      unnest($4::text[]) as source_id, unnest($5::text[]) as place_id, unnest($6::int4[]) as count
  ) as i
  on s.user_no = i.user_no and s.at = i.at and s.source_id = i.source_id and s.source = i.source and s.place_id = i.place_id
  when matched and s.count + i.count = 0 then delete
  when matched then update set count = s.count + i.count
  when not matched then insert (user_no, at, source, source_id, place_id, count)
    values (i.user_no, i.at, i.source, i.source_id, i.place_id, i.count)`;

// Days can add up to zero while a sale's earlier change is still to come; then the counter waits for them.
const dropZeroCounters = (schema: CounterSchema) => `
  delete from ${schema}.user_counter as c
  using unnest($1::int4[], $2::int4[]) as t(user_no, key_no)
  where c.user_no = t.user_no and c.key_no = t.key_no and c.orders = 0 and c.units = 0 and c.spent = 0
    and not exists (
      select from ${schema}.user_day as d
      where d.user_no = c.user_no and d.key_no = c.key_no and d.currency = c.currency)`;

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
  const { ordersBefore, zeros } = await writeCounters(client, schema, counters, oneCurrency);
  const before = await applyDays(client, schema, counters, ordersBefore);
  await writeUniqueCustomers(client, schema, counters, before);
  if (zeros.length > 0)
    await client.query({
      name: `drop-zero-counters-${schema}`,
      text: dropZeroCounters(schema),
      values: counterColumns(zeros),
    });
}

/**
 * Answers, in the order of the counters, the orders that each had before this batch, if it was there; and those that
 * are zero now.
 */
async function writeCounters(
  client: Client,
  schema: CounterSchema,
  counters: readonly CounterMoves[],
  oneCurrency: boolean,
): Promise<{ ordersBefore: (number | undefined)[]; zeros: CounterMoves[] }> {
  const rows: DayMove[] = [];
  const numbers: number[] = [];
  for (const [number, { days }] of counters.entries())
    for (const move of days.length === 1 ? days : byCurrency(days)) {
      rows.push(move);
      numbers.push(number);
    }
  const applied = await client.query<[number: number, before: number | null, isZero: boolean]>({
    name: `apply-counters-${schema}`,
    text: applyCounters(schema),
    values: [...counterColumns(rows), ...figureColumns(rows), binaryArray('int4', numbers), oneCurrency],
    rowMode: 'array',
  });
  const ordersBefore = new Array<number | undefined>(counters.length).fill(undefined);
  const zeros: CounterMoves[] = [];
  for (const [number, before, isZero] of applied.rows) {
    if (before !== null) ordersBefore[number] = before;
    if (isZero) zeros.push(counters[number]!);
  }
  return { ordersBefore, zeros };
}

function byCurrency(days: readonly DayMove[]): DayMove[] {
  const moves: DayMove[] = [];
  for (const day of days) {
    const move = moves.find((one) => one.currency === day.currency);
    if (move === undefined) moves.push({ ...day });
    else {
      move.orders += day.orders;
      move.units += day.units;
      move.spent += day.spent;
    }
  }
  return moves;
}

/** The list of each customer's sales. */
export async function applySaleList(
  client: Client,
  schema: CounterSchema,
  sales: readonly SaleMove[],
): Promise<void> {
  if (sales.length === 0) return;
  await client.query({
    name: `apply-sales-${schema}`,
    text: applySales(schema),
    values: [
      binaryColumn('int4', sales, (sale) => sale.userNo),
      binaryColumn('int8', sales, (sale) => sale.at),
      binaryColumn('text', sales, (sale) => sale.source),
      binaryColumn('text', sales, (sale) => sale.sourceId),
      binaryColumn('text', sales, (sale) => sale.placeId),
      binaryColumn('int4', sales, (sale) => sale.count),
    ],
  });
}
