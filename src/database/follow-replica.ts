import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, sqlState } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { type Reader, type ReadSide, readWithFallback } from './read-side.ts';
import { createWalMarks } from './wal-marks.ts';

export type ReplicaDeps = {
  primary: Database;
  replica: Database;
  log: Log;
  metrics: Metrics;
  lookEveryMs?: number;
};

export type FollowedReplica = ReadSide & {
  /** `ok`, with how far it is behind, or why the primary answers instead. */
  describe(): string;
  stop(): Promise<void>;
};

const usualLookMs = 500;
const lookTimeoutMs = 5_000;

// The time first: whatever was committed before this statement began is below the position.
const readPrimary = `
  select extract(epoch from now())::float8 * 1000 as "atMs", (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::float8 as position,
    (select system_identifier::text from pg_control_system()) as cluster`;
const readReplica = `
  select pg_is_in_recovery() as follows, (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::float8 as position,
    (select system_identifier::text from pg_control_system()) as cluster`;

type Position = { position: number; cluster: string };

/**
 * Keeps an eye on the replica of DATABASE_READ_URL. While it cannot be used (away, not a physical replica of this
 * primary, not yet compared with it) the primary answers: its figures are at least as new.
 */
export async function createReplicaFollower(deps: ReplicaDeps): Promise<FollowedReplica> {
  const { primary, replica, log, metrics, lookEveryMs = usualLookMs } = deps;
  const marks = createWalMarks();
  const stopping = new AbortController();
  let asOfMs: number | undefined;
  let nowMs = 0;
  let cluster: string | undefined;
  let trouble: string | undefined = 'it was not looked at yet';

  async function look(): Promise<void> {
    try {
      const { rows } = await primary.query<Position & { atMs: number }>(readPrimary);
      const { atMs, position } = rows[0]!;
      cluster = rows[0]!.cluster;
      nowMs = atMs;
      marks.note(position, atMs);
    } catch {
      // Without the primary nothing new is learnt of the moment, and the replica answers on.
    }
    const found = await within(replica.query<Position & { follows: boolean }>(readReplica));
    const { follows, position, cluster: of } = found.rows[0]!;
    if (cluster !== undefined && of !== cluster) throw new Error('it is a replica of another PostgreSQL');
    if (!follows) throw new Error('it is no replica, it takes writes itself');
    asOfMs = marks.reached(position) ?? asOfMs;
  }

  async function lookAndTell(): Promise<void> {
    try {
      await look();
      if (trouble !== undefined && asOfMs !== undefined) {
        trouble = undefined;
        log.info('analytics reads from the replica');
      }
    } catch (error) {
      setTrouble(error);
    }
    const isUsed = trouble === undefined && asOfMs !== undefined;
    metrics.replicaUp.set(isUsed ? 1 : 0);
    if (asOfMs !== undefined) metrics.replicaLagSeconds.set(lagSeconds());
  }

  function setTrouble(error: unknown): void {
    const said = error instanceof Error ? error.message || error.name : String(error);
    if (trouble === undefined || trouble !== said)
      log.warn({ err: error }, 'the replica cannot be used, the primary answers instead');
    trouble = said;
    metrics.replicaUp.set(0);
  }

  const lagSeconds = () => Math.max(nowMs - (asOfMs ?? 0), 0) / 1000;

  async function keepLooking(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(lookEveryMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (!stopping.signal.aborted) await lookAndTell();
    }
  }

  function choose(): Reader {
    if (trouble !== undefined || asOfMs === undefined) return { pool: primary, asOf: undefined };
    return { pool: replica, asOf: new Date(asOfMs) };
  }

  await lookAndTell();
  const looking = keepLooking();
  return {
    choose,
    read: (work) =>
      readWithFallback(choose(), primary, work, (error) => {
        // Anything else, such as a conflict with what is being replayed, says nothing about the next question.
        const state = sqlState(error);
        if (state === undefined || /^(08|53|57)/.test(state)) setTrouble(error);
      }),
    describe: () =>
      trouble === undefined
        ? `ok, ${lagSeconds().toFixed(1)} s behind`
        : `ok, the primary answers instead: ${trouble}`,
    async stop() {
      stopping.abort();
      await looking;
      await replica.end();
    },
  };
}

/** A server that lost its network answers nothing, not even an error. */
async function within<T>(answer: Promise<T>): Promise<T> {
  const done = new AbortController();
  const late = sleep(lookTimeoutMs, undefined, { signal: done.signal }).then(() => {
    throw new Error(`it did not answer within ${lookTimeoutMs / 1000} s`);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    done.abort();
    late.catch(() => {});
    answer.catch(() => {});
  }
}
