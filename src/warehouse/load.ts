import {
  blamesDocument,
  type Client,
  type Database,
  inTransaction,
  type Queryable,
  sqlState,
} from '../base/db.ts';
import type { Problem } from '../base/errors.ts';
import { sha256 } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';
import type { Reference, ReferenceSnapshot } from '../reference/reference.ts';
import { canonicalHash } from '../sales/canonical-hash.ts';
import type { Arrival, Incoming, Outcome, Sale, Verdict } from '../sales/sale.ts';
import { contributionsText } from '../sales/stored-contribution.ts';
import {
  applyAsFresh,
  applyDocument,
  type Fresh,
  isTrouble,
  type SaleState,
  sameVersions,
  stateOf,
  type Trouble,
} from './apply-documents.ts';
import { computeContribution } from './compute-contribution.ts';
import { appendRows, appendTroubles, type JournalRow, reservePositions } from './journal.ts';
import { createNames } from './names.ts';
import {
  type FreshRow,
  lockRegistered,
  type Prepared,
  readAppliedRows,
  registerFresh,
  saleKey,
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

/** After so many batches in a row of so many sales that nobody knew, those of the next are taken to be new. */
const newBatches = 8;
const newSales = 100;
const uniqueViolation = '23505';

/** How often a deadlock or a serialization failure is tried again before the caller is told. */
const conflictRetries = 5;

/**
 * Loads batches of documents. One transaction a batch, or two where known sales are among new ones:
 * registry and verdicts, journal with signed contributions, names. Safe to run from several processes at once.
 */
export function createLoader(deps: LoaderDeps) {
  const names = createNames();
  let batchesOfNew = 0;

  /** Answers an outcome per document, in order. Fails, having stored nothing, where the database does. */
  async function load(batch: readonly Incoming[], first?: FirstStatement): Promise<Outcome[]> {
    const started = performance.now();
    const outcomes = await loadEach(batch, first);
    deps.metrics.loadSeconds.observe((performance.now() - started) / 1000);
    deps.metrics.loadBatchDocuments.observe(batch.length);
    observeStage(deps.metrics, 'processor', 'load', started);
    return outcomes;
  }

  async function loadEach(batch: readonly Incoming[], first?: FirstStatement): Promise<Outcome[]> {
    try {
      return await loadWhole(batch, first);
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
      const outcomes = await loadEach(batch.slice(0, middle), first);
      return outcomes.concat(await loadEach(batch.slice(middle), first));
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
      const fresh = applyAsFresh(prepared, snapshot.version);
      const taken = batchesOfNew >= newBatches && prepared.length >= newSales ? 'new' : 'unknown';
      try {
        const standsAlone =
          first === undefined &&
          batchesOfNew > 0 &&
          fresh.rows.length === batch.length &&
          !names.areNew(batch);
        if (standsAlone) return await registerAlone(arrived, fresh.rows, snapshot.version, taken);
        const outcomes = await inTransaction(
          deps.pool,
          async (client) => {
            await first?.(client, batch);
            return await writeBatch(client, batch, fresh, snapshot.version, taken);
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
        if (state === uniqueViolation && taken === 'new') {
          batchesOfNew = 0;
          continue;
        }
        if ((state !== '40P01' && state !== '40001') || attempt > conflictRetries) throw error;
        deps.metrics.loadRetries.inc({ sqlstate: state });
      }
    }
  }

  /**
   * A batch of sales that nobody seems to know: one statement is the whole transaction. Sales that somebody does know
   * are loaded in one of their own.
   */
  async function registerAlone(
    batch: readonly Incoming[],
    rows: readonly FreshRow[],
    referenceVersion: number,
    taken: 'new' | 'unknown',
  ): Promise<Outcome[]> {
    const outcomes = new Array<Outcome>(batch.length);
    const known = await registerRows(deps.pool, rows, referenceVersion, taken, outcomes);
    batchesOfNew = known.length > 0 ? 0 : batchesOfNew + 1;
    if (known.length === 0) return outcomes;
    const indexes = known.map(({ index }) => index);
    const compared = await loadEach(indexes.map((index) => batch[index]!));
    for (const [at, index] of indexes.entries()) outcomes[index] = compared[at]!;
    return outcomes;
  }

  /** A change may have come between intake and here, and a sale's currency may come from the history. */
  function readUnder(snapshot: ReferenceSnapshot, arrival: Incoming): Incoming {
    const { sale, referenceVersion } = arrival;
    if (sale === undefined || referenceVersion === snapshot.version) return arrival;
    const { sale: _, ...document } = arrival;
    return deps.parse(document, snapshot);
  }

  /** The whole of a transaction, whatever is in the batch. */
  async function writeBatch(
    client: Client,
    batch: readonly Incoming[],
    fresh: Fresh,
    referenceVersion: number,
    taken: 'new' | 'unknown',
  ): Promise<Outcome[]> {
    const outcomes = new Array<Outcome>(batch.length);
    const troubles: Trouble[] = [];
    // 1. Registry: sales that nobody knows, in key order; whoever inserts holds the sale's lock. No reference change can
    // commit from here on.
    const known = await registerSales(client, fresh, referenceVersion, outcomes, troubles, taken);
    // 2. What is known already: locked, compared in arrival order, taken out and put in.
    batchesOfNew = known.length > 0 ? 0 : batchesOfNew + 1;
    if (known.length > 0) await compareKnown(client, known, referenceVersion, outcomes, troubles);
    // 3. What does not fit what is known, and documents that are no sale.
    await writeTroubles(client, batch, outcomes, troubles);
    // 4. Names last, in key order, so that every loader takes its locks in one order.
    await names.write(client, batch);
    return outcomes;
  }

  function prepareBatch(batch: readonly Incoming[], snapshot: ReferenceSnapshot): Prepared[] {
    const prepared: Prepared[] = [];
    for (let index = 0; index < batch.length; index++) {
      const arrival = batch[index]!;
      if (arrival.sale !== undefined) prepared.push(prepare(index, arrival, snapshot));
    }
    return prepared;
  }

  function prepare(index: number, arrival: Incoming & { sale: Sale }, snapshot: ReferenceSnapshot): Prepared {
    const { sale } = arrival;
    const contribution = computeContribution(sale, arrival, snapshot);
    const placeScope = deps.identity === 'place' ? sale.placeId : '';
    return {
      index,
      arrival,
      key: saleKey(sale.sourceId, sale.source, placeScope),
      contentHash: sha256(arrival.originalBody ?? arrival.body),
      canonicalHash: arrival.originalBody === undefined ? null : canonicalHash(arrival.originalBody),
      placeScope,
      contributions: contribution === null ? undefined : contributionsText([contribution]),
      snapshot,
      businessDate: contribution?.date ?? sale.time.local.slice(0, 10),
    };
  }

  /** Answers the documents of sales that are known already. */
  async function registerRows(
    client: Queryable,
    rows: readonly FreshRow[],
    referenceVersion: number,
    taken: 'new' | 'unknown',
    outcomes: Outcome[],
  ): Promise<Prepared[]> {
    if (rows.length === 0) return [];
    const positions = await registerFresh(client, deps.epoch, referenceVersion, rows, taken);
    // What was computed under the version before has to be computed again.
    if (positions === undefined) throw new ReferenceMoved();
    const known: Prepared[] = [];
    for (const { prepared, row } of rows) {
      const position = positions.get(prepared.index);
      if (position === undefined) known.push(prepared);
      else outcomes[prepared.index] = { verdict: row.verdict, position, problems: [] };
    }
    return known;
  }

  /** The same of a batch with documents that are troubles if their sale is new. */
  async function registerSales(
    client: Client,
    fresh: Fresh,
    referenceVersion: number,
    outcomes: Outcome[],
    troubles: Trouble[],
    taken: 'new' | 'unknown',
  ): Promise<Prepared[]> {
    const known = await registerRows(client, fresh.rows, referenceVersion, taken, outcomes);
    for (const { prepared, row, first } of fresh.troubles) {
      if (outcomes[first.index] !== undefined) troubles.push({ index: prepared.index, row });
      else known.push(prepared);
    }
    // Documents of one sale have to be compared in the order in which they came.
    if (fresh.troubles.length > 0) known.sort((a, b) => a.index - b.index);
    return known;
  }

  async function compareKnown(
    client: Client,
    known: readonly Prepared[],
    referenceVersion: number,
    outcomes: Outcome[],
    troubles: Trouble[],
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
      let state = states.get(entry.key);
      if (state === undefined) {
        state = stateOf(registered.get(entry.key), applied);
        states.set(entry.key, state);
      }
      const row = applyDocument(state, entry, positions[order]!, referenceVersion);
      if (isTrouble(row)) troubles.push({ index: entry.index, row });
      else {
        rows.push(row);
        outcomes[entry.index] = { verdict: row.verdict, position: String(row.position), problems: [] };
      }
    }
    await appendRows(client, deps.epoch, rows);
    const updates = [...states.values()].flatMap((state) =>
      state.update === undefined ? [] : [state.update],
    );
    await updateRegistered(client, referenceVersion, updates);
  }

  async function writeTroubles(
    client: Client,
    batch: readonly Incoming[],
    outcomes: Outcome[],
    troubles: Trouble[],
  ): Promise<void> {
    for (let index = 0; index < batch.length; index++)
      if (batch[index]!.sale === undefined) troubles.push({ index, row: refusedRow(batch[index]!) });
    if (troubles.length === 0) return;
    const unplaced = troubles.filter(({ row }) => row.position === 0);
    if (unplaced.length > 0) {
      const positions = await reservePositions(client, unplaced.length);
      for (const [order, { row }] of unplaced.entries()) row.position = positions[order]!;
    }
    const rows = troubles.map(({ row }) => row);
    await appendTroubles(
      client,
      deps.epoch,
      rows.filter(({ verdict }) => verdict !== 'ignored'),
    );
    await appendRows(
      client,
      deps.epoch,
      rows.filter(({ verdict }) => verdict === 'ignored'),
    );
    for (const { index, row } of troubles) {
      const problems = JSON.parse(row.problems ?? '[]') as Problem[];
      outcomes[index] = { verdict: row.verdict, position: String(row.position), problems };
    }
  }

  return { load };
}

export type Loader = ReturnType<typeof createLoader>;

function refusedRow(arrival: Incoming): JournalRow {
  const verdict: Verdict = arrival.sale === undefined ? arrival.verdict : 'rejected';
  const problems = arrival.sale === undefined ? arrival.problems : [];
  return {
    position: 0,
    arrival,
    verdict,
    problems: problems.length === 0 ? undefined : JSON.stringify(problems),
    contributions: undefined,
    saleSeq: undefined,
    referenceVersion: undefined,
    keepBody: true,
  };
}
