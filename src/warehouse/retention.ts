import { type Database, inTransaction } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { RetentionDays } from '../config.ts';
import { foldLock } from './fold.ts';
import { thinSnapshots } from './thin-snapshots.ts';

export type RetentionDeps = {
  pool: Database;
  days: RetentionDays;
  /** Whether a message broker takes the outbox: what it has not got yet stays. */
  sendsOutbox: boolean;
  log: Log;
  metrics: Metrics;
  signal?: AbortSignal;
};

/** Rows that went, by what they were; bodies that were emptied. */
export type Retained = Record<
  'outbox' | 'audits' | 'rejected_bodies' | 'pulse' | 'snapshots' | 'deliveries',
  number
>;

/** A transaction so short that nobody notices it. */
const rowsPerStep = 5_000;
const bodiesPerStep = 500;

// Whoever takes an event has it before it goes: the broker all of them, else the notifier what is for channels.
const deleteOutbox = `
  delete from ops.outbox where position in (
    select o.position from ops.outbox as o
    where o.created_at < now() - make_interval(days => $1)
      and (not ($2 or o.topic = 'notifications') or (o.epoch, o.xid, o.position) <= (
        select c.epoch, c.xid, c.position from ops.egress_cursor as c
        where c.sink = case when $2 then 'outbox' else 'notifier' end))
    order by o.created_at limit ${rowsPerStep})`;

const deleteAudits = 'delete from ops.audit where finished_at < now() - make_interval(days => $1)';

// The last ones to tell that an event was delivered, so they outlive it in the outbox.
const deleteDeliveries = `
  delete from ops.delivery where delivery_id in (
    select d.delivery_id from ops.delivery as d
    where d.state <> 'waiting' and d.ended_at < now() - make_interval(days => $1)
      and not exists (
        select from ops.outbox as o where o.topic = 'notifications' and o.payload->>'event_id' = d.event_id::text)
    order by d.ended_at limit ${rowsPerStep})`;

// The journal is in parts by month of receipt, and its rows are found by (position, received_at).
const emptyBodies = `
  with old as (
    select position, received_at from stg.journal
    where verdict = 'rejected' and position > $2 and received_at < now() - make_interval(days => $1)
      and document is not null
    order by position limit ${bodiesPerStep}
  ),
  emptied as (
    update stg.journal as j set document = null from old as o
    where j.position = o.position and j.received_at = o.received_at
  )
  select count(*) as rows, max(position) as last from old`;

// Told before the first row goes, so that no reader sums half a day.
const setPulseStart = `
  insert into ops.retention as r (kind, kept_from)
  values ('pulse', date_trunc('day', now() - make_interval(days => $1)))
  on conflict (kind) do update set kept_from = greatest(r.kept_from, excluded.kept_from)
  returning kept_from`;

/**
 * Says from when on five-minute figures are kept, before the first sale comes: the fold writes no older ones, which
 * would only go again at night. It never goes back, since nothing brings the older ones.
 */
export async function startPulse(pool: Database, days: RetentionDays['pulse']): Promise<Date | undefined> {
  if (days === 0) return undefined;
  return (await pool.query<{ kept_from: Date }>({ text: setPulseStart, values: [days] })).rows[0]!.kept_from;
}

const deletePulse = `
  delete from cdm.place_pulse where ctid = any (array(
    select ctid from cdm.place_pulse where place_id = $1 and by_arrival = $2 and slot_at < $3 limit ${rowsPerStep}))`;

/** Takes away what has been kept long enough, a little at a time. Run again, it goes on where it stopped. */
export async function applyRetention(deps: RetentionDeps): Promise<Retained> {
  const { pool, days, signal } = deps;
  const done: Retained = { outbox: 0, audits: 0, rejected_bodies: 0, pulse: 0, snapshots: 0, deliveries: 0 };
  const note = (kind: keyof Retained, rows: number) => {
    done[kind] += rows;
    if (rows > 0) deps.metrics.retentionRows.inc({ kind }, rows);
    signal?.throwIfAborted();
  };
  if (days.outbox > 0)
    await untilLess(pool, deleteOutbox, [days.outbox, deps.sendsOutbox], (rows) => note('outbox', rows));
  if (days.jobs > 0) await untilLess(pool, deleteAudits, [days.jobs], (rows) => note('audits', rows));
  if (days.rejectedBodies > 0)
    await dropBodies(pool, days.rejectedBodies, (rows) => note('rejected_bodies', rows));
  await dropPulse(pool, days.pulse, (rows) => note('pulse', rows));
  if (days.snapshots > 0) await thinSnapshots(pool, days.snapshots, (rows) => note('snapshots', rows));
  if (days.deliveries > 0)
    await untilLess(pool, deleteDeliveries, [days.deliveries], (rows) => note('deliveries', rows));
  deps.log.info({ ...done, days }, 'what was kept long enough is gone');
  return done;
}

type Note = (rows: number) => void;

async function untilLess(pool: Database, text: string, values: unknown[], note: Note): Promise<void> {
  for (;;) {
    const rows = (await pool.query({ text, values })).rowCount ?? 0;
    note(rows);
    if (rows < rowsPerStep) return;
  }
}

async function dropBodies(pool: Database, days: number, note: Note): Promise<void> {
  for (let after = 0; ; ) {
    const { rows } = await pool.query<{ rows: number; last: number | null }>({
      text: emptyBodies,
      values: [days, after],
    });
    const step = rows[0]!;
    note(step.rows);
    if (step.last === null) return;
    after = step.last;
  }
}

/** Under the lock of the fold, which is the writer of the pulse, and let go of after each step. */
async function dropPulse(pool: Database, days: number, note: Note): Promise<void> {
  const from = await startPulse(pool, days);
  if (from === undefined) return;
  const places = await pool.query<{ place_id: string }>('select place_id from ops.place order by place_id');
  for (const { place_id: placeId } of places.rows)
    for (const byArrival of [false, true])
      for (let rows = rowsPerStep; rows === rowsPerStep; note(rows))
        rows = await inTransaction(pool, async (client) => {
          await client.query(`select pg_advisory_xact_lock(${foldLock})`);
          return (
            (await client.query({ text: deletePulse, values: [placeId, byArrival, from] })).rowCount ?? 0
          );
        });
}
