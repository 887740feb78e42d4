import { isDeepStrictEqual } from 'node:util';
import { binaryColumn, type Client, type Database, inTransaction, sqlState } from '../base/db.ts';
import type { Reference, ReferenceSnapshot } from '../reference/reference.ts';
import { type Contribution, negated } from '../sales/contribution.ts';
import { dailyLocalTime, movedContribution } from '../sales/daily-file.ts';
import type { Arrival, Incoming, Resolved, Source } from '../sales/sale.ts';
import { contributionsText, putIn, type StoredContribution } from '../sales/stored-contribution.ts';
import { computeContribution } from './compute-contribution.ts';
import { holdReferenceVersion } from './reference-lock.ts';

/** A registered sale with the document it was computed from and what is applied for it. */
export type Applied = {
  source: Source;
  sourceId: string;
  placeScope: string;
  saleSeq: number;
  placeId: string;
  businessDate: string;
  referenceVersion: number;
  documentPosition: number;
  receivedAtMs: number;
  contentType: string;
  resolved: Resolved;
  document: Buffer | null;
  version: string;
  contribution: Contribution | null;
};

/** With a snapshot, the document is read under that version of the reference history. */
export type Parse = (arrival: Arrival, snapshot?: ReferenceSnapshot) => Incoming;

export const appliedColumns = `
  s.source, s.source_id, s.place_scope, s.sale_seq, s.place_id, s.business_date, s.reference_version, s.version,
  j.contributions, coalesce(f.position, j.position) as document_position, coalesce(f.received_at, j.received_at) as received_at,
  coalesce(f.content_type, j.content_type) as content_type, coalesce(f.resolved, j.resolved) as resolved,
  coalesce(f.document, j.document) as document`;

/** A re-attributed row keeps no body; it names the row that does. */
export const appliedJoins = `
  join stg.journal as j on j.position = s.journal_position and j.received_at = s.journal_at
  left join stg.journal as f on j.verdict = 'reattributed' and f.position = j.replay_of`;

export function appliedOf(row: Record<string, unknown>): Applied {
  return {
    source: row.source as Source,
    sourceId: row.source_id as string,
    placeScope: row.place_scope as string,
    saleSeq: row.sale_seq as number,
    placeId: row.place_id as string,
    businessDate: row.business_date as string,
    referenceVersion: row.reference_version as number,
    documentPosition: row.document_position as number,
    receivedAtMs: (row.received_at as Date).getTime(),
    contentType: (row.content_type as string | null) ?? 'application/json',
    resolved: row.resolved as Resolved,
    document: row.document as Buffer | null,
    version: row.version as string,
    contribution: putIn(row.contributions as StoredContribution[] | null),
  };
}

/** What a sale's document gives under a reference history; undefined where it cannot be read any more. */
export function recompute(
  applied: Applied,
  snapshot: ReferenceSnapshot,
  parse: Parse,
): Contribution | null | undefined {
  if (applied.source === 'daily') return recomputeDaily(applied, snapshot);
  if (applied.document === null) return undefined;
  const parsed = parse(
    {
      source: applied.source,
      receivedAtMs: applied.receivedAtMs,
      contentType: applied.contentType,
      body: applied.document,
      resolved: applied.resolved,
    },
    snapshot,
  );
  if (parsed.sale === undefined) return undefined;
  return computeContribution(parsed.sale, applied, snapshot);
}

/** A daily file may be large: it is moved by what is recorded, not read again. */
function recomputeDaily(applied: Applied, snapshot: ReferenceSnapshot): Contribution | undefined {
  const { contribution, resolved } = applied;
  if (contribution === null) return undefined;
  const time = dailyLocalTime(contribution.date);
  const settings = snapshot.placeSettings(contribution.place, time, resolved.timeZone);
  const currency = snapshot.placeCurrency(contribution.place, time, resolved.timeZone) ?? resolved.currency;
  return movedContribution(contribution, settings, currency);
}

export type Change = { applied: Applied; fresh: Contribution | null | undefined };

export function differs(change: Change): boolean {
  return change.fresh !== undefined && !isDeepStrictEqual(change.fresh, change.applied.contribution);
}

const appendReattributed = `
  with input as materialized (
    select i.*, nextval('stg.journal_position') as position,
      -- Milliseconds, as every arrival has: the registry finds its journal row by this time too.
      date_trunc('milliseconds', now()) as at
    from unnest($1::text[], $2::text[], $3::text[], $4::int4[], $5::text[], $6::text[], $7::jsonb[], $8::int8[], $9::text[], $10::jsonb[])
      as i(source, source_id, place_scope, sale_seq, place_id, business_date, contributions, replay_of, version, resolved)
  ),
  written as (
    insert into stg.journal (position, epoch, received_at, source, source_id, version, sale_seq, verdict, place_id,
      resolved, contributions, reference_version, replay_of)
    select position, $11, at, source, source_id, version, sale_seq, 'reattributed', place_id, resolved, contributions, $12, replay_of
    from input
  )
  update stg.sale as s set journal_position = i.position, journal_at = i.at, sale_seq = i.sale_seq,
    business_date = i.business_date::date, reference_version = $12
  from input as i
  where s.source_id = i.source_id and s.source = i.source and s.place_scope = i.place_scope`;

export type RecomputeDeps = { pool: Database; reference: Reference; parse: Parse; epoch: number };

/** Names a registered sale. */
export type SaleKey = { source_id: string; source: string; place_scope: string };

export type Recomputed = { scanned: number; changed: number; unreadable: number };

// By one column of one table, as the loader does: a locked row that another transaction has just changed is
// checked again, and a join could lose it there.
export const lockSales = `
  select from stg.sale where source_id = any($1::text[]) order by source_id, source, place_scope for update`;

export const readLocked = `
  select ${appliedColumns}
  from unnest($1::text[], $2::text[], $3::text[]) as k(source_id, source, place_scope)
  join stg.sale as s on s.source_id = k.source_id and s.source = k.source and s.place_scope = k.place_scope
  ${appliedJoins}
  where s.reference_version < $4`;

const stampSales = `
  update stg.sale as s set reference_version = $4
  from unnest($1::text[], $2::text[], $3::text[]) as k(source_id, source, place_scope)
  where s.source_id = k.source_id and s.source = k.source and s.place_scope = k.place_scope`;

/**
 * Computes sales afresh under the newest reference history, in one short transaction. One that comes out
 * otherwise than recorded leaves a `reattributed` row; one whose document cannot be read any more stays as
 * it is. `olderThan`: only sales computed with an older version are looked at.
 */
export async function recomputeSales(
  deps: RecomputeDeps,
  keys: readonly SaleKey[],
  olderThan = Number.MAX_SAFE_INTEGER,
): Promise<Recomputed> {
  for (;;) {
    try {
      const done = await inTransaction(deps.pool, (client) => recomputeOnce(client, deps, keys, olderThan));
      if (done !== undefined) return done;
      // Between two transactions, so that nobody waits for a second connection while holding the first.
      await deps.reference.refresh();
    } catch (error) {
      const state = sqlState(error);
      if (state !== '40P01' && state !== '40001') throw error;
    }
  }
}

/** Undefined where the reference history is newer than what this process knows. */
async function recomputeOnce(
  client: Client,
  deps: RecomputeDeps,
  keys: readonly SaleKey[],
  olderThan: number,
): Promise<Recomputed | undefined> {
  // 1. No reference change can commit from here on.
  const snapshot = deps.reference.current();
  if ((await holdReferenceVersion(client)) !== snapshot.version) return undefined;
  // 2. Locked first and read after, so that what is read is what the lock protects.
  await client.query({
    name: 'recompute-lock',
    text: lockSales,
    values: [binaryColumn('text', keys, (key) => key.source_id)],
  });
  const { rows } = await client.query({
    name: 'recompute-read',
    text: readLocked,
    values: [...keyColumns(keys), olderThan],
  });
  const changes = rows
    .map(appliedOf)
    .map((applied) => ({ applied, fresh: recompute(applied, snapshot, deps.parse) }));
  // 3. What differs is taken out and put in; the rest only notes that it was looked at.
  const changed = changes.filter(differs);
  await appendChanges(client, deps.epoch, snapshot.version, changed);
  const settled = changes.filter(
    (change) => change.applied.referenceVersion < snapshot.version && !differs(change),
  );
  await client.query({
    name: 'recompute-stamp',
    text: stampSales,
    values: [...keyColumns(settled.map(({ applied }) => keyOf(applied))), snapshot.version],
  });
  return {
    scanned: rows.length,
    changed: changed.length,
    unreadable: changes.filter((change) => change.fresh === undefined).length,
  };
}

export function keyOf(applied: Applied): SaleKey {
  return { source_id: applied.sourceId, source: applied.source, place_scope: applied.placeScope };
}

export function keyColumns(keys: readonly SaleKey[]): Buffer[] {
  return [
    binaryColumn('text', keys, (key) => key.source_id),
    binaryColumn('text', keys, (key) => key.source),
    binaryColumn('text', keys, (key) => key.place_scope),
  ];
}

/** Takes out what was applied and puts in what is right now; the fold does the rest. The sales are locked. */
async function appendChanges(
  client: Client,
  epoch: number,
  version: number,
  changes: readonly Change[],
): Promise<void> {
  const list = changes.map(({ applied, fresh = null }) => ({
    applied,
    fresh,
    signed: [
      ...(applied.contribution === null ? [] : [negated(applied.contribution)]),
      ...(fresh === null ? [] : [fresh]),
    ],
  }));
  if (list.length > 0) await appendSigned(client, epoch, version, list);
}

export type Signed = { applied: Applied; fresh: Contribution | null; signed: Contribution[] };

/** Leaves a `reattributed` row for each sale, and points the registry at it. The sales are locked. */
export async function appendSigned(
  client: Client,
  epoch: number,
  version: number,
  list: readonly Signed[],
): Promise<void> {
  await client.query({
    name: 'append-reattributed',
    text: appendReattributed,
    values: [
      binaryColumn('text', list, (one) => one.applied.source),
      binaryColumn('text', list, (one) => one.applied.sourceId),
      binaryColumn('text', list, (one) => one.applied.placeScope),
      binaryColumn('int4', list, (one) => one.applied.saleSeq + 1),
      binaryColumn('text', list, (one) => one.fresh?.place ?? one.applied.placeId),
      binaryColumn('text', list, (one) => one.fresh?.date ?? one.applied.businessDate),
      binaryColumn('jsonb', list, (one) => contributionsText(one.signed) ?? '[]'),
      binaryColumn('int8', list, (one) => one.applied.documentPosition),
      binaryColumn('text', list, (one) => one.applied.version),
      binaryColumn('jsonb', list, (one) => JSON.stringify(one.applied.resolved)),
      epoch,
      version,
    ],
  });
}
