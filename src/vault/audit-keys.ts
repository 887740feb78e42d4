import type { Client } from '../base/db.ts';
import { uuid5 } from '../base/uuid5.ts';
import type { VaultDifference } from './audit-vault.ts';

/** Tables whose keys follow from what stands beside them: the text that is hashed, and the column of the key. */
const keyed = [
  ['h_user', 'user_key', 'user_id'],
  ['h_product', 'product_key', 'product_id'],
  ['h_category', 'category_key', 'category_name'],
  ['h_restaurant', 'restaurant_key', 'restaurant_id'],
  ['h_order', 'order_key', 'order_id'],
  ['l_order_product', 'link_key', "order_key || '/' || product_key"],
  ['l_order_user', 'link_key', "order_key || '/' || user_key"],
  ['l_order_restaurant', 'link_key', "order_key || '/' || restaurant_key"],
  ['l_product_category', 'link_key', "product_key || '/' || category_key"],
  ['l_product_restaurant', 'link_key', "product_key || '/' || restaurant_key"],
] as const;

const rowsPerPage = 10_000;

/** Computes every key of hubs and links again, in the caller's transaction. */
export async function auditKeys(client: Client, limit: number): Promise<VaultDifference[]> {
  const differences: VaultDifference[] = [];
  for (const [table, column, text] of keyed) {
    await client.query(
      `declare vault_keys no scroll cursor for select ${column}::text as key, ${text} as text from dds.${table}`,
    );
    for (;;) {
      const { rows } = await client.query<{ key: string; text: string }>(
        `fetch ${rowsPerPage} from vault_keys`,
      );
      if (rows.length === 0) break;
      for (const { key, text: hashed } of rows) {
        const expected = uuid5(hashed);
        if (expected !== key && differences.length < limit)
          differences.push({ table: `dds.${table}`, key: hashed, figure: column, expected, found: key });
      }
    }
    await client.query('close vault_keys');
  }
  return differences;
}
