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

/** One call of `append`. */
type Caller = {
  deadlineMs: number;
  outcomes: Outcome[];
  left: number;
  isRefused: boolean;
  resolve: (outcomes: Outcome[]) => void;
  reject: (error: Error) => void;
};

type Waiting = {
  document: Incoming;
  /** Undefined where the document is of none. */
  sale: string | undefined;
  caller: Caller;
  /** Among the documents of its caller. */
  index: number;
};

/** Large enough to make COMMIT cheap per document, small enough that a lock is not held for long. */
const maximumBatchDocuments = 2_000;
const maximumBatchBytes = 16 * 1024 * 1024;
/** One batch is written while the other waits for its COMMIT; never two with documents of one sale. */
const loaders = 2;
/** With fewer a transaction costs more than it gains while the one under way waits for its COMMIT. */
const secondLoaderDocuments = 32;
const firstPauseMs = 50;
const longestPauseMs = 2_000;

/** The embedded stream: whatever arrives while a batch is being committed forms the next one (group commit). */
export function createDirectStream(deps: DirectStreamDeps): Stream {
  let queue: Waiting[] = [];
  let running = 0;
  let stopped = false;
  const idle: (() => void)[] = [];
  const loading = new Set<string>();
  const waitingForSales: (() => void)[] = [];

  /** Documents of a sale that the other loader has in hand stay where they are: their order would be lost. */
  function takeBatch(): Waiting[] {
    const taken: Waiting[] = [];
    const passed: Waiting[] = [];
    let bytes = 0;
    let at = 0;
    for (; at < queue.length && taken.length < maximumBatchDocuments; at++) {
      const next = queue[at]!;
      if (next.caller.isRefused) continue;
      const { sale } = next;
      if (sale !== undefined && loading.has(sale)) {
        passed.push(next);
        continue;
      }
      bytes += next.document.body.length;
      if (taken.length > 0 && bytes > maximumBatchBytes) break;
      taken.push(next);
    }
    queue = passed.length === 0 ? queue.slice(at) : passed.concat(queue.slice(at));
    return taken;
  }

  async function loadNext(): Promise<void> {
    const batch = takeBatch();
    if (batch.length === 0) {
      if (queue.length > 0) await new Promise<void>((resolve) => waitingForSales.push(resolve));
      return;
    }
    const sales = batch.flatMap(({ sale }) => sale ?? []);
    for (const sale of sales) loading.add(sale);
    await loadUntilDone(batch);
    for (const sale of sales) loading.delete(sale);
    for (const wake of waitingForSales.splice(0)) wake();
  }

  /** Leaves the documents of callers who still wait. */
  function dropLate(batch: Waiting[], error: CodedError): Waiting[] {
    const now = deps.clock.nowMs();
    for (const { caller } of batch) if (caller.deadlineMs <= now) refuse(caller, error);
    return batch.filter(({ caller }) => !caller.isRefused);
  }

  /** Keeps the batch and tries again until every caller's deadline has passed. */
  async function loadUntilDone(first: Waiting[]): Promise<void> {
    let batch = first;
    let pauseMs = firstPauseMs;
    while (batch.length > 0) {
      const documents = batch.map(({ document }) => document);
      const deadlineMs = batch.reduce((least, { caller }) => Math.min(least, caller.deadlineMs), Infinity);
      try {
        if (!(await deps.admit(documents.length, deadlineMs))) {
          batch = dropLate(batch, overloaded());
          continue;
        }
        const outcomes = await deps.load(documents);
        for (let at = 0; at < batch.length; at++) {
          const { caller, index } = batch[at]!;
          caller.outcomes[index] = outcomes[at]!;
          if (--caller.left === 0) caller.resolve(caller.outcomes);
        }
        return;
      } catch (error) {
        if (error instanceof RangeError || error instanceof TypeError) {
          for (const { caller } of batch) refuse(caller, error);
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
        const { length } = documents;
        const caller = {
          deadlineMs,
          outcomes: new Array(length),
          left: length,
          isRefused: false,
          resolve,
          reject,
        };
        for (let index = 0; index < length; index++) {
          const document = documents[index]!;
          queue.push({ document, sale: saleOf(document), caller, index });
        }
        if (running === 0 || (running < loaders && queue.length >= secondLoaderDocuments)) void drain();
      });
    },
    /** Refuses new documents and waits for those that were taken. */
    async stop() {
      stopped = true;
      if (running > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}

/** What of its documents is in hand elsewhere may still be stored; sent again, it doubles nothing. */
function refuse(caller: Caller, error: Error): void {
  caller.isRefused = true;
  caller.reject(error);
}

/** Source and place are left out: where two sales have one id, one waits for nothing. */
function saleOf({ sale }: Incoming): string | undefined {
  return sale?.sourceId;
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
