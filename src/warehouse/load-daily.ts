import { type Client, type Database, inTransaction, sqlState } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { sha256 } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';
import type { Reference, ReferenceSnapshot } from '../reference/reference.ts';
import { type Contribution, negated } from '../sales/contribution.ts';
import {
  type DailyFile,
  type DailyOutcome,
  type DailySender,
  type DailyStore,
  type DailyVerdict,
  dailyContribution,
  dailyLocalTime,
  dailySale,
  dailySaleId,
  type RefusedFile,
} from '../sales/daily-file.ts';
import type { Arrival, Incoming } from '../sales/sale.ts';
import { contributionsText } from '../sales/stored-contribution.ts';
import { insertFile, isSameFile, lockFile, updateFile } from './daily-registry.ts';
import { appendRows, appendTroubles, type JournalRow, reservePositions } from './journal.ts';
import { nameInSteps, nameProducts } from './name-daily.ts';
import { holdReferenceVersion } from './reference-lock.ts';
import { type Current, readAppliedRows } from './registry.ts';
import { createStaging, type Staging } from './stage-daily.ts';

export type DailyStoreDeps = {
  pool: Database;
  reference: Reference;
  /** Of the cluster we are on; see `ops.installation`. */
  epoch: number;
  identity: 'source' | 'place';
  /** Resolves once the tail has room; see the warehouse's gate. */
  admit: (documents: number, deadlineMs: number) => Promise<boolean>;
  log: Log;
  metrics: Metrics;
  /** Where left out, nobody writes about the files. */
  reports?: DailyReports;
};

type DailyReport = NonNullable<DailyOutcome['report']>;
/** Asks for a report of a file within its load transaction, and finds the one asked for before. */
export type DailyReports = {
  ask(
    client: Client,
    file: { placeId: string; date: string; position: number },
  ): Promise<DailyReport | undefined>;
  find(client: Client, placeId: string, date: string): Promise<DailyReport | undefined>;
};

const conflictRetries = 5;

/** Versions are compared as text, so they are written with leading zeros. */
const encodeVersion = (replacements: number) => String(replacements).padStart(10, '0');

type Written = {
  verdict: Exclude<DailyVerdict, 'rejected'>;
  position: number;
  documentId: number | undefined;
  /** The journal row that keeps the body is an earlier one. */
  seenBefore: boolean;
  report?: DailyReport | undefined;
};

/**
 * Stores daily files: staged as they come, then counted in one short transaction whatever their size. Two
 * uploads of one place and date at once meet at the registry's key, and exactly one is accepted.
 */
export function createDailyStore(deps: DailyStoreDeps): DailyStore {
  const { pool, reference } = deps;

  async function load(
    staging: Staging,
    sender: DailySender,
    file: DailyFile,
    deadlineMs: number,
  ): Promise<DailyOutcome> {
    await staging.finish();
    if (!(await deps.admit(1, deadlineMs))) throw overloaded();
    const started = performance.now();
    const written = await write(staging, sender, file);
    observeStage(deps.metrics, 'processor', 'load', started);
    await tidyUp(staging, file, written);
    deps.metrics.messages.inc({
      role: 'processor',
      topic: 'direct',
      direction: 'in',
      verdict: written.verdict,
    });
    const { verdict, position } = written;
    const problems = verdict === 'conflict' ? [conflictOf(file)] : [];
    const { placeId, date } = file;
    const outcome: DailyOutcome = { verdict, position: String(position), placeId, date, problems };
    return written.report === undefined ? outcome : { ...outcome, report: written.report };
  }

  async function write(staging: Staging, sender: DailySender, file: DailyFile): Promise<Written> {
    for (let attempt = 1; ; attempt++) {
      try {
        const written = await inTransaction(pool, (client) =>
          writeFile(client, deps, { staging, sender, file }, reference.current()),
        );
        if (written !== undefined) return written;
        await reference.refresh();
      } catch (error) {
        const state = sqlState(error);
        if ((state !== '40P01' && state !== '40001') || attempt > conflictRetries) throw error;
        deps.metrics.loadRetries.inc({ sqlstate: state });
      }
    }
  }

  /** What is not needed any more goes, and what can wait until after COMMIT is done. */
  async function tidyUp(staging: Staging, file: DailyFile, written: Written): Promise<void> {
    const { documentId, verdict } = written;
    try {
      if (documentId === undefined) {
        await staging.dropLines();
        if (verdict === 'duplicate' || written.seenBefore) await staging.discard();
      } else if (staging.isStaged())
        await nameInSteps(pool, { documentId, date: file.date, products: file.products });
    } catch (error) {
      deps.log.warn({ err: error }, 'a daily file is stored, but not tidied up; the next start does it');
    }
  }

  async function refuse(staging: Staging, sender: DailySender, refused: RefusedFile): Promise<DailyOutcome> {
    await staging.discard();
    const position = await inTransaction(pool, (client) => writeRefused(client, deps.epoch, sender, refused));
    deps.metrics.messages.inc({
      role: 'processor',
      topic: 'direct',
      direction: 'in',
      verdict: 'rejected',
    });
    const { placeId, date, problems } = refused;
    return { verdict: 'rejected', position: String(position), placeId, date, problems };
  }

  return {
    begin(sender) {
      const staging = createStaging(pool);
      return {
        addBytes: staging.addBytes,
        addLines: staging.addLines,
        load: (file, deadlineMs) => load(staging, sender, file, deadlineMs),
        refuse: (refused) => refuse(staging, sender, refused),
        discard: staging.discard,
      };
    },
  };
}

type Upload = { staging: Staging; sender: DailySender; file: DailyFile };

/** The whole transaction; undefined where the reference history moved on and it has to be computed again. */
async function writeFile(
  client: Client,
  deps: DailyStoreDeps,
  { staging, sender, file }: Upload,
  snapshot: ReferenceSnapshot,
): Promise<Written | undefined> {
  // 1. No reference change can commit from here on.
  if ((await holdReferenceVersion(client)) !== snapshot.version) return undefined;
  const { timeZone, currency } = sender.resolved;
  const time = dailyLocalTime(file.date);
  const settings = snapshot.placeSettings(file.placeId, time, timeZone);
  if ((snapshot.placeCurrency(file.placeId, time, timeZone) ?? currency) !== file.currency)
    throw currencyMoved();
  const [position] = (await reservePositions(client, 1)) as [number];

  // 2. Registry: whoever inserts holds the day's lock until COMMIT; everybody else compares.
  const placeScope = deps.identity === 'place' ? file.placeId : '';
  const registered = { file, placeScope, position, referenceVersion: snapshot.version };
  const isFresh = await insertFile(client, { ...registered, version: encodeVersion(0), saleSeq: 1 });
  const current = isFresh ? undefined : await lockFile(client, file, placeScope);
  const applied = current === undefined ? undefined : await readApplied(client, current);
  const verdict = await decide(client, applied, file, sender.replace);
  const replacements =
    current === undefined ? 0 : Number(current.version) + (verdict === 'corrected' ? 1 : 0);
  const version = encodeVersion(replacements);
  const body = staging.wholeBody();
  const row: JournalRow = {
    position,
    arrival: { ...arrivalOf(sender, file.receivedAtMs, body), sale: dailySale(file, version) },
    verdict,
    problems: undefined,
    contributions: undefined,
    saleSeq: undefined,
    referenceVersion: undefined,
    keepBody: verdict !== 'duplicate' && body !== undefined,
  };
  if (verdict === 'duplicate' || verdict === 'conflict')
    return await writeUncounted(client, deps, staging, file, row);

  // 3. The products, which stand in rows already where there are many, are tied to the journal row.
  const documentId = await staging.attach(client, position, file);
  // 4. Journal: exactly what was put in for the day is taken out, and the new file put in.
  const fresh = dailyContribution(file, documentId, settings);
  const signed = applied === undefined ? [fresh] : [negated(applied), fresh];
  row.saleSeq = (current?.saleSeq ?? 0) + 1;
  row.referenceVersion = snapshot.version;
  row.contributions = contributionsText(signed);
  await appendRows(client, deps.epoch, [row]);
  if (current !== undefined) await updateFile(client, { ...registered, version, saleSeq: row.saleSeq });
  // 5. Names last, as every load does; those of a large file follow after COMMIT.
  await client.query('insert into ops.place (place_id) values ($1) on conflict do nothing', [file.placeId]);
  if (!staging.isStaged())
    await nameProducts(client, { documentId, date: file.date, products: file.products });
  // 6. Its report, with the job that writes it.
  const report = await deps.reports?.ask(client, { ...file, position });
  return { verdict, position, documentId, seenBefore: false, report };
}

/** Byte-equal or value-equal files are one; another of the same day corrects only where that was asked for. */
async function decide(
  client: Client,
  applied: Contribution | undefined,
  file: DailyFile,
  replace: boolean,
): Promise<Written['verdict']> {
  if (applied === undefined) return 'accepted';
  if (await isSameFile(client, applied.lines!, file)) return 'duplicate';
  return replace ? 'corrected' : 'conflict';
}

/** What counts for the day now. */
async function readApplied(client: Client, current: Current): Promise<Contribution> {
  const { journalPosition } = current;
  const rows = await readAppliedRows(client, [current], () => false);
  const contribution = rows.get(journalPosition)?.contribution;
  if (contribution === undefined || contribution === null)
    throw new Error(`journal row ${journalPosition} of a registered daily file is missing or counts nothing`);
  return contribution;
}

async function writeUncounted(
  client: Client,
  { epoch, reports }: DailyStoreDeps,
  staging: Staging,
  file: DailyFile,
  row: JournalRow,
): Promise<Written> {
  const { position } = row;
  if (row.verdict === 'duplicate') {
    await appendRows(client, epoch, [row]);
    const report = await reports?.find(client, file.placeId, file.date);
    return { verdict: 'duplicate', position, documentId: undefined, seenBefore: false, report };
  }
  row.problems = JSON.stringify([conflictOf(file)]);
  row.fingerprint = fingerprintOf(row.arrival, file.contentHash, 'conflict');
  await appendTroubles(client, epoch, [row]);
  const seenBefore = row.position !== position;
  if (!seenBefore) await staging.attachBody(client, position);
  return { verdict: 'conflict', position: row.position, documentId: undefined, seenBefore };
}

async function writeRefused(
  client: Client,
  epoch: number,
  sender: DailySender,
  refused: RefusedFile,
): Promise<number> {
  const { placeId, date, problems, head, receivedAtMs } = refused;
  const arrival: Incoming = {
    ...arrivalOf(sender, receivedAtMs, head),
    verdict: 'rejected',
    problems,
    ...(placeId === undefined ? {} : { placeId }),
    ...(placeId === undefined || date === undefined ? {} : { sourceId: dailySaleId(placeId, date) }),
  };
  const row: JournalRow = {
    position: (await reservePositions(client, 1))[0]!,
    arrival,
    verdict: 'rejected',
    problems: JSON.stringify(problems),
    contributions: undefined,
    saleSeq: undefined,
    referenceVersion: undefined,
    keepBody: true,
    fingerprint: fingerprintOf(arrival, refused.contentHash, 'rejected'),
  };
  await appendTroubles(client, epoch, [row]);
  return row.position;
}

function arrivalOf(sender: DailySender, receivedAtMs: number, body: Buffer | undefined): Arrival {
  return {
    source: 'daily',
    receivedAtMs,
    contentType: sender.contentType,
    body: body ?? Buffer.alloc(0),
    resolved: { ...sender.resolved, replace: sender.replace },
    ...(sender.tokenId === undefined ? {} : { tokenId: sender.tokenId }),
    ...(sender.boundPlaceId === undefined ? {} : { boundPlaceId: sender.boundPlaceId }),
  };
}

/** By the whole content: two files may begin with the same 4 KiB. */
function fingerprintOf(arrival: Arrival, contentHash: Buffer, verdict: string): Buffer {
  const sent = `${verdict}\ndaily\n${arrival.boundPlaceId ?? ''}\n${arrival.resolved.placeId}\n`;
  return sha256(Buffer.concat([Buffer.from(sent), contentHash]));
}

function conflictOf({ placeId, date }: DailyFile) {
  const message = `another file of ${date} at ${placeId} was first; send it with ?replace=true to correct that`;
  return { pointer: '', code: 'conflict', message };
}

function overloaded(): CodedError {
  return new CodedError('overloaded', 'the marts are behind the journal; nothing was stored, send it again', {
    retryAfterSeconds: 2,
  });
}

function currencyMoved(): CodedError {
  return new CodedError(
    'overloaded',
    'the currency of the place was changed during the upload; nothing was stored, send it again',
    { retryAfterSeconds: 1 },
  );
}
