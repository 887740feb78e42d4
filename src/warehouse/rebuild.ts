import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type Database, inTransaction, sqlState } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Reference } from '../reference/reference.ts';
import { createFold, foldLock, rollUpLock } from './fold.ts';
import {
  appendChanges,
  appliedColumns,
  appliedJoins,
  appliedOf,
  differs,
  type Parse,
  recompute,
} from './recompute.ts';
import { createRollUp } from './roll-up.ts';

export type RebuildDeps = {
  pool: Database;
  reference: Reference;
  parse: Parse;
  epoch: number;
  log: Log;
  metrics: Metrics;
  /** Told now and then how far it has come. */
  progress: (step: string, done: number) => void;
};

export type Rebuilt = { sales: number; recomputed: number; unreadable: number; generation: number };

/** What belongs together and is swapped together. */
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

const salesPerStep = 1_000;
const rebuildLock = 7105;
const swapLockTimeout = '500ms';
const swapPauseMs = 200;

/**
 * Computes every sale afresh from its document and the reference history, then builds new marts beside the
 * old ones from the journal and swaps them in. Runs beside a live program; readers see the old marts or the
 * new, never a mixture.
 */
export async function rebuildMarts(deps: RebuildDeps): Promise<Rebuilt> {
  const guard = await deps.pool.connect();
  try {
    await guard.query(
      `set idle_in_transaction_session_timeout = 0; set lock_timeout = 0; select pg_advisory_lock(${rebuildLock})`,
    );
    const recomputed = await recomputeSales(deps);
    await createNext(deps.pool);
    await fillNext(deps);
    const generation = await swap(deps);
    return { ...recomputed, generation };
  } finally {
    guard.release(true);
  }
}

type Key = { source_id: string; source: string; place_scope: string };

async function recomputeSales(deps: RebuildDeps): Promise<Omit<Rebuilt, 'generation'>> {
  const total = { sales: 0, recomputed: 0, unreadable: 0 };
  let after: Key = { source_id: '', source: '', place_scope: '' };
  for (;;) {
    let page: { last: Key | undefined; sales: number; recomputed: number; unreadable: number };
    try {
      page = await recomputePage(deps, after);
    } catch (error) {
      const state = sqlState(error);
      if (state !== '40P01' && state !== '40001') throw error;
      continue;
    }
    if (page.last === undefined) return total;
    total.sales += page.sales;
    total.recomputed += page.recomputed;
    total.unreadable += page.unreadable;
    after = page.last;
    deps.progress('sales recomputed', total.sales);
  }
}

const readPage = `
  select ${appliedColumns} from stg.sale as s ${appliedJoins}
  where (s.source_id, s.source, s.place_scope) > ($1, $2, $3)
  order by s.source_id, s.source, s.place_scope
  limit $4`;

/** Pages are read without locks; only sales that differ are locked, read again and written. */
async function recomputePage(deps: RebuildDeps, after: Key) {
  const { rows } = await deps.pool.query({
    name: 'rebuild-page',
    text: readPage,
    values: [after.source_id, after.source, after.place_scope, salesPerStep],
  });
  const snapshot = deps.reference.current();
  const changes = rows
    .map(appliedOf)
    .map((applied) => ({ applied, fresh: recompute(applied, snapshot, deps.parse) }));
  const changed = changes.filter(differs);
  const recomputed =
    changed.length === 0
      ? 0
      : await correct(
          deps,
          changed.map(({ applied }) => applied),
        );
  const last = rows.at(-1) as Key | undefined;
  return {
    last,
    sales: rows.length,
    recomputed,
    unreadable: changes.filter((change) => change.fresh === undefined).length,
  };
}

async function correct(
  deps: RebuildDeps,
  sales: readonly { sourceId: string; source: string; placeScope: string }[],
): Promise<number> {
  return await inTransaction(deps.pool, async (client) => {
    await client.query('select pg_advisory_xact_lock_shared(7101)');
    const snapshot = await deps.reference.refresh();
    const keys = [
      sales.map((sale) => sale.sourceId),
      sales.map((sale) => sale.source),
      sales.map((sale) => sale.placeScope),
    ];
    await client.query({
      text: `select from stg.sale where source_id = any($1::text[])
        order by source_id, source, place_scope for update`,
      values: [keys[0]],
    });
    const { rows } = await client.query({
      text: `select ${appliedColumns} from unnest($1::text[], $2::text[], $3::text[]) as k(source_id, source, place_scope)
        join stg.sale as s on s.source_id = k.source_id and s.source = k.source and s.place_scope = k.place_scope ${appliedJoins}`,
      values: keys,
    });
    const changed = rows
      .map(appliedOf)
      .map((applied) => ({ applied, fresh: recompute(applied, snapshot, deps.parse) }))
      .filter(differs);
    await appendChanges(client, deps.epoch, snapshot.version, changed);
    return changed.length;
  });
}

async function createNext(pool: Database): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query('drop schema if exists cdm_next cascade; create schema cdm_next');
    for (const table of martTables)
      await client.query(`create table cdm_next.${table} (like cdm.${table} including all)`);
    await client.query(
      "insert into cdm_next.cursor (follower, epoch, xid, position) values ('fold', 0, '0', 0)",
    );
  });
}

/** The new marts are the sum of the journal, by the same fold and roll-up that keep the old ones. */
async function fillNext(deps: RebuildDeps): Promise<void> {
  const fold = createFold({ ...deps, schema: 'cdm_next' });
  const rollUp = createRollUp({ ...deps, schema: 'cdm_next', rest: false });
  let rows = 0;
  for (;;) {
    const done = await fold.step();
    rows += done;
    if (done === 0) break;
    deps.progress('journal rows folded', rows);
  }
  while ((await rollUp.step()) > 0);
}

async function swap(deps: RebuildDeps): Promise<number> {
  const fold = createFold({ ...deps, schema: 'cdm_next' });
  for (;;) {
    try {
      return await inTransaction(deps.pool, (client) => swapOnce(client));
    } catch (error) {
      if (sqlState(error) !== '55P03' && sqlState(error) !== '40P01') throw error;
      // A reader held a table for too long; meanwhile the new marts catch up.
      await fold.step();
      await sleep(swapPauseMs);
    }
  }
}

async function swapOnce(client: Client): Promise<number> {
  // 1. Nobody writes the marts from here on.
  await client.query(`select pg_advisory_xact_lock(${foldLock}), pg_advisory_xact_lock(${rollUpLock})`);
  // 2. Nobody reads them: readers name the generation before any other table.
  await client.query(
    `set local lock_timeout = '${swapLockTimeout}'; lock table cdm.generation in access exclusive mode`,
  );
  // 3. The new tables take the place of the old ones, cursor and marks with them.
  for (const table of martTables)
    await client.query(`drop table cdm.${table}; alter table cdm_next.${table} set schema cdm`);
  await client.query('drop schema cdm_next');
  const { rows } = await client.query<{ generation: number }>(
    'insert into cdm.generation (generation) select max(generation) + 1 from cdm.generation returning generation',
  );
  await client.query({
    text: 'delete from cdm.generation where generation < $1',
    values: [rows[0]!.generation],
  });
  return rows[0]!.generation;
}
