import { isDeepStrictEqual } from 'node:util';
import { blamesDocument, type Client, type Database, inTransaction, sqlState } from '../base/db.ts';
import type { Problem } from '../base/errors.ts';
import { sha256 } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';
import type { Reference, ReferenceSnapshot } from '../reference/reference.ts';
import { canonicalHash } from '../sales/canonical-hash.ts';
import { type Contribution, negated } from '../sales/contribution.ts';
import type { Arrival, Incoming, Outcome, Sale, Verdict } from '../sales/sale.ts';
import { computeContribution } from './compute-contribution.ts';
import { decideVerdict } from './decide-verdict.ts';
import { appendRows, appendTroubles, type JournalRow, reservePositions } from './journal.ts';
import { createNames } from './names.ts';
import { holdReferenceVersion } from './reference-lock.ts';
import {
  type Current,
  flagsText,
  lockRegistered,
  type Prepared,
  readAppliedRows,
  registerFresh,
  saleKey,
  type Update,
  updateRegistered,
} from './registry.ts';

export type LoaderDeps = {
  pool: Database;
  reference: Reference;
  /** Of the cluster we are on; see `ops.installation`. */
  epoch: number;
  identity: 'source' | 'place';
  /** Reads a document anew, as if it arrived under this version of the reference history. */
  parse: (arrival: Arrival, snapshot: ReferenceSnapshot) => Incoming;
  /** People who were erased: documents that name them are loaded without. */
  erased?: Erased;
  log: Log;
  metrics: Metrics;
};

/** As of a version of the reference history, which an erasure raises. */
export type Erased = {
  version(): number;
  refresh(): Promise<void>;
  strip(batch: readonly Incoming[]): readonly Incoming[];
};

/** Runs before any other statement of the transaction that loads these documents. */
export type FirstStatement = (client: Client, batch: readonly Incoming[]) => Promise<void>;

/** A process that is frozen within its transaction must not hold the partitions that others have taken over. */
const beginStreamed = "begin; set local idle_in_transaction_session_timeout = '5s'";

class ReferenceMoved extends Error {}

/** How often a deadlock or a serialization failure is tried again before the caller is told. */
const conflictRetries = 5;

/**
 * Loads batches of documents. One transaction a batch: registry and verdicts, journal with signed
 * contributions, names. Safe to run from several processes at once.
 */
export function createLoader(deps: LoaderDeps) {
  const names = createNames();

  /** Answers an outcome per document, in order. Fails, having stored nothing, where the database does. */
  async function load(batch: readonly Incoming[], first?: FirstStatement): Promise<Outcome[]> {
    const started = performance.now();
    try {
      const outcomes = await loadWhole(batch, first);
      deps.metrics.loadSeconds.observe((performance.now() - started) / 1000);
      deps.metrics.loadBatchDocuments.observe(batch.length);
      observeStage(deps.metrics, 'processor', 'load', started);
      return outcomes;
    } catch (error) {
      if (!blamesDocument(error)) throw error;
      return await loadApart(batch, error as Error, first);
    }
  }

  /** The database refuses some document of the batch: halve it until the culprit stands alone. */
  async function loadApart(
    batch: readonly Incoming[],
    error: Error,
    first: FirstStatement | undefined,
  ): Promise<Outcome[]> {
    if (batch.length > 1) {
      const middle = batch.length >> 1;
      const outcomes = await load(batch.slice(0, middle), first);
      return outcomes.concat(await load(batch.slice(middle), first));
    }
    const arrival = batch[0]!;
    const message = `the database refuses this document: ${error.message}`;
    const problem = { pointer: '', code: 'refused_by_database', message };
    const { sale, ...rest } = arrival;
    // The body cannot be at fault, since it is stored as bytes; names and ids of the sale can.
    const refused: Incoming = { ...rest, verdict: 'rejected', problems: [problem], boundPlaceId: undefined! };
    delete refused.boundPlaceId;
    deps.log.warn(
      { err: error, source: arrival.source, sale: sale?.sourceId },
      'a document was refused by the database',
    );
    return await loadWhole([refused], first);
  }

  async function loadWhole(arrived: readonly Incoming[], first?: FirstStatement): Promise<Outcome[]> {
    for (let attempt = 1; ; attempt++) {
      const snapshot = deps.reference.current();
      if (deps.erased !== undefined && deps.erased.version() < snapshot.version) await deps.erased.refresh();
      const read = arrived.map((arrival) => readUnder(snapshot, arrival));
      const batch = deps.erased?.strip(read) ?? read;
      const prepared = prepareBatch(batch, snapshot);
      try {
        const outcomes = await inTransaction(
          deps.pool,
          async (client) => {
            await first?.(client, batch);
            const written = await writeBatch(client, batch, prepared, snapshot.version);
            // Rolled back, since what came first must not stand alone.
            if (written === undefined) throw new ReferenceMoved();
            return written;
          },
          first === undefined ? 'begin' : beginStreamed,
        );
        names.remember(batch);
        return outcomes;
      } catch (error) {
        if (error instanceof ReferenceMoved) {
          await deps.reference.refresh();
          continue;
        }
        const state = sqlState(error);
        if ((state !== '40P01' && state !== '40001') || attempt > conflictRetries) throw error;
        deps.metrics.loadRetries.inc({ sqlstate: state });
      }
    }
  }

  /** A change may have come between intake and here, and a sale's currency may come from the history. */
  function readUnder(snapshot: ReferenceSnapshot, arrival: Incoming): Incoming {
    const { sale, referenceVersion } = arrival;
    if (sale === undefined || referenceVersion === snapshot.version) return arrival;
    const { sale: _, ...document } = arrival;
    return deps.parse(document, snapshot);
  }

  /** The whole transaction; undefined where the reference history moved on and the batch has to be computed again. */
  async function writeBatch(
    client: Client,
    batch: readonly Incoming[],
    prepared: readonly Prepared[],
    referenceVersion: number,
  ): Promise<Outcome[] | undefined> {
    // 1. No reference change can commit from here on.
    if ((await holdReferenceVersion(client)) !== referenceVersion) return undefined;

    const outcomes = new Array<Outcome | undefined>(batch.length);
    // 2. Registry: the first document of each sale, in key order; whoever inserts holds the sale's lock.
    const firsts = firstOfEachSale(prepared);
    const fresh =
      firsts.length === 0 ? new Map() : await registerFresh(client, deps.epoch, referenceVersion, firsts);
    for (const [index, position] of fresh)
      outcomes[index] = { verdict: 'accepted', position: String(position), problems: [] };
    // 3. What is known already: locked, compared in arrival order, taken out and put in.
    const known = prepared.filter((entry) => !fresh.has(entry.index));
    const troubles: JournalRow[] = [];
    if (known.length > 0) await compareKnown(client, known, referenceVersion, outcomes, troubles);
    // 4. Documents that are no sale.
    await refuse(client, batch, outcomes, troubles);
    // 5. Names last, in key order, so that every loader takes its locks in one order.
    await names.write(client, batch);
    return outcomes as Outcome[];
  }

  function prepareBatch(batch: readonly Incoming[], snapshot: ReferenceSnapshot): Prepared[] {
    const prepared: Prepared[] = [];
    for (const [index, arrival] of batch.entries()) {
      if (arrival.sale !== undefined) prepared.push(prepare(index, arrival, snapshot));
    }
    return prepared;
  }

  function prepare(index: number, arrival: Incoming & { sale: Sale }, snapshot: ReferenceSnapshot): Prepared {
    const { sale } = arrival;
    const contribution = computeContribution(sale, arrival, snapshot);
    return {
      index,
      arrival,
      contentHash: sha256(arrival.originalBody ?? arrival.body),
      canonicalHash: arrival.originalBody === undefined ? null : canonicalHash(arrival.originalBody),
      placeScope: deps.identity === 'place' ? sale.placeId : '',
      contribution,
      businessDate: contribution?.date ?? sale.time.local.slice(0, 10),
    };
  }

  async function compareKnown(
    client: Client,
    known: readonly Prepared[],
    referenceVersion: number,
    outcomes: (Outcome | undefined)[],
    troubles: JournalRow[],
  ): Promise<void> {
    const registered = await lockRegistered(client, known);
    const compared = sameVersions(known, registered);
    const applied = await readAppliedRows(client, [...registered.values()], (current) =>
      compared.has(current),
    );
    const positions = await reservePositions(client, known.length);
    const states = new Map<string, SaleState>();
    const rows: JournalRow[] = [];
    for (const [order, entry] of known.entries()) {
      const key = saleKey(entry.arrival.sale, entry.placeScope);
      let state = states.get(key);
      if (state === undefined) {
        state = stateOf(registered.get(key), applied);
        states.set(key, state);
      }
      const row = applyDocument(state, entry, positions[order]!, referenceVersion);
      outcomes[entry.index] = { verdict: row.verdict, position: String(row.position), problems: [] };
      if (row.verdict === 'conflict' || row.verdict === 'rejected') {
        outcomes[entry.index]!.problems = JSON.parse(row.problems!) as Problem[];
        troubles.push(row);
      } else rows.push(row);
    }
    await appendRows(client, deps.epoch, rows);
    const updates = [...states.values()].flatMap((state) =>
      state.update === undefined ? [] : [state.update],
    );
    await updateRegistered(client, referenceVersion, updates);
  }

  async function refuse(
    client: Client,
    batch: readonly Incoming[],
    outcomes: (Outcome | undefined)[],
    troubles: JournalRow[],
  ): Promise<void> {
    const refused = [...batch.entries()].filter(([, arrival]) => arrival.sale === undefined);
    const byIndex = new Map<JournalRow, number>();
    if (refused.length > 0) {
      const positions = await reservePositions(client, refused.length);
      for (const [order, [index, arrival]] of refused.entries()) {
        const row = refusedRow(arrival, positions[order]!);
        byIndex.set(row, index);
        troubles.push(row);
      }
    }
    const rejected = troubles.filter((row) => row.verdict !== 'ignored');
    await appendTroubles(client, deps.epoch, rejected);
    await appendRows(
      client,
      deps.epoch,
      troubles.filter((row) => row.verdict === 'ignored'),
    );
    for (const [row, index] of byIndex) {
      outcomes[index] = {
        verdict: row.verdict,
        position: String(row.position),
        problems: JSON.parse(row.problems ?? '[]'),
      };
    }
  }

  return { load };
}

export type Loader = ReturnType<typeof createLoader>;

/** The registered sales that a document of their own version has come for, with other bytes. */
function sameVersions(known: readonly Prepared[], registered: ReadonlyMap<string, Current>): Set<Current> {
  const found = new Set<Current>();
  for (const { arrival, placeScope, contentHash } of known) {
    const current = registered.get(saleKey(arrival.sale, placeScope));
    if (current?.version === arrival.sale.version && !current.contentHash.equals(contentHash))
      found.add(current);
  }
  return found;
}

/** What the registry will say of a sale once the documents so far are applied. */
type SaleState = {
  current: Current;
  contribution: Contribution | null;
  document: Buffer | null;
  update: Update | undefined;
};

function stateOf(
  current: Current | undefined,
  applied: Map<number, { contribution: Contribution | null; document: Buffer | null }>,
): SaleState {
  if (current === undefined) throw new Error('a sale that could not be inserted is not in the registry');
  const last = applied.get(current.journalPosition);
  if (last === undefined)
    throw new Error(`journal row ${current.journalPosition} of a registered sale is missing`);
  return { current, contribution: last.contribution, document: last.document, update: undefined };
}

function firstOfEachSale(prepared: readonly Prepared[]): Prepared[] {
  const seen = new Set<string>();
  return prepared.filter((entry) => {
    const key = saleKey(entry.arrival.sale, entry.placeScope);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Decides on one document of a known sale, moves the state and answers the journal row. */
function applyDocument(
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
  const signed = [
    ...(state.contribution === null ? [] : [negated(state.contribution)]),
    ...(entry.contribution === null ? [] : [entry.contribution]),
  ];
  row.problems = flagsText(arrival) ?? undefined;
  row.contributions = signed.length === 0 ? undefined : JSON.stringify(signed);
  row.saleSeq = saleSeq;
  row.referenceVersion = referenceVersion;
  state.update = { prepared: entry, position, saleSeq };
  state.contribution = entry.contribution;
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

function refusedRow(arrival: Incoming, position: number): JournalRow {
  const verdict: Verdict = arrival.sale === undefined ? arrival.verdict : 'rejected';
  const problems = arrival.sale === undefined ? arrival.problems : [];
  return {
    position,
    arrival,
    verdict,
    problems: problems.length === 0 ? undefined : JSON.stringify(problems),
    contributions: undefined,
    saleSeq: undefined,
    referenceVersion: undefined,
    keepBody: true,
  };
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
