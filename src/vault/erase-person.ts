import { binaryColumn, type Client } from '../base/db.ts';
import { uuid5Bytes } from '../base/uuid5.ts';
import type { VaultSchema } from './hubs.ts';
import { insertHub } from './hubs.ts';
import { linkKey } from './keys.ts';
import { insertLinks } from './links.ts';
import type { FollowedRow } from './read-journal.ts';

/** What an `erased` row says: under which key the person was known, and which random one takes its place. */
type Erasure = { erased_user_id: string; user_id: string; customer_id: string };

/**
 * Puts the random key in the place of the person's wherever the vault has it, and takes the names away. By the
 * order of the journal nothing that names the person comes after this row.
 */
export async function erasePerson(client: Client, schema: VaultSchema, row: FollowedRow): Promise<void> {
  const erasure = row.resolved as unknown as Erasure;
  const loadedAtMs = row.received_at.getTime();
  const source = 'erasure';
  const { rows } = await client.query<{ order_key: string; loaded_at: Date; load_src: string }>({
    text: `delete from ${schema}.l_order_user where user_key = $1 returning order_key, load_dt as loaded_at, load_src`,
    values: [erasure.erased_user_id],
  });
  if (rows.length > 0) {
    const to = uuid5Bytes(erasure.customer_id);
    await insertHub(client, schema, 'user', [{ id: erasure.customer_id, key: to, loadedAtMs, source }]);
    const links = rows.map((link) => ({
      key: linkKey(link.order_key, to),
      from: Buffer.from(link.order_key.replaceAll('-', ''), 'hex'),
      to,
      loadedAtMs: link.loaded_at.getTime(),
      source: link.load_src,
    }));
    await insertLinks(client, schema, 'l_order_user', links);
    await client.query({
      text: `update ${schema}.s_order_context set user_key = $2 where order_key = any($3::uuid[]) and user_key = $1`,
      values: [erasure.erased_user_id, erasure.user_id, binaryColumn('uuid', links, (link) => link.from)],
    });
  }
  for (const table of ['s_user_names', 'h_user'])
    await client.query({
      text: `delete from ${schema}.${table} where user_key = $1`,
      values: [erasure.erased_user_id],
    });
}
