import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';
import { countTail, readTailStart } from './fold.ts';

/** Past so many journal rows that are not folded, loading waits: a reader adds them up in every answer. */
export const tailLimit = 20_000;
const lookAgainMs = 25;
/** A step of the fold, after which the tail begins elsewhere, seldom takes longer. */
const looksBeforeCounting = 20;

/**
 * Bounds the tail. It is looked at once per few thousand documents, not per batch: what was admitted since the
 * last look is subtracted from the room there was. Waiting holds no connection and no transaction.
 */
export function createGate(deps: { pool: Database; clock: Clock; metrics: Metrics; limit?: number }) {
  const limit = deps.limit ?? tailLimit;
  let room = 0;
  /** Where the tail began when it was full: to count it costs milliseconds, to look for its start does not. */
  let fullFrom: string | undefined;
  /** Then it most likely is again where it has as many positions, and to wait for a new start costs nothing. */
  let wasFull = false;

  return {
    /** Resolves true once so many documents may be loaded, false when the deadline (epoch ms) has come. */
    async admit(documents: number, deadlineMs: number): Promise<boolean> {
      const started = performance.now();
      for (let looks = 0; room <= 0; looks++) {
        const { start, positions } = await readTailStart(deps.pool);
        const isTaken = positions >= limit && wasFull && looks < looksBeforeCounting;
        if (start !== fullFrom && !isTaken) {
          const tail = positions < limit ? positions : await countTail(deps.pool, limit);
          deps.metrics.tailRows.set(tail);
          if (room > 0) break;
          room = Math.min(limit - tail, limit >> 2);
          if (positions >= limit) wasFull = room <= 0;
          fullFrom = room > 0 ? undefined : start;
        }
        if (room > 0) break;
        if (deps.clock.nowMs() >= deadlineMs) return false;
        await sleep(lookAgainMs);
      }
      room -= documents;
      observeStage(deps.metrics, 'processor', 'admit', started);
      return true;
    },
  };
}
