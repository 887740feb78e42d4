import type { Queryable } from '../base/db.ts';
import type { VaultLine, VaultSale } from './read-sale.ts';

type DailyRow = {
  document_id: number;
  number: number;
  product_id: string;
  product_name: string;
  category: string;
  quantity: number;
  price: number;
  amount: number;
};

const columns = 'document_id, number, product_id, product_name, category, quantity, price, amount';

const lineOf = (row: DailyRow): VaultLine => ({
  number: row.number,
  productId: row.product_id,
  name: row.product_name,
  category: row.category,
  quantityMilli: row.quantity,
  priceMinor: row.price,
  amountMinor: row.amount,
});

/** The same sales with the lines of their daily files. */
export async function withDailyLines(client: Queryable, sales: readonly VaultSale[]): Promise<VaultSale[]> {
  const ids = sales.flatMap((sale) => sale.documentId ?? []);
  if (ids.length === 0) return [...sales];
  const { rows } = await client.query<DailyRow>({
    name: 'vault-daily-lines',
    text: `select ${columns} from stg.daily_line where document_id = any($1::int8[]) order by document_id, number`,
    values: [ids],
  });
  const lines = Map.groupBy(rows, (row) => row.document_id);
  return sales.map((sale) =>
    sale.documentId === undefined ? sale : { ...sale, lines: (lines.get(sale.documentId) ?? []).map(lineOf) },
  );
}

/** The next lines of one file after line `after`, at most `limit`. */
export async function readDailyPage(
  client: Queryable,
  documentId: number,
  after: number,
  limit: number,
): Promise<VaultLine[]> {
  const { rows } = await client.query<DailyRow>({
    name: 'vault-daily-page',
    text: `select ${columns} from stg.daily_line where document_id = $1 and number > $2 order by number limit $3`,
    values: [documentId, after, limit],
  });
  return rows.map(lineOf);
}
