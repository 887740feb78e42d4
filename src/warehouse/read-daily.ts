import { binaryColumn, type Database } from '../base/db.ts';
import { amountToNumber, currencyDigits } from '../base/money.ts';

/** The last product that a page gave; it goes on after it. */
export type DailyPosition = { date: string; placeId: string; number: number };

export type StoredFilesQuery = {
  /** Business dates, both included. */
  from: string;
  to: string;
  placeId?: string;
  after?: DailyPosition;
  /** Products of a page, over all its files. */
  limit: number;
};

export type StoredProduct = {
  id: string;
  name: string;
  quantity: number;
  price: number;
  category: string;
  amount: number;
};

/** A file as it counts now; one too long for a page goes on in the next under the same place and date. */
export type StoredFile = {
  place_id: string;
  date: string;
  currency: string;
  received_at: string;
  /** How often another file of the same place and date was accepted after the first. */
  replacements: number;
  product_count: number;
  total_amount: number;
  products: StoredProduct[];
};

const filesPerPage = 1_000;

const readFiles = `
  select s.place_id, s.business_date, s.version, c.lines, c.count, c.total, c.currency, c.got
  from stg.sale as s
  join stg.journal as j on j.position = s.journal_position and j.received_at = s.journal_at
  cross join lateral (
    select (e->>'lines')::bigint as lines, (e->>'count')::integer as count, (e->>'total')::bigint as total,
      e->>'currency' as currency, (e->>'got')::bigint as got
    from jsonb_array_elements(j.contributions) as e where e->>'sign' = '1'
  ) as c
  where s.source = 'daily' and s.business_date between $1 and $2 and ($3::text is null or s.place_id = $3)
    and (s.business_date, s.place_id) >= ($4::date, $5::text)
  order by s.business_date, s.place_id
  limit ${filesPerPage + 1}`;

const readLines = `
  select d.file, l.product_id, l.product_name, l.quantity, l.price, l.category, l.amount
  from unnest($1::int4[], $2::int8[], $3::int4[], $4::int4[]) as d(file, document_id, first, last)
  join stg.daily_line as l on l.document_id = d.document_id and l.number between d.first and d.last
  order by d.file, l.number`;

type FileRow = {
  place_id: string;
  business_date: string;
  version: string;
  lines: number;
  count: number;
  total: number;
  currency: string;
  got: number;
};
type Part = { row: FileRow; first: number; last: number };

/** The daily files that count, by date and place, each with its products in the order of the file. */
export async function readDailyFiles(
  pool: Database,
  query: StoredFilesQuery,
): Promise<{ files: StoredFile[]; next: DailyPosition | undefined }> {
  const { from, to, placeId, after, limit } = query;
  const values = [from, to, placeId ?? null, after?.date ?? from, after?.placeId ?? ''];
  const { rows } = await pool.query<FileRow>({ text: readFiles, values });
  const parts: Part[] = [];
  let left = limit;
  let next: DailyPosition | undefined;
  for (const [index, row] of rows.entries()) {
    const isSame = row.business_date === after?.date && row.place_id === after.placeId;
    const first = isSame ? after.number + 1 : 1;
    if (first > row.count) continue;
    if (left === 0 || index === filesPerPage) {
      next = { date: row.business_date, placeId: row.place_id, number: first - 1 };
      break;
    }
    const last = Math.min(row.count, first + left - 1);
    parts.push({ row, first, last });
    left -= last - first + 1;
    if (last === row.count) continue;
    next = { date: row.business_date, placeId: row.place_id, number: last };
    break;
  }
  return { files: await withProducts(pool, parts), next };
}

async function withProducts(pool: Database, parts: readonly Part[]): Promise<StoredFile[]> {
  const files = parts.map(({ row }) => fileOf(row));
  if (parts.length === 0) return files;
  const { rows } = await pool.query({
    text: readLines,
    values: [
      binaryColumn('int4', [...parts.keys()], (index) => index),
      binaryColumn('int8', parts, (part) => part.row.lines),
      binaryColumn('int4', parts, (part) => part.first),
      binaryColumn('int4', parts, (part) => part.last),
    ],
  });
  for (const row of rows) {
    const file = files[row.file]!;
    const digits = currencyDigits(file.currency);
    file.products.push({
      id: row.product_id,
      name: row.product_name,
      quantity: row.quantity / 1000,
      price: amountToNumber(row.price, digits),
      category: row.category,
      amount: amountToNumber(row.amount, digits),
    });
  }
  return files;
}

function fileOf(row: FileRow): StoredFile {
  return {
    place_id: row.place_id,
    date: row.business_date,
    currency: row.currency,
    received_at: new Date(row.got * 1000).toISOString(),
    replacements: Number(row.version),
    product_count: row.count,
    total_amount: amountToNumber(row.total, currencyDigits(row.currency)),
    products: [],
  };
}
