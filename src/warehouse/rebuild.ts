import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, inTransaction } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { unsummed } from './audit-checks.ts';
import { createFold } from './fold.ts';
import {
  appliedColumns,
  appliedJoins,
  appliedOf,
  differs,
  keyOf,
  type RecomputeDeps,
  recompute,
  recomputeSales,
  type SaleKey,
} from './recompute.ts';
import { recountSales } from './recount.ts';
import { beginLongRead, repairRegistry } from './repair-registry.ts';
import { createRollUp } from './roll-up.ts';
import { createNextMarts, dropNextMarts, type FurtherMarts, swapMarts } from './swap-marts.ts';

export type RebuildDeps = RecomputeDeps & {
  log: Log;
  metrics: Metrics;
  /** Told now and then how far it has come. */
  progress: (step: string, done: number) => void;
  /** Ends the rebuild between two steps; the old marts stay. */
  signal?: AbortSignal;
  /** What else is built from the journal and swapped with the marts. */
  further?: FurtherMarts;
};

export type Rebuilt = {
  sales: number;
  recomputed: number;
  unreadable: number;
  /** Rows of the registry, and histories of sales in the journal, that had to be put right. */
  repaired: number;
  generation: number;
};

/** Bodies may be a megabyte each. */
const salesPerPage = 250;
const rebuildLock = 7105;
const turnPauseMs = 300;

/**
 * Computes every sale afresh from its document and the reference history, then builds new marts beside the
 * old ones from the journal and swaps them in. Runs beside a live program; readers see the old marts or the
 * new, never a mixture. Of two rebuilds the second waits for the first.
 */
export async function rebuildMarts(deps: RebuildDeps): Promise<Rebuilt> {
  const guard = await deps.pool.connect();
  try {
    await waitForTurn(guard, deps.signal);
    return await rebuildInTurn(deps);
  } finally {
    guard.release(true);
  }
}

async function rebuildInTurn(deps: RebuildDeps): Promise<Rebuilt> {
  try {
    const repaired = await repair(deps);
    const recomputed = await recomputeAll(deps);
    await createNextMarts(deps.pool, deps.further);
    const catchUp = await fillNextMarts(deps);
    const generation = await swapMarts({ ...deps, catchUp });
    await deps.further?.afterSwap();
    return { ...recomputed, repaired, generation };
  } catch (error) {
    if (deps.signal?.aborted) await dropNextMarts(deps.pool);
    throw error;
  }
}

/**
 * Asked for again and again: one statement that waits would be ended by the limits of its session. No
 * transaction either: one with an id of its own would hold the fold back for as long as the rebuild takes.
 */
async function waitForTurn(guard: Client, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    const { rows } = await guard.query(`select pg_try_advisory_lock(${rebuildLock}) as held`);
    if (rows[0].held) return;
    await sleep(turnPauseMs, undefined, signal === undefined ? {} : { signal });
  }
}

/** The registry as the journal has it, and the journal so that it adds up to that: the marts are its sum. */
async function repair(deps: RebuildDeps): Promise<number> {
  const { rows } = await deps.pool.query(
    "select coalesce(identity, 'source') as identity from ops.installation",
  );
  const identity: 'source' | 'place' = rows[0]?.identity ?? 'source';
  await deps.reference.refresh();
  const registered = await repairRegistry(deps, identity);
  const wrong = await inTransaction(
    deps.pool,
    async (client) => {
      const text = `select distinct source_id, source, place_scope from (${unsummed(identity)}) as u order by 1, 2, 3`;
      return (await client.query<SaleKey>(text)).rows;
    },
    beginLongRead,
  );
  for (let start = 0; start < wrong.length; start += salesPerPage) {
    deps.signal?.throwIfAborted();
    await recountSales(deps, wrong.slice(start, start + salesPerPage));
  }
  return registered + wrong.length;
}

async function recomputeAll(deps: RebuildDeps): Promise<Omit<Rebuilt, 'generation' | 'repaired'>> {
  const total = { sales: 0, recomputed: 0, unreadable: 0 };
  await deps.reference.refresh();
  let after: SaleKey | undefined = { source_id: '', source: '', place_scope: '' };
  while (after !== undefined) {
    deps.signal?.throwIfAborted();
    const page = await recomputePage(deps, after);
    total.sales += page.sales;
    total.recomputed += page.recomputed;
    total.unreadable += page.unreadable;
    after = page.last;
    deps.progress('sales recomputed', total.sales);
  }
  return total;
}

const readPage = `
  select ${appliedColumns} from stg.sale as s ${appliedJoins}
  where (s.source_id, s.source, s.place_scope) > ($1, $2, $3)
  order by s.source_id, s.source, s.place_scope
  limit ${salesPerPage}`;

/** Pages are read without locks; only sales that differ are locked, read again and written. */
async function recomputePage(deps: RebuildDeps, after: SaleKey) {
  const { rows } = await deps.pool.query({
    name: 'rebuild-page',
    text: readPage,
    values: [after.source_id, after.source, after.place_scope],
  });
  const snapshot = deps.reference.current();
  const changes = rows
    .map(appliedOf)
    .map((applied) => ({ applied, fresh: recompute(applied, snapshot, deps.parse) }));
  const differing = changes.filter(differs).map(({ applied }) => keyOf(applied));
  const corrected = differing.length === 0 ? undefined : await recomputeSales(deps, differing);
  return {
    last: rows.at(-1) as SaleKey | undefined,
    sales: rows.length,
    recomputed: corrected?.changed ?? 0,
    unreadable: changes.filter((change) => change.fresh === undefined).length,
  };
}

/**
 * The new marts are the sum of the journal, by the same fold and roll-up that keep the old ones: in steps,
 * since one long transaction would hold the live fold back. Answers what makes up for the rows of meanwhile.
 */
async function fillNextMarts(deps: RebuildDeps): Promise<() => Promise<void>> {
  const fold = createFold({ ...deps, schema: 'cdm_next' });
  const rollUp = createRollUp({ ...deps, schema: 'cdm_next', rest: false });
  let rows = 0;
  const catchUp = async () => {
    // Under load there is always another row; a step that is not full has caught up.
    for (let done = fold.rowsPerStep; done >= fold.rowsPerStep; ) {
      deps.signal?.throwIfAborted();
      done = await fold.step();
      rows += done;
      deps.progress('journal rows folded', rows);
    }
    await deps.further?.catchUp();
  };
  await catchUp();
  let periods = 0;
  for (let done = await rollUp.step(); done > 0; done = await rollUp.step()) {
    periods += done;
    deps.progress('periods summed', periods);
    // Else the rows that gather during a long roll-up would be the tail of the new marts.
    await catchUp();
  }
  return catchUp;
}
