import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type Database, inTransaction, type Queryable, sqlState } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { isOld } from './seal-rows.ts';

export type OldPartition = { name: string; bytes: number };

const selectPartitions = `
  select format('stg.%I', c.relname) as name, pg_total_relation_size(c.oid) as bytes, b.bound = 'DEFAULT' as is_default,
    substring(b.bound from $$FROM \\('([^']+)'\\)$$)::timestamptz >= $1 as is_younger,
    substring(b.bound from $$TO \\('([^']+)'\\)$$)::timestamptz <= $1 as is_older
  from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
  cross join lateral (select pg_get_expr(c.relpartbound, c.oid) as bound) as b
  where i.inhparent = 'stg.journal'::regclass
  order by c.relname`;

/** The partitions of the journal that a seal takes the place of, the last seal's among them. */
export async function listOldPartitions(client: Queryable, before: Date): Promise<OldPartition[]> {
  const { rows } = await client.query({ text: selectPartitions, values: [before] });
  const across = rows.find((row) => !row.is_default && row.is_older !== true && row.is_younger !== true);
  if (across !== undefined)
    throw new CodedError(
      'seal_refused',
      `${across.name} holds documents from both sides of ${before.toISOString().slice(0, 10)}; give another month`,
    );
  return rows.filter((row) => row.is_older === true).map(({ name, bytes }) => ({ name, bytes }));
}

/** Where the journal catches what has no month; its old rows are sealed too. */
const journalDefault = 'stg.journal_default';

/** The empty table that is to become `stg.sealed_sale`; what an earlier seal left half-made goes. */
export async function createNext(pool: Database, before: Date): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query('drop schema if exists stg_next cascade; create schema stg_next');
    await client.query('create table stg_next.sealed_sale (like stg.journal including all)');
    // With this, attaching it reads none of its rows.
    await client.query(
      `alter table stg_next.sealed_sale add constraint is_sealed check (${isOld('sealed_sale', before)})`,
    );
  });
}

/** From COMMIT on, whoever writes an old row says so in `ops.seal_change`; who was writing one has ended. */
export async function watchChanges(pool: Database, partitions: readonly OldPartition[], before: Date) {
  await pool.query('delete from ops.seal_change');
  for (const name of [...partitions.map((one) => one.name), journalDefault])
    await withShortLocks(() =>
      inTransaction(pool, async (client) => {
        await client.query("set local lock_timeout = '200ms'");
        await client.query(`
          create or replace trigger seal_change after insert or update on ${name}
          for each row when (${isOld('new', before)}) execute function ops.note_seal_change()`);
      }),
    );
}

/** What a seal that is given up leaves behind. */
export async function dropNext(pool: Database): Promise<void> {
  await pool.query('drop schema if exists stg_next cascade');
  const { rows } = await pool.query<{ name: string }>(
    "select tgrelid::regclass::text as name from pg_trigger where tgname = 'seal_change'",
  );
  for (const { name } of rows)
    await withShortLocks(() =>
      inTransaction(pool, async (client) => {
        await client.query("set local lock_timeout = '200ms'");
        await client.query(`drop trigger if exists seal_change on ${name}`);
      }),
    );
  await pool.query('delete from ops.seal_change');
}

/**
 * Locks the journal for a moment: nobody reads or writes it, and readers of several statements have ended. Waited for
 * shortly, since all loading queues behind the one who waits.
 */
export async function lockJournal(client: Client): Promise<void> {
  // The months are made under this one.
  await client.query("select pg_advisory_xact_lock(7104); set local lock_timeout = '200ms'");
  // Readers of several statements name the generation before their snapshot, as for a swap of the marts.
  await client.query('lock table cdm.generation in access exclusive mode');
  await client.query('lock table stg.journal in access exclusive mode');
}

/** The new table in the place of the old partitions, in the caller's transaction and under `lockJournal`. */
export async function replacePartitions(
  client: Client,
  partitions: readonly OldPartition[],
  before: Date,
): Promise<void> {
  for (const { name } of partitions)
    await client.query(`alter table stg.journal detach partition ${name}; drop table ${name}`);
  await client.query(`
    drop trigger if exists seal_change on ${journalDefault};
    delete from ${journalDefault} as d where ${isOld('d', before)};
    alter table stg_next.sealed_sale set schema stg;
    alter table stg.journal attach partition stg.sealed_sale for values from (minvalue) to ('${before.toISOString()}');
    alter table stg.sealed_sale drop constraint is_sealed;
    drop schema stg_next`);
}

const lockPauseMs = 500;

/** Tries until the locks are to be had within their short time. */
export async function withShortLocks<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const state = sqlState(error);
      if (state !== '55P03' && state !== '40P01') throw error;
      await sleep(lockPauseMs, undefined, signal === undefined ? {} : { signal });
    }
  }
}
