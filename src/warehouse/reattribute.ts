import { setTimeout as sleep } from 'node:timers/promises';
import { binaryColumn, type Database, inTransaction, sqlState } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Reference } from '../reference/reference.ts';
import { countTail } from './fold.ts';
import {
  appendChanges,
  appliedColumns,
  appliedJoins,
  appliedOf,
  differs,
  type Parse,
  recompute,
} from './recompute.ts';

export type ReattributionDeps = {
  pool: Database;
  reference: Reference;
  parse: Parse;
  epoch: number;
  log: Log;
};

export type Reattributed = { scanned: number; changed: number; unreadable: number };

const salesPerStep = 500;
/** Loading goes first: past so many rows that are not folded, re-attribution waits. */
const tailLimit = 10_000;
const tailPauseMs = 100;

/** Locked first and read after, so that what is read is what the lock protects. */
const lockNext = `
  select source_id, source, place_scope from stg.sale
  where place_id = $1 and reference_version < $2
  order by source_id, source, place_scope
  limit $3
  for update`;

const readLocked = `
  select ${appliedColumns}
  from unnest($1::text[], $2::text[], $3::text[]) as k(source_id, source, place_scope)
  join stg.sale as s on s.source_id = k.source_id and s.source = k.source and s.place_scope = k.place_scope
  ${appliedJoins}`;

const stamp = `
  update stg.sale as s set reference_version = $4
  from unnest($1::text[], $2::text[], $3::text[]) as k(source_id, source, place_scope)
  where s.source_id = k.source_id and s.source = k.source and s.place_scope = k.place_scope`;

/**
 * Moves the sales of a place to where a changed reference history puts them, a few hundred to a
 * transaction. Interrupted anywhere, it goes on with the sales that still carry an older version.
 */
export function createReattribution(deps: ReattributionDeps) {
  async function step(placeId: string, version: number): Promise<Reattributed> {
    return await inTransaction(deps.pool, async (client) => {
      const [, state] = (await client.query(
        'select pg_advisory_xact_lock_shared(7101); select version from ops.reference_state',
      )) as unknown as { rows: { version: number }[] }[];
      const current = state!.rows[0]!.version;
      const snapshot =
        deps.reference.current().version === current
          ? deps.reference.current()
          : await deps.reference.refresh();
      const { rows: keys } = await client.query({
        name: 'reattribute-lock',
        text: lockNext,
        values: [placeId, version, salesPerStep],
      });
      if (keys.length === 0) return { scanned: 0, changed: 0, unreadable: 0 };
      const keyArrays = [
        binaryColumn('text', keys, (key) => key.source_id),
        binaryColumn('text', keys, (key) => key.source),
        binaryColumn('text', keys, (key) => key.place_scope),
      ];
      const { rows } = await client.query({ name: 'reattribute-read', text: readLocked, values: keyArrays });
      const changes = rows
        .map(appliedOf)
        .map((applied) => ({ applied, fresh: recompute(applied, snapshot, deps.parse) }));
      await client.query({ name: 'reattribute-stamp', text: stamp, values: [...keyArrays, current] });
      const changed = changes.filter(differs);
      await appendChanges(client, deps.epoch, current, changed);
      return {
        scanned: keys.length,
        changed: changed.length,
        unreadable: changes.filter((change) => change.fresh === undefined).length,
      };
    });
  }

  /** Every sale of a place that was computed with an older version. */
  async function reattributePlace(
    placeId: string,
    version: number,
    signal?: AbortSignal,
  ): Promise<Reattributed> {
    const total = { scanned: 0, changed: 0, unreadable: 0 };
    for (;;) {
      signal?.throwIfAborted();
      if ((await countTail(deps.pool, tailLimit)) >= tailLimit) {
        await sleep(tailPauseMs);
        continue;
      }
      let done: Reattributed;
      try {
        done = await step(placeId, version);
      } catch (error) {
        const state = sqlState(error);
        if (state !== '40P01' && state !== '40001') throw error;
        continue;
      }
      if (done.scanned === 0) break;
      total.scanned += done.scanned;
      total.changed += done.changed;
      total.unreadable += done.unreadable;
    }
    if (total.unreadable > 0)
      deps.log.warn(
        { placeId, ...total },
        'some documents cannot be read under the new settings; they stay as they were',
      );
    return total;
  }

  return {
    reattributePlace,
    /** Takes the jobs that reference changes queued. */
    async work(jobs: Jobs): Promise<void> {
      await jobs.work('reattribute', async (data, { signal }) => {
        const { id, version } = data as { id: string; version: number };
        const total = await reattributePlace(id, version, signal);
        deps.log.info({ placeId: id, version, ...total }, 're-attributed');
        return total;
      });
    },
  };
}
