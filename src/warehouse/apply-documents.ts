import { isDeepStrictEqual } from 'node:util';
import { canonicalHash } from '../sales/canonical-hash.ts';
import { type Contribution, negated } from '../sales/contribution.ts';
import type { Incoming } from '../sales/sale.ts';
import { contributionsText } from '../sales/stored-contribution.ts';
import { computeContribution } from './compute-contribution.ts';
import { decideVerdict } from './decide-verdict.ts';
import type { JournalRow } from './journal.ts';
import { type Current, type FreshRow, flagsText, type Prepared, type Update } from './registry.ts';

/** A document that is journaled as a conflict or rejected; its position is given when it is written. */
export type Trouble = { index: number; row: JournalRow };

export const isTrouble = ({ verdict }: JournalRow) => verdict === 'conflict' || verdict === 'rejected';

/** The registered sales that a document of their own version has come for, with other bytes. */
export function sameVersions(
  known: readonly Prepared[],
  registered: ReadonlyMap<string, Current>,
): Set<Current> {
  const found = new Set<Current>();
  for (const { arrival, key, contentHash } of known) {
    const current = registered.get(key);
    if (current?.version === arrival.sale.version && !current.contentHash.equals(contentHash))
      found.add(current);
  }
  return found;
}

/** What the registry will say of a sale once the documents so far are applied. */
export type SaleState = {
  current: Current;
  contribution: Contribution | null;
  document: Buffer | null;
  update: Update | undefined;
};

export function stateOf(
  current: Current | undefined,
  applied: Map<number, { contribution: Contribution | null; document: Buffer | null }>,
): SaleState {
  if (current === undefined) throw new Error('a sale that could not be inserted is not in the registry');
  const last = applied.get(current.journalPosition);
  if (last === undefined)
    throw new Error(`journal row ${current.journalPosition} of a registered sale is missing`);
  return { current, contribution: last.contribution, document: last.document, update: undefined };
}

/** A document of a sale that comes first in the batch with `first`. */
export type FreshTrouble = { prepared: Prepared; row: JournalRow; first: Prepared };

export type Fresh = { rows: FreshRow[]; troubles: FreshTrouble[] };

/** What the documents of a batch come to where nobody registered their sales before: as if they had come one by one. */
export function applyAsFresh(batch: readonly Prepared[], referenceVersion: number): Fresh {
  const rows: FreshRow[] = [];
  const troubles: FreshTrouble[] = [];
  const firsts = new Map<string, FreshRow>();
  const further = new Map<string, { state: SaleState; current: FreshRow }>();
  for (const prepared of batch) {
    const { key } = prepared;
    const first = firsts.get(key);
    if (first === undefined) {
      const row = freshRow(prepared, referenceVersion);
      const fresh: FreshRow = { prepared, row, sale: firsts.size, isPassing: null };
      firsts.set(key, fresh);
      rows.push(fresh);
      continue;
    }
    const sale = further.get(key) ?? { state: freshState(first.prepared), current: first };
    further.set(key, sale);
    const row = applyDocument(sale.state, prepared, 0, referenceVersion);
    if (isTrouble(row)) {
      troubles.push({ prepared, row, first: first.prepared });
      continue;
    }
    const next: FreshRow = { prepared, row, sale: first.sale, isPassing: false };
    if (row.verdict === 'corrected') {
      sale.current.isPassing = false;
      next.isPassing = null;
      sale.current = next;
    }
    rows.push(next);
  }
  return { rows, troubles };
}

function freshRow({ arrival, contributions }: Prepared, referenceVersion: number): JournalRow {
  return {
    position: 0,
    arrival,
    verdict: 'accepted',
    problems: flagsText(arrival) ?? undefined,
    contributions,
    saleSeq: 1,
    referenceVersion,
    keepBody: true,
  };
}

function freshState(first: Prepared): SaleState {
  return {
    current: currentOf(first),
    contribution: contributionOf(first),
    document: first.arrival.body,
    update: undefined,
  };
}

function contributionOf({ arrival, snapshot }: Prepared): Contribution | null {
  return computeContribution(arrival.sale, arrival, snapshot);
}

function currentOf({ arrival, contentHash, canonicalHash: canonical, businessDate }: Prepared): Current {
  const { sale } = arrival;
  return {
    ...{ version: sale.version, contentHash, canonicalHash: canonical, status: sale.status },
    ...{ placeId: sale.placeId, businessDate, saleSeq: 1 },
    ...{ journalPosition: 0, journalAtMs: arrival.receivedAtMs },
  };
}

/** Decides on one document of a known sale, moves the state and answers the journal row. */
export function applyDocument(
  state: SaleState,
  entry: Prepared,
  position: number,
  referenceVersion: number,
): JournalRow {
  const { arrival } = entry;
  const decision = decideVerdict(
    state.current,
    {
      version: arrival.sale.version,
      contentHash: entry.contentHash,
      placeId: arrival.sale.placeId,
      boundPlaceId: arrival.boundPlaceId,
      source: arrival.source,
    },
    () => isSameContent(state, arrival),
  );
  const row: JournalRow = {
    position,
    arrival,
    verdict: decision.verdict,
    problems: 'problem' in decision ? JSON.stringify([decision.problem]) : undefined,
    contributions: undefined,
    saleSeq: undefined,
    referenceVersion: undefined,
    keepBody: decision.verdict !== 'duplicate',
  };
  if (decision.verdict !== 'corrected') return row;
  const saleSeq = state.current.saleSeq + 1;
  const contribution = contributionOf(entry);
  const signed = [
    ...(state.contribution === null ? [] : [negated(state.contribution)]),
    ...(contribution === null ? [] : [contribution]),
  ];
  row.problems = flagsText(arrival) ?? undefined;
  row.contributions = contributionsText(signed);
  row.saleSeq = saleSeq;
  row.referenceVersion = referenceVersion;
  state.update = { prepared: entry, position, saleSeq };
  state.contribution = contribution;
  state.document = arrival.body;
  state.current = {
    ...state.current,
    version: arrival.sale.version,
    contentHash: entry.contentHash,
    canonicalHash: entry.canonicalHash,
    placeId: arrival.sale.placeId,
    journalPosition: position,
    saleSeq,
  };
  return row;
}

function isSameContent(state: SaleState, arrival: Incoming): boolean {
  const { canonicalHash: known } = state.current;
  if (known !== null) return canonicalHash(arrival.originalBody ?? arrival.body)?.equals(known) ?? false;
  return state.document !== null && sameValues(state.document, arrival.body);
}

/** Equal as parsed values: key order and the spelling of numbers do not matter, unknown fields do. */
function sameValues(stored: Buffer, arrived: Buffer): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(stored.toString('utf8')), JSON.parse(arrived.toString('utf8')));
  } catch {
    return false;
  }
}
