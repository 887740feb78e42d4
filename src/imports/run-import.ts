import { createHash } from 'node:crypto';
import { appendFileSync, createReadStream, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Arrival, Incoming, Outcome, Resolved, Verdict } from '../sales/sale.ts';
import type { Stream } from '../stream/stream.ts';
import { type Imported, mapRows, readLookups } from './map-rows.ts';
import { readMapping } from './mapping.ts';
import { readArray, readLines } from './read-documents.ts';

export type ImportDeps = {
  pool: Pick<Database, 'query'>;
  stream: Stream;
  parse: (arrival: Arrival) => Incoming;
  resolvedDefaults: Resolved;
  clock: Clock;
  progress: (state: ImportProgress) => void;
};
export type ImportOptions = { file: string; mapping?: string; place?: string; again?: boolean };
export type ImportProgress = { documents: number; doneBytes: number; totalBytes: number };
export type ImportSummary = {
  documents: number;
  /** Documents that an earlier run had stored. */
  skipped: number;
  alreadyDone: boolean;
  verdicts: Partial<Record<Verdict, number>>;
  rejected: { line: number; reason: string }[];
  rejectedFile: string | undefined;
};

const batchDocuments = 1_000;
const batchesInFlight = 2;
const appendTimeoutMs = 10_000;
const patienceMs = 5 * 60_000;
const longestPauseMs = 5_000;
const keptReasons = 1_000;

/**
 * Sends the documents of a file through the same path as every other. Each is known by its id, so a second
 * run doubles nothing; the progress kept in the database only spares the work.
 */
export async function runImport(deps: ImportDeps, options: ImportOptions): Promise<ImportSummary> {
  const run = new ImportRun(deps, options);
  return await run.run();
}

class ImportRun {
  private readonly deps: ImportDeps;
  private readonly options: ImportOptions;
  private readonly summary: ImportSummary = {
    documents: 0,
    skipped: 0,
    alreadyDone: false,
    verdicts: {},
    rejected: [],
    rejectedFile: undefined,
  };
  private readonly totalBytes: number;
  private rejectedCount = 0;
  private doneBytes = 0;
  private key = '';

  constructor(deps: ImportDeps, options: ImportOptions) {
    this.deps = deps;
    this.options = options;
    const stat = statSync(options.file, { throwIfNoEntry: false });
    if (stat === undefined) throw new CodedError('import_failed', `there is no file ${options.file}`);
    this.totalBytes = stat.size;
  }

  async run(): Promise<ImportSummary> {
    this.key = await this.importKey();
    const before = await this.readProgress();
    if (before.finished) return { ...this.summary, alreadyDone: true, skipped: before.records };
    const rejectedFile = `${this.options.file}.rejected`;
    rmSync(rejectedFile, { force: true });
    const inFlight: Promise<void>[] = [];
    let batch: Imported[] = [];
    let index = 0;
    for await (const document of await this.documents()) {
      this.doneBytes += document.bytes;
      if (index++ < before.records) {
        this.summary.skipped++;
        continue;
      }
      batch.push(document);
      if (batch.length < batchDocuments) continue;
      inFlight.push(this.send(batch));
      batch = [];
      if (inFlight.length >= batchesInFlight) {
        await inFlight.shift();
        await this.keepProgress(this.summary.skipped + this.summary.documents, false);
      }
    }
    if (batch.length > 0) inFlight.push(this.send(batch));
    await Promise.all(inFlight);
    await this.keepProgress(this.summary.skipped + this.summary.documents, true);
    return this.summary;
  }

  private async importKey(): Promise<string> {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(this.options.file)) hash.update(chunk as Buffer);
    if (this.options.mapping !== undefined) hash.update(JSON.stringify(readMapping(this.options.mapping)));
    hash.update(`\n${this.options.place ?? ''}`);
    return hash.digest('hex');
  }

  private async documents(): Promise<AsyncIterable<Imported>> {
    const { file, mapping } = this.options;
    const bytes = () =>
      file.endsWith('.gz')
        ? (createReadStream(file).pipe(createGunzip()) as AsyncIterable<Buffer>)
        : (createReadStream(file) as AsyncIterable<Buffer>);
    if (mapping !== undefined) {
      const read = readMapping(mapping);
      return mapRows(bytes(), read, await readLookups(read, path.dirname(mapping)));
    }
    if (/\.csv(\.gz)?$/i.test(file))
      throw new CodedError(
        'import_failed',
        'a CSV file needs --mapping; docs/import.md tells how to write one',
      );
    return (await firstByte(bytes())) === 0x5b ? readArray(bytes()) : readLines(bytes());
  }

  private async send(batch: Imported[]): Promise<void> {
    const good = batch.filter((document) => document.body !== undefined);
    for (const document of batch) if (document.trouble !== undefined) this.reject(document, document.trouble);
    const incoming = good.map((document) => this.deps.parse(this.arrival(document.body!)));
    const outcomes = incoming.length === 0 ? [] : await this.append(incoming);
    for (const [index, outcome] of outcomes.entries()) {
      const verdict = outcome?.verdict ?? 'accepted';
      this.summary.verdicts[verdict] = (this.summary.verdicts[verdict] ?? 0) + 1;
      if (verdict === 'rejected' || verdict === 'conflict') {
        const problems = outcome?.problems ?? [];
        this.reject(
          good[index]!,
          problems.map((problem) => `${problem.pointer} ${problem.message}`).join('; '),
        );
      }
    }
    this.summary.documents += batch.length;
    this.deps.progress({
      documents: this.summary.skipped + this.summary.documents,
      doneBytes: this.doneBytes,
      totalBytes: this.totalBytes,
    });
  }

  private arrival(body: Buffer): Arrival {
    const { resolvedDefaults, clock } = this.deps;
    const resolved = this.options.place === undefined ? resolvedDefaults : this.placed();
    return {
      source: 'receipt',
      receivedAtMs: clock.nowMs(),
      contentType: 'application/json',
      body,
      resolved,
    };
  }

  private placedDefaults: Resolved | undefined;
  private placed(): Resolved {
    this.placedDefaults ??= { ...this.deps.resolvedDefaults, placeId: this.options.place! };
    return this.placedDefaults;
  }

  /** Waits out a busy warehouse or a restarting database; sending again is safe. */
  private async append(incoming: Incoming[]): Promise<(Outcome | undefined)[]> {
    const giveUpMs = this.deps.clock.nowMs() + patienceMs;
    for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        return await this.deps.stream.append(incoming, this.deps.clock.nowMs() + appendTimeoutMs);
      } catch (error) {
        const passing =
          error instanceof CodedError &&
          (error.code === 'overloaded' || error.code === 'database_unavailable');
        if (!passing || this.deps.clock.nowMs() > giveUpMs) throw error;
        await sleep(pauseMs);
      }
    }
  }

  private reject(document: Imported, reason: string): void {
    const file = `${this.options.file}.rejected`;
    this.rejectedCount++;
    appendFileSync(file, `${document.raw}\n`);
    this.summary.rejectedFile = file;
    if (this.summary.rejected.length < keptReasons)
      this.summary.rejected.push({ line: document.line, reason });
  }

  private async readProgress(): Promise<{ records: number; finished: boolean }> {
    if (this.options.again === true) return { records: 0, finished: false };
    const { rows } = await this.deps.pool.query(
      'select done_records, done_bytes from ops.import_progress where import_key = $1',
      [this.key],
    );
    const row = rows[0];
    if (row === undefined) return { records: 0, finished: false };
    return { records: row.done_records, finished: row.done_bytes >= this.totalBytes };
  }

  /** Called when the oldest batch in flight is durable, so what was counted is the beginning of the file. */
  private async keepProgress(records: number, finished: boolean): Promise<void> {
    const bytes = finished ? this.totalBytes : Math.min(this.doneBytes, this.totalBytes - 1);
    await this.deps.pool.query(
      `insert into ops.import_progress (import_key, file_name, done_bytes, done_records, rejected) values ($1, $2, $3, $4, $5)
       on conflict (import_key) do update set done_bytes = excluded.done_bytes, done_records = excluded.done_records,
         rejected = excluded.rejected, updated_at = now()`,
      [this.key, path.basename(this.options.file), bytes, records, this.rejectedCount],
    );
  }
}

async function firstByte(input: AsyncIterable<Buffer>): Promise<number | undefined> {
  for await (const chunk of input) {
    for (const byte of chunk) if (byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf) return byte;
  }
  return undefined;
}
