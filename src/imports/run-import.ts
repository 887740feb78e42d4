import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import type { Queryable } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Arrival, Incoming, Outcome, Resolved, Source, Verdict } from '../sales/sale.ts';
import { sourceOfShape } from '../sales/source-of-shape.ts';
import type { Stream } from '../stream/stream.ts';
import { createProgressStore } from './import-progress.ts';
import type { Imported } from './imported.ts';
import { type ImportFile, openImport } from './open-import.ts';
import { openRejectedFile, type RejectedFile } from './rejected-file.ts';

export type ImportDeps = {
  pool: Queryable;
  stream: Pick<Stream, 'append'>;
  parse: (arrival: Arrival) => Incoming;
  resolvedDefaults: Resolved;
  clock: Clock;
  progress: (state: ImportProgress) => void;
  /** Ends the import after what is in flight; the next run goes on there. */
  signal?: AbortSignal;
};
export type ImportOptions = {
  file: string;
  mapping?: string;
  /** Of every document; where it is not given, each says by its shape what it is. */
  source?: Source;
  place?: string;
  again?: boolean;
  /** Documents sent at once; 1,000 where it is not given. */
  batch?: number;
};
/** `skipped` documents are those an earlier run had stored; bytes are those of the file as it lies on the disk. */
export type ImportProgress = { documents: number; skipped: number; doneBytes: number; totalBytes: number };
export type ImportSummary = {
  /** Read by this run, the rejected ones included. */
  documents: number;
  skipped: number;
  end: 'finished' | 'stopped' | 'already done';
  verdicts: Partial<Record<Verdict, number>>;
  /** Of all runs over this file. */
  rejectedCount: number;
  /** The first of this run. */
  rejected: { line: number; reason: string }[];
  rejectedFile: string;
};

const defaultBatchDocuments = 1_000;
const maximumBatchBytes = 8 * 1024 * 1024;
const batchesInFlight = 4;
const appendTimeoutMs = 10_000;
const patienceMs = 5 * 60_000;
const firstPauseMs = 100;
const longestPauseMs = 5_000;
const keptReasons = 1_000;
const keepEveryMs = 500;

/**
 * Sends the documents of a file through the same path as every other. Each is known by its id, so a second
 * run doubles nothing; the progress kept in the database only spares the work. Errors: `import_failed` where
 * the file cannot be used, `overloaded` or `database_unavailable` after five minutes of trying.
 */
export async function runImport(deps: ImportDeps, options: ImportOptions): Promise<ImportSummary> {
  const file = await openImport(options, deps.resolvedDefaults.currency);
  const store = createProgressStore(deps.pool, file);
  const before =
    options.again === true ? { documents: 0, rejected: 0, isFinished: false } : await store.read();
  const summary: ImportSummary = {
    documents: 0,
    skipped: before.documents,
    end: 'already done',
    verdicts: {},
    rejectedCount: before.rejected,
    rejected: [],
    rejectedFile: `${options.file}.rejected`,
  };
  if (before.isFinished) return summary;
  const documents = await file.open();
  const rejectedFile = openRejectedFile(options.file, file.header, before.rejected);
  summary.end = 'finished';
  await new ImportRun(deps, options, file, store, rejectedFile, summary).run(documents);
  return summary;
}

type Sent = { batch: Imported[]; outcomes: (Outcome | undefined)[] };

class ImportRun {
  private readonly deps: ImportDeps;
  private readonly options: ImportOptions;
  private readonly file: ImportFile;
  private readonly store: ReturnType<typeof createProgressStore>;
  private readonly rejectedFile: RejectedFile;
  private readonly summary: ImportSummary;
  private readonly resolved: Resolved;
  private readonly inFlight: Promise<Sent>[] = [];
  private batch: Imported[] = [];
  private batchBytes = 0;
  private keepsNextMs = 0;
  /** Of the first document that shows its kind: what shows none is taken for one of those. */
  private firstSource: Source | undefined;

  constructor(
    deps: ImportDeps,
    options: ImportOptions,
    file: ImportFile,
    store: ReturnType<typeof createProgressStore>,
    rejectedFile: RejectedFile,
    summary: ImportSummary,
  ) {
    this.deps = deps;
    this.options = options;
    this.file = file;
    this.store = store;
    this.rejectedFile = rejectedFile;
    this.summary = summary;
    const { resolvedDefaults } = deps;
    this.resolved =
      options.place === undefined ? resolvedDefaults : { ...resolvedDefaults, placeId: options.place };
  }

  async run(source: AsyncIterable<Imported[]>): Promise<void> {
    try {
      await this.sendAll(source);
    } finally {
      // Where one batch fails the other is waited for, and its own failure is not a second one.
      await Promise.allSettled(this.inFlight);
    }
  }

  private async sendAll(source: AsyncIterable<Imported[]>): Promise<void> {
    let toSkip = this.summary.skipped;
    reading: for await (const documents of source) {
      for (const document of documents) {
        if (document.body !== undefined) this.firstSource ??= sourceOfShape(document.body);
        if (toSkip > 0) {
          toSkip--;
          continue;
        }
        this.batch.push(document);
        this.batchBytes += document.body?.length ?? 0;
        if (this.isFull()) await this.dispatch();
        if (this.deps.signal?.aborted === true) break reading;
      }
    }
    if (this.deps.signal?.aborted === true) this.summary.end = 'stopped';
    else if (this.batch.length > 0) await this.dispatch();
    while (this.inFlight.length > 0) await this.settleOldest();
    await this.finish();
  }

  private isFull(): boolean {
    const documents = this.options.batch ?? defaultBatchDocuments;
    return this.batch.length >= documents || this.batchBytes >= maximumBatchBytes;
  }

  private async dispatch(): Promise<void> {
    if (this.inFlight.length >= batchesInFlight) {
      await this.settleOldest();
      await this.keepProgress();
    }
    const sending = this.send(this.batch);
    // It is awaited when it is the oldest; until then a failure is not an unhandled one.
    sending.catch(() => {});
    this.inFlight.push(sending);
    this.batch = [];
    this.batchBytes = 0;
  }

  private async send(batch: Imported[]): Promise<Sent> {
    const incoming: Incoming[] = [];
    for (const { body } of batch) if (body !== undefined) incoming.push(this.deps.parse(this.arrival(body)));
    return { batch, outcomes: incoming.length === 0 ? [] : await this.append(incoming) };
  }

  private arrival(body: Buffer): Arrival {
    return {
      source: this.file.source ?? sourceOfShape(body) ?? this.firstSource ?? 'receipt',
      receivedAtMs: this.deps.clock.nowMs(),
      contentType: 'application/json',
      body,
      resolved: this.resolved,
    };
  }

  /** Waits out a busy warehouse or a restarting database; sending again is safe. */
  private async append(incoming: Incoming[]): Promise<(Outcome | undefined)[]> {
    const giveUpMs = this.deps.clock.nowMs() + patienceMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        return await this.deps.stream.append(incoming, this.deps.clock.nowMs() + appendTimeoutMs);
      } catch (error) {
        const isPassing =
          error instanceof CodedError &&
          (error.code === 'overloaded' || error.code === 'database_unavailable');
        if (!isPassing || this.deps.clock.nowMs() > giveUpMs) throw error;
        await sleep(pauseMs);
      }
    }
  }

  /** In the order of the file, so that what is counted as done is its beginning. */
  private async settleOldest(): Promise<void> {
    const { batch, outcomes } = await this.inFlight.shift()!;
    const { summary } = this;
    const rejected: { document: Imported; reason: string }[] = [];
    let index = 0;
    for (const document of batch) {
      const outcome = document.body === undefined ? undefined : outcomes[index++];
      const verdict = document.body === undefined ? 'rejected' : (outcome?.verdict ?? 'accepted');
      summary.verdicts[verdict] = (summary.verdicts[verdict] ?? 0) + 1;
      if (verdict === 'rejected' || verdict === 'conflict')
        rejected.push({ document, reason: document.trouble ?? reasonOf(outcome) });
    }
    this.rejectedFile.add(rejected);
    summary.rejectedCount += rejected.length;
    for (const { document, reason } of rejected.slice(0, keptReasons - summary.rejected.length))
      summary.rejected.push({ line: document.line, reason });
    summary.documents += batch.length;
    this.deps.progress({
      documents: summary.documents,
      skipped: summary.skipped,
      doneBytes: this.file.readBytes(),
      totalBytes: this.file.totalBytes,
    });
  }

  /** Once in a while: what is not kept on the way is done again by the next run, which doubles nothing. */
  private async keepProgress(): Promise<void> {
    const nowMs = this.deps.clock.nowMs();
    if (nowMs < this.keepsNextMs) return;
    this.keepsNextMs = nowMs + keepEveryMs;
    await this.writeProgress(false).catch(() => {});
  }

  private async finish(): Promise<void> {
    const giveUpMs = this.deps.clock.nowMs() + patienceMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        return await this.writeProgress(this.summary.end === 'finished');
      } catch (error) {
        if (this.deps.clock.nowMs() > giveUpMs) throw error;
        await sleep(pauseMs);
      }
    }
  }

  private async writeProgress(isFinished: boolean): Promise<void> {
    const { skipped, documents, rejectedCount } = this.summary;
    await this.store.write(
      { documents: skipped + documents, rejected: rejectedCount, isFinished },
      this.file.readBytes(),
    );
  }
}

function reasonOf(outcome: Outcome | undefined): string {
  const problems = outcome?.problems ?? [];
  return problems
    .map(({ pointer, message }) => (pointer === '' ? message : `${pointer}: ${message}`))
    .join('; ');
}
