import { type Client, type Database, inTransaction } from '../base/db.ts';
import { beginLong } from './fold.ts';
import { snapshotDays } from './snapshot-days.ts';
import { noteTouchedDays } from './touched-days.ts';

export type SnapshotDeps = {
  pool: Database;
  epoch: number;
  /** Told after each transaction how many days are in. */
  progress?: (days: number) => Promise<void>;
  signal?: AbortSignal;
  /** Days of one transaction. */
  daysPerPart?: number;
};

/** `takenAt`: null where there is nothing to keep, before the first sale. */
export type TakenSnapshot = { takenAt: Date | null; days: number };

/** What a usual hour touches is one transaction, and so one moment for all places. */
const usualDaysPerPart = 2_000;

const findUnfinished = 'select taken_at from cdm.snapshot where finished_at is null';

// Two in one millisecond are one apart.
const openRun = `
  insert into cdm.snapshot (taken_at, epoch, seen)
  select greatest(date_trunc('milliseconds', clock_timestamp()),
    (select max(taken_at) + interval '1 millisecond' from cdm.snapshot)), u.epoch, u.seen
  from cdm.touched_until as u
  where u.reader = 'snapshot' and not exists (select from cdm.snapshot where finished_at is null)
  returning taken_at`;

const lockRun = 'select from cdm.snapshot where taken_at = $1 and finished_at is null for update';
const finishRun = 'update cdm.snapshot set finished_at = now() where taken_at = $1';

/**
 * Keeps the figures of every day that changed since the last snapshot, as a reader would get them now. One that
 * was interrupted is ended first: its days wait in `cdm.touched_day`.
 */
export async function takeSnapshot(deps: SnapshotDeps): Promise<TakenSnapshot> {
  const { pool, signal } = deps;
  const unfinished = await pool.query<{ taken_at: Date }>(findUnfinished);
  let takenAt = unfinished.rows[0]?.taken_at;
  if (takenAt === undefined) {
    await noteTouchedDays({ pool, epoch: deps.epoch, reader: 'snapshot', ...(signal && { signal }) });
    takenAt = (await pool.query<{ taken_at: Date }>(openRun)).rows[0]?.taken_at;
  }
  if (takenAt === undefined) return { takenAt: null, days: 0 };
  const limit = deps.daysPerPart ?? usualDaysPerPart;
  for (let days = 0; ; ) {
    signal?.throwIfAborted();
    const done = await inTransaction(
      pool,
      (client) => takePart(client, deps.epoch, takenAt, limit),
      beginLong,
    );
    days += done;
    if (done < limit) return { takenAt, days };
    await deps.progress?.(days);
  }
}

/** The next days of a run; fewer than `limit` were the last. */
async function takePart(client: Client, epoch: number, takenAt: Date, limit: number): Promise<number> {
  // 1. A swap of the marts that is under way comes first, the next one waits.
  await client.query('lock table cdm.generation in access share mode');
  // 2. Of two that take one run, the second finds what the first has left.
  const locked = await client.query({ text: lockRun, values: [takenAt] });
  if (locked.rows.length === 0) return 0;
  // 3. The days leave the list in the statement that keeps their figures.
  const { rows } = await client.query<{ days: number }>({
    name: 'snapshot-days',
    text: snapshotDays,
    values: [takenAt, epoch, limit],
  });
  const { days } = rows[0]!;
  if (days < limit) await client.query({ text: finishRun, values: [takenAt] });
  return days;
}
