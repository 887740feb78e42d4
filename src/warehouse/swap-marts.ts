import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type Database, inTransaction, sqlState } from '../base/db.ts';
import { foldLock, rollUpLock } from './fold.ts';
import { copyGrants, dropViews, readViews, recreateViews } from './mart-views.ts';

/** What belongs together and is swapped together: the marts, how far they are folded, what is behind in them. */
const martTables = [
  'cursor',
  'dirty',
  'sales_hour',
  'category_hour',
  'product_day',
  'place_pulse',
  'sales_day',
  'sales_month',
  'sales_year',
  'category_day',
  'category_month',
  'category_year',
  'product_month',
  'product_year',
  'sales_chain_day',
  'category_chain_day',
] as const;

/** Tables that another follower of the journal fills, which are built and swapped together with the marts. */
export type FurtherMarts = {
  tables: readonly string[];
  /** Its row in the table of cursors, and the advisory lock that it writes under. */
  follower: string;
  lock: number;
  catchUp(): Promise<void>;
  afterSwap(): Promise<void>;
};

const swapLockTimeout = '500ms';
const swapPauseMs = 200;

const readOptions = `
  select array_to_string(reloptions, ', ') as options from pg_class where oid = $1::regclass`;

// The name stays, since a later migration drops or alters an index by it; LIKE would make up another one.
const readIndexes = `
  select coalesce(
    'alter table cdm_next.' || quote_ident(t.relname) || ' add constraint ' || quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid),
    regexp_replace(pg_get_indexdef(i.indexrelid), ' ON (ONLY )?cdm\\.', ' ON cdm_next.')) as definition
  from pg_index as i
  join pg_class as t on t.oid = i.indrelid
  left join pg_constraint as c on c.conindid = i.indexrelid and c.conrelid = i.indrelid
  where i.indrelid = $1::regclass
  order by i.indexrelid`;

/** Empty tables beside the marts, in the schema `cdm_next`; what an earlier rebuild left there goes. */
export async function createNextMarts(pool: Database, further?: FurtherMarts): Promise<void> {
  const tables = [...martTables, ...(further?.tables ?? [])];
  await inTransaction(pool, async (client) => {
    // What could not be swapped is told before the work, not after it.
    await readViews(client, 'cdm', tables);
    await client.query('drop schema if exists cdm_next cascade; create schema cdm_next');
    for (const table of tables) await createLike(client, table);
    await client.query({
      text: "insert into cdm_next.cursor (follower, epoch, xid, position) select f, 0, '0', 0 from unnest($1::text[]) as f",
      values: [['fold', ...(further === undefined ? [] : [further.follower])]],
    });
  });
}

async function createLike(client: Client, table: string): Promise<void> {
  const values = [`cdm.${table}`];
  await client.query(
    `create table cdm_next.${table} (like cdm.${table} including all excluding indexes excluding statistics)`,
  );
  // LIKE leaves the storage parameters out, and without room on its pages a mart is updated slowly.
  const { rows } = await client.query({ text: readOptions, values });
  if (rows[0].options !== null) await client.query(`alter table cdm_next.${table} set (${rows[0].options})`);
  const indexes = await client.query<{ definition: string }>({ text: readIndexes, values });
  for (const { definition } of indexes.rows) await client.query(definition);
}

/** What a rebuild that is given up leaves behind. */
export async function dropNextMarts(pool: Database): Promise<void> {
  await pool.query('drop schema if exists cdm_next cascade');
}

/**
 * Puts the tables of `cdm_next` in the place of the marts, in one transaction. `catchUp` folds what came
 * meanwhile; it runs before each try, so that readers find a short tail. Answers the new generation.
 */
export async function swapMarts(deps: {
  pool: Database;
  catchUp: () => Promise<void>;
  signal?: AbortSignal;
  further?: FurtherMarts | undefined;
}): Promise<number> {
  const { further } = deps;
  // New tables have no statistics, and plans made without them read whole marts.
  for (const table of [...martTables, ...(further?.tables ?? [])])
    await deps.pool.query(`analyze cdm_next.${table}`);
  for (;;) {
    await deps.catchUp();
    try {
      return await inTransaction(deps.pool, (client) => swapOnce(client, further));
    } catch (error) {
      // A reader held a table for longer than others should wait behind us.
      if (sqlState(error) !== '55P03' && sqlState(error) !== '40P01') throw error;
      await sleep(swapPauseMs);
      deps.signal?.throwIfAborted();
    }
  }
}

async function swapOnce(client: Client, further: FurtherMarts | undefined): Promise<number> {
  const tables = [...martTables, ...(further?.tables ?? [])];
  // 1. Nobody writes the marts from here on.
  await client.query(`select pg_advisory_xact_lock(${foldLock}), pg_advisory_xact_lock(${rollUpLock})`);
  if (further !== undefined) await client.query(`select pg_advisory_xact_lock(${further.lock})`);
  // 2. Nobody reads them: readers name the generation before any other table.
  await client.query(`set local lock_timeout = '${swapLockTimeout}'`);
  await client.query('lock table cdm.generation in access exclusive mode');
  // Followers that are not rebuilt go on from where they are.
  await client.query(`
    lock table cdm.cursor in access exclusive mode;
    insert into cdm_next.cursor select * from cdm.cursor on conflict do nothing`);
  // 3. The new tables take the place of the old ones, cursor and marks with them.
  const views = await readViews(client, 'cdm', tables);
  await dropViews(client, views);
  for (const table of tables) {
    await copyGrants(client, `cdm.${table}`, `cdm_next.${table}`);
    await client.query(`drop table cdm.${table}; alter table cdm_next.${table} set schema cdm`);
  }
  await client.query('drop schema cdm_next');
  await recreateViews(client, views);
  // 4. Readers that kept something of the old marts see that they are gone.
  const { rows } = await client.query<{ generation: number }>(
    'insert into cdm.generation (generation) select max(generation) + 1 from cdm.generation returning generation',
  );
  const { generation } = rows[0]!;
  await client.query({ text: 'delete from cdm.generation where generation < $1', values: [generation] });
  return generation;
}
