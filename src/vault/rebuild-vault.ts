import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, inTransaction, sqlState } from '../base/db.ts';
import { copySealedHistory } from './copy-sealed.ts';
import { createVaultFollower, type VaultDeps, vaultLock } from './load-vault.ts';

const tables = [
  'cursor',
  'h_user',
  'h_product',
  'h_category',
  'h_restaurant',
  'h_order',
  'l_order_product',
  'l_order_user',
  'l_order_restaurant',
  'l_product_category',
  'l_product_restaurant',
  's_order_context',
  's_order_cost',
  's_order_status',
  's_order_line',
  's_product_names',
  's_restaurant_names',
  's_user_names',
] as const;

/** How views and grants that others made on the tables are kept; `View` is whatever that needs. */
export type ViewKeeper<View> = {
  readViews(client: Client, schema: string, tables: readonly string[]): Promise<View[]>;
  dropViews(client: Client, views: readonly View[]): Promise<void>;
  recreateViews(client: Client, views: readonly View[]): Promise<void>;
  copyGrants(client: Client, from: string, to: string): Promise<void>;
};

export type RebuildVaultDeps<View> = Omit<VaultDeps, 'schema'> & {
  views: ViewKeeper<View>;
  /** Told now and then how far it has come. */
  progress: (step: string, done: number) => void;
  /** Ends the rebuild between two steps; the old vault stays. */
  signal?: AbortSignal;
};

export type RebuiltVault = {
  rows: number;
  /** What was taken over as it was. */
  sealed: { before: Date; versions: number } | undefined;
};

const rebuildLock = 7121;
const turnPauseMs = 300;
const swapLockTimeout = '500ms';
const swapPauseMs = 200;

/**
 * Fills a new vault beside the old one from the journal and the reference history, and puts it in the old one's
 * place. Runs beside a live program; readers see one or the other. Of two rebuilds the second waits for the
 * first. Versions of sales that only the old vault has, since the journal is sealed, are taken over. Answers how many
 * journal rows and changes of the history there were.
 */
export async function rebuildVault<View>(deps: RebuildVaultDeps<View>): Promise<RebuiltVault> {
  const guard = await deps.pool.connect();
  try {
    for (;;) {
      const { rows } = await guard.query(`select pg_try_advisory_lock(${rebuildLock}) as held`);
      if (rows[0].held) break;
      await sleep(turnPauseMs, undefined, deps.signal === undefined ? {} : { signal: deps.signal });
    }
    return await rebuildInTurn(deps, guard);
  } finally {
    guard.release(true);
  }
}

async function rebuildInTurn<View>(deps: RebuildVaultDeps<View>, guard: Client): Promise<RebuiltVault> {
  const { pool, signal } = deps;
  try {
    await createNextVault(deps);
    const sealed = await copySealedHistory(pool, guard, signal);
    const follower = createVaultFollower({ ...deps, schema: 'dds_next' });
    let rows = 0;
    const catchUp = async () => {
      // Under load there is always another row; a step that is not full has caught up.
      for (let done = follower.rowsPerStep; done >= follower.rowsPerStep; ) {
        signal?.throwIfAborted();
        done = await follower.step();
        rows += done;
        deps.progress('journal rows followed', rows);
      }
    };
    await catchUp();
    // New tables have no statistics, and plans made without them read whole tables.
    for (const table of tables) await pool.query(`analyze dds_next.${table}`);
    await swapVault(deps, catchUp);
    return { rows, sealed };
  } catch (error) {
    await pool.query('drop schema if exists dds_next cascade').catch(() => {});
    throw error;
  }
}

// The name stays, since a later migration drops or alters an index by it; LIKE would make up another one.
const readIndexes = `
  select coalesce(
    'alter table dds_next.' || quote_ident(t.relname) || ' add constraint ' || quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid),
    regexp_replace(pg_get_indexdef(i.indexrelid), ' ON (ONLY )?dds\\.', ' ON dds_next.')) as definition
  from pg_index as i
  join pg_class as t on t.oid = i.indrelid
  left join pg_constraint as c on c.conindid = i.indexrelid and c.conrelid = i.indrelid
  where i.indrelid = $1::regclass
  order by i.indexrelid`;

/** Empty tables in the schema `dds_next`; what an earlier rebuild left there goes. */
async function createNextVault<View>({ pool, views }: RebuildVaultDeps<View>): Promise<void> {
  await inTransaction(pool, async (client) => {
    // What could not be swapped is told before the work, not after it.
    await views.readViews(client, 'dds', tables);
    await client.query('drop schema if exists dds_next cascade; create schema dds_next');
    for (const table of tables) {
      await client.query(
        `create table dds_next.${table} (like dds.${table} including all excluding indexes excluding statistics)`,
      );
      const indexes = await client.query<{ definition: string }>({
        text: readIndexes,
        values: [`dds.${table}`],
      });
      for (const { definition } of indexes.rows) await client.query(definition);
    }
    await client.query(`
      insert into dds_next.cursor (follower, epoch, xid, position, generation)
      select follower, 0, '0', 0, generation + 1 from dds.cursor`);
  });
}

async function swapVault<View>(deps: RebuildVaultDeps<View>, catchUp: () => Promise<void>): Promise<void> {
  for (;;) {
    await catchUp();
    try {
      await inTransaction(deps.pool, (client) => swapOnce(client, deps.views, catchUp));
      return;
    } catch (error) {
      // A reader held a table for longer than others should wait behind us.
      if (sqlState(error) !== '55P03' && sqlState(error) !== '40P01') throw error;
      await sleep(swapPauseMs);
      deps.signal?.throwIfAborted();
    }
  }
}

async function swapOnce<View>(
  client: Client,
  views: ViewKeeper<View>,
  catchUp: () => Promise<void>,
): Promise<void> {
  // 1. Nobody writes the old vault from here on, and the new one comes at least as far: an erasure that the old
  // one has followed is followed here too. The lock gives no transaction id, so the journal moves on.
  await client.query(`select pg_advisory_xact_lock(${vaultLock})`);
  await catchUp();
  await client.query(`set local lock_timeout = '${swapLockTimeout}'`);
  // 2. The new tables take the place of the old ones, cursors with them. The program's own views read through
  // functions that find the tables by name.
  const kept = await views.readViews(client, 'dds', tables);
  await client.query(
    `lock table ${tables.map((table) => `dds.${table}`).join(', ')} in access exclusive mode`,
  );
  await views.dropViews(client, kept);
  for (const table of tables) {
    await views.copyGrants(client, `dds.${table}`, `dds_next.${table}`);
    await client.query(`drop table dds.${table}; alter table dds_next.${table} set schema dds`);
  }
  await client.query('drop schema dds_next');
  await views.recreateViews(client, kept);
}
