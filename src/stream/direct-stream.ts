import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import { sqlState } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Incoming, Outcome } from '../sales/sale.ts';
import type { Stream } from './stream.ts';

export type DirectStreamDeps = {
  load: (batch: Incoming[]) => Promise<Outcome[]>;
  /** Resolves once the warehouse has room for that many documents; false where the deadline came first. */
  admit: (count: number, deadlineMs: number) => Promise<boolean>;
  clock: Clock;
  log: Log;
};

type Waiting = {
  documents: Incoming[];
  deadlineMs: number;
  resolve: (outcomes: Outcome[]) => void;
  reject: (error: Error) => void;
};

/** Large enough to make COMMIT cheap per document, small enough that a lock is not held for long. */
const maximumBatchDocuments = 2_000;
const maximumBatchBytes = 16 * 1024 * 1024;
/** One batch is written while the other waits for its COMMIT; never two with documents of one sale. */
const loaders = 2;
/** A transaction costs as much as some fifty documents, so fewer wait for the one under way to end. */
const secondLoaderDocuments = 256;
const firstPauseMs = 50;
const longestPauseMs = 2_000;

/** The embedded stream: whatever arrives while a batch is being committed forms the next one (group commit). */
export function createDirectStream(deps: DirectStreamDeps): Stream {
  const queue: Waiting[] = [];
  let running = 0;
  let queued = 0;
  let stopped = false;
  const idle: (() => void)[] = [];
  const loading = new Set<string>();
  const waitingForSales: (() => void)[] = [];

  /** Empty where the next documents are of a sale that the other loader has in hand: their order would be lost. */
  function takeBatch(): Waiting[] {
    const taken: Waiting[] = [];
    let documents = 0;
    let bytes = 0;
    while (queue.length > 0) {
      const next = queue[0]!;
      const size = next.documents.reduce((sum, document) => sum + document.body.length, 0);
      if (
        taken.length > 0 &&
        (documents + next.documents.length > maximumBatchDocuments || bytes + size > maximumBatchBytes)
      )
        break;
      if (loading.size > 0 && salesOf(next.documents).some((sale) => loading.has(sale))) break;
      taken.push(queue.shift()!);
      queued -= next.documents.length;
      documents += next.documents.length;
      bytes += size;
    }
    return taken;
  }

  async function loadNext(): Promise<void> {
    if (queue.length === 0) return;
    const batch = takeBatch();
    if (batch.length === 0) return new Promise((resolve) => waitingForSales.push(resolve));
    const sales = batch.flatMap((entry) => salesOf(entry.documents));
    for (const sale of sales) loading.add(sale);
    await loadUntilDone(batch);
    for (const sale of sales) loading.delete(sale);
    for (const wake of waitingForSales.splice(0)) wake();
  }

  function dropLate(batch: Waiting[], error: CodedError): Waiting[] {
    const now = deps.clock.nowMs();
    return batch.filter((entry) => {
      if (entry.deadlineMs > now) return true;
      entry.reject(error);
      return false;
    });
  }

  /** Keeps the batch and tries again until every caller's deadline has passed. */
  async function loadUntilDone(first: Waiting[]): Promise<void> {
    let batch = first;
    let pauseMs = firstPauseMs;
    while (batch.length > 0) {
      const documents = batch.flatMap((entry) => entry.documents);
      const deadlineMs = Math.min(...batch.map((entry) => entry.deadlineMs));
      try {
        if (!(await deps.admit(documents.length, deadlineMs))) {
          batch = dropLate(batch, overloaded());
          continue;
        }
        const outcomes = await deps.load(documents);
        let offset = 0;
        for (const entry of batch) {
          entry.resolve(outcomes.slice(offset, offset + entry.documents.length));
          offset += entry.documents.length;
        }
        return;
      } catch (error) {
        if (error instanceof RangeError || error instanceof TypeError) {
          for (const entry of batch) entry.reject(error);
          return;
        }
        deps.log.warn(
          { err: error, sqlstate: sqlState(error), documents: documents.length },
          'a batch is tried again',
        );
        await sleep(pauseMs);
        pauseMs = Math.min(pauseMs * 2, longestPauseMs);
        batch = dropLate(batch, unavailable(error));
      }
    }
  }

  async function drain(): Promise<void> {
    running++;
    try {
      while (queue.length > 0) {
        // Callers of this turn of the event loop join the batch.
        await new Promise(setImmediate);
        await loadNext();
      }
    } finally {
      running--;
      if (running === 0) for (const wake of idle.splice(0)) wake();
    }
  }

  return {
    append(documents, deadlineMs) {
      if (stopped)
        return Promise.reject(
          new CodedError('shutting_down', 'the program is stopping; send it again', { retryAfterSeconds: 5 }),
        );
      if (documents.length === 0) return Promise.resolve([]);
      return new Promise((resolve, reject) => {
        queue.push({ documents, deadlineMs, resolve, reject });
        queued += documents.length;
        if (running === 0 || (running < loaders && queued >= secondLoaderDocuments)) void drain();
      });
    },
    /** Refuses new documents and waits for those that were taken. */
    async stop() {
      stopped = true;
      if (running > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}

/** The place is left out, although under IDENTITY=place two of them may use one id: then one waits for nothing. */
function salesOf(documents: readonly Incoming[]): string[] {
  return documents.flatMap(({ source, sale }) => (sale === undefined ? [] : [`${source} ${sale.sourceId}`]));
}

function overloaded(): CodedError {
  return new CodedError('overloaded', 'the marts are behind the journal; nothing was stored, send it again', {
    retryAfterSeconds: 2,
  });
}

function unavailable(cause: unknown): CodedError {
  return new CodedError('database_unavailable', 'the database does not answer; send it again', {
    cause,
    retryAfterSeconds: 2,
  });
}
