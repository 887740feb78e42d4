import type { Client, Database } from '../base/db.ts';
import { inTransaction } from '../base/db.ts';
import { readSealedBefore } from '../database/sealed-journal.ts';
import { vaultLock } from './load-vault.ts';

/** In short transactions, since one that is long holds the followers of the journal back. */
const begin = 'begin; set local synchronous_commit = off';
const blocksPerPage = 1_000;
/** Each has many versions of sales, and each version its lines. */
const versionBlocksPerPage = 40;

const loaded = (alias: string) => `${alias}.load_dt < $1::timestamptz`;

/** What a sale that is gone may be the only one to have told; what the journal still tells is written anew. */
const named: Readonly<Record<string, string>> = {
  h_product: loaded('t'),
  h_category: loaded('t'),
  h_restaurant: loaded('t'),
  h_order: loaded('t'),
  // The one that took an erased person's place came later than the sales it names.
  h_user: `exists (select from dds.l_order_user as l where l.user_key = t.user_key and ${loaded('l')})`,
  l_order_product: loaded('t'),
  l_order_user: loaded('t'),
  l_order_restaurant: loaded('t'),
  l_product_category: loaded('t'),
  l_product_restaurant: loaded('t'),
  s_order_status: loaded('t'),
  s_product_names: `${loaded('t')} and not t.by_hand`,
  s_restaurant_names: `${loaded('t')} and not t.by_hand`,
  s_user_names: `${loaded('t')} and not t.by_hand`,
};

const page = (alias: string) => `${alias}.ctid >= $2::tid and ${alias}.ctid < $3::tid`;

const copyRows = (table: string, condition: string) => `
  insert into dds_next.${table} select t.* from dds.${table} as t where ${page('t')} and ${condition}
  on conflict do nothing`;

// From the versions to their lines, which are found by the links of their sale.
const copyVersions = `
  with gone as materialized (
    select c.order_key, c.version, c.sale_seq from dds.s_order_context as c
    where ${page('c')} and ${loaded('c')}
      and not exists (select from stg.journal as j where j.position = c.journal_position offset 0)
  ),
  contexts as (
    insert into dds_next.s_order_context select c.* from gone join dds.s_order_context as c using (order_key, version, sale_seq)
    on conflict do nothing returning 1
  ),
  costs as (
    insert into dds_next.s_order_cost select k.* from gone join dds.s_order_cost as k using (order_key, version, sale_seq)
    on conflict do nothing
  ),
  lines as (
    insert into dds_next.s_order_line
    select l.* from gone as g
    join dds.l_order_product as i on i.order_key = g.order_key
    join dds.s_order_line as l on l.link_key = i.link_key and l.version = g.version and l.sale_seq = g.sale_seq
    on conflict do nothing
  )
  select count(*) as versions from contexts`;

/**
 * Takes over from the vault what the journal does not tell any more, since it is sealed: versions of sales that others
 * took the place of. What of them is wrong stays wrong. The live follower stands still meanwhile. Answers how many
 * versions there were, and up to when the journal is sealed; undefined where nothing is.
 */
export async function copySealedHistory(
  pool: Database,
  guard: Client,
  signal?: AbortSignal,
): Promise<{ before: Date; versions: number } | undefined> {
  const before = await readSealedBefore(pool);
  if (before === undefined) return undefined;
  await guard.query(`select pg_advisory_lock(${vaultLock})`);
  try {
    for (const [table, condition] of Object.entries(named))
      await inPages(pool, table, copyRows(table, condition), { before, blocks: blocksPerPage, signal });
    let versions = 0;
    const options = { before, blocks: versionBlocksPerPage, signal };
    await inPages(pool, 's_order_context', copyVersions, options, (row) => {
      versions += row?.versions ?? 0;
    });
    return { before, versions };
  } finally {
    await guard.query(`select pg_advisory_unlock(${vaultLock})`);
  }
}

type Row = { versions: number };

async function inPages(
  pool: Database,
  table: string,
  text: string,
  options: { before: Date; blocks: number; signal: AbortSignal | undefined },
  told: (row: Row | undefined) => void = () => {},
): Promise<void> {
  const size = await pool.query<{ blocks: number }>(
    `select pg_relation_size('dds.${table}') / current_setting('block_size')::bigint as blocks`,
  );
  for (let first = 0; first < size.rows[0]!.blocks; first += options.blocks) {
    options.signal?.throwIfAborted();
    const values = [options.before, `(${first},0)`, `(${first + options.blocks},0)`];
    const { rows } = await inTransaction(pool, (client) => client.query<Row>({ text, values }), begin);
    told(rows[0]);
  }
}
