import type { Client } from '../base/db.ts';
import { amountToNumber, currencyDigits } from '../base/money.ts';
import { addDays } from '../base/time.ts';
import { cancelOnAbort } from '../database/cancel-on-abort.ts';
import type { Reader } from '../database/read-side.ts';
import type { CellRow, TableColumn } from '../http/parquet.ts';

export type SaleLinesQuery = {
  /** Business dates, both included. */
  from: string;
  to: string;
  sources: readonly string[];
  places?: readonly string[] | undefined;
  products?: readonly string[] | undefined;
  categories?: readonly string[] | undefined;
  /** Whose sale it was, which not everyone may see. */
  withCustomers: boolean;
};

const columns: readonly TableColumn[] = [
  { name: 'business_date', kind: 'date' },
  { name: 'sold_at', kind: 'instant' },
  { name: 'place_id', kind: 'text' },
  { name: 'place_name', kind: 'text' },
  { name: 'source', kind: 'text' },
  { name: 'id', kind: 'text' },
  { name: 'type', kind: 'text' },
  { name: 'payment_method', kind: 'text' },
  { name: 'line_number', kind: 'count' },
  { name: 'product_id', kind: 'text' },
  { name: 'product_name', kind: 'text' },
  { name: 'category', kind: 'text' },
  { name: 'quantity', kind: 'quantity' },
  { name: 'currency', kind: 'text' },
  { name: 'price', kind: 'money' },
  { name: 'amount', kind: 'money' },
  { name: 'net_amount', kind: 'money' },
];

/** The columns of a line, the customer last and only where asked for. */
export function lineColumns(withCustomers: boolean): readonly TableColumn[] {
  return withCustomers ? [...columns, { name: 'customer_id', kind: 'text' }] : columns;
}

/** Quantity in thousandths, money in minor units. */
type LineRow = {
  business_date: string;
  sold_at: Date;
  currency: string;
  quantity: number;
  price: number;
  amount: number;
  net_amount: number;
} & Record<string, string | number | Date | null>;

const rowsPerFetch = 2_000;
/** Whoever reads more slowly than a page in this time has gone, and holds back what the database tidies up. */
const begin =
  "begin isolation level repeatable read read only; set local transaction_timeout = '6h'; set local idle_in_transaction_session_timeout = '5min'; set local cursor_tuple_fraction = 1";

// Complete are the sales that arrived before the first journal row which the vault still has to follow; each half
// of the question has an index of its own.
const unfollowed = (condition: string) => `(
  select received_at from stg.journal
  where ${condition} and (epoch, xid, position) > (
    (select epoch from dds.cursor where follower = 'journal'),
    (select xid from dds.cursor where follower = 'journal'),
    (select position from dds.cursor where follower = 'journal'))
  order by epoch, xid, position limit 1)`;
const readAsOf = `
  select least($1::timestamptz, now(), ${unfollowed('contributions is not null')}, ${unfollowed(
    "contributions is null and verdict in ('accepted', 'corrected', 'stale', 'reattributed', 'erased')",
  )}) as as_of`;

/** The first and the last day with sales, null where there are none. */
type Days = { first: string | null; last: string | null };
const readDays = `
  select min(business_date) as first, max(business_date) as last from dds.s_order_context
  where business_date between $1::date and $2::date`;

// A day at a time, so that no more than a day is sorted.
const declare = (withCustomers: boolean) => `
  declare sale_lines no scroll cursor for
  select v.business_date, v.sale_at as sold_at, v.place_id, v.place_name, v.source, v.source_id as id, v.kind as type,
    v.payment_method, v.line_number, v.product_id, v.product_name, v.category, v.quantity, v.currency, v.price,
    v.amount, v.net_amount${withCustomers ? ', u.user_id as customer_id' : ''}
  from dds.v_sale_line_current as v
  ${withCustomers ? 'left join dds.h_user as u on u.user_key = v.user_key' : ''}
  where v.business_date = $1::date and v.source = any($2::text[])
    and ($3::text[] is null or v.place_id = any($3)) and ($4::text[] is null or v.product_id = any($4))
    and ($5::text[] is null or v.category = any($5))
  order by v.sale_at, v.order_id, v.line_number`;

export type SaleLines = { asOf: Date; pages: AsyncGenerator<CellRow[]> };

/**
 * The lines of the sales that count, as the vault has them, in one snapshot: by day, time and sale. `asOf` is up to
 * when the vault is complete. The snapshot is held until the pages end or the signal is aborted, which also cancels
 * what runs; one of the two must come.
 */
export async function openSaleLines(
  { pool, asOf: replicaAsOf }: Reader,
  query: SaleLinesQuery,
  signal: AbortSignal,
): Promise<SaleLines> {
  const client = await pool.connect();
  let stopCancelling = () => {};
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    const broken = await client.query('rollback').then(
      () => undefined,
      (error: Error) => error,
    );
    stopCancelling();
    client.release(broken);
  };
  try {
    stopCancelling = cancelOnAbort(pool, client, signal);
    signal.addEventListener('abort', () => void close(), { once: true });
    await client.query(begin);
    // Taken before the snapshot, so that a swap of the vault cannot fall between the queries.
    await client.query('lock table dds.cursor in access share mode');
    const found = await client.query<{ as_of: Date }>({ text: readAsOf, values: [replicaAsOf ?? null] });
    const days = await client.query<Days>({
      text: readDays,
      values: [query.from, query.to],
    });
    return { asOf: found.rows[0]!.as_of, pages: pagesOf(client, query, days.rows[0]!, close) };
  } catch (error) {
    await close();
    throw error;
  }
}

async function* pagesOf(
  client: Client,
  query: SaleLinesQuery,
  { first, last }: Days,
  close: () => Promise<void>,
): AsyncGenerator<CellRow[]> {
  const { sources, places, products, categories, withCustomers } = query;
  const names = lineColumns(withCustomers).map(({ name }) => name);
  const text = declare(withCustomers);
  try {
    for (let day = first; day !== null && day <= last!; day = addDays(day, 1)) {
      await client.query({
        text,
        values: [day, sources, places ?? null, products ?? null, categories ?? null],
      });
      for (;;) {
        const { rows } = await client.query<LineRow>(`fetch ${rowsPerFetch} from sale_lines`);
        if (rows.length > 0) yield rows.map((row) => cellsOf(row, names));
        if (rows.length < rowsPerFetch) break;
      }
      await client.query('close sale_lines');
    }
  } finally {
    await close();
  }
}

function cellsOf(row: LineRow, names: readonly string[]): CellRow {
  const digits = currencyDigits(row.currency);
  const shown: Record<string, string | number | Date | null> = {
    ...row,
    sold_at: row.sold_at.toISOString(),
    quantity: row.quantity / 1000,
    price: amountToNumber(row.price, digits),
    amount: amountToNumber(row.amount, digits),
    net_amount: amountToNumber(row.net_amount, digits),
  };
  return names.map((name) => shown[name] as string | number | null);
}
