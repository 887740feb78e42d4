import type { Problem } from '../base/errors.ts';
import { currencyDigits } from '../base/money.ts';
import { type LocalTime, parseTimestamp, type ResolvedTime, resolveTime } from '../base/time.ts';
import type { Contribution, PlaceSettings } from './contribution.ts';
import type { Resolved, Sale } from './sale.ts';

export const maximumFileBytes = 256 * 1024 * 1024;
export const maximumProducts = 1_000_000;
/** Of the sum of a file: far below what a double holds exactly. */
export const maximumTotalMinor = 10 ** 15;

/** A daily file names no way of payment. */
const paymentMethod = 'unknown';
const dailyFormat = 2;

/** A problem of a file also tells the line of the file, counted from 1. */
export type DailyProblem = Problem & { line?: number };

/** One product of a file. Quantity in thousandths, price and amount in minor units of the file's currency. */
export type DailyLine = {
  /** Its place in the file, from 1. */
  number: number;
  productId: string;
  name: string;
  category: string;
  quantityMilli: number;
  priceMinor: number;
  amountMinor: number;
};

/** Who sent a file, and what was settled when it came. */
export type DailySender = {
  contentType: string;
  resolved: Resolved;
  tokenId?: string;
  /** The place the token is bound to. */
  boundPlaceId?: string;
  /** A file of the same place and date is corrected instead of refused. */
  replace: boolean;
};

/** A whole file that was read without a problem; its products are with the upload. */
export type DailyFile = {
  placeId: string;
  date: string;
  /** What its amounts were read in. */
  currency: string;
  products: number;
  totalMinor: number;
  unitsMilli: number;
  /** Of the bytes, and of the parsed values: two spellings of one content have one canonical hash. */
  contentHash: Buffer;
  canonicalHash: Buffer;
  receivedAtMs: number;
};

/** A file that is not taken, with what is known of it. */
export type RefusedFile = {
  placeId: string | undefined;
  date: string | undefined;
  problems: DailyProblem[];
  /** Its first 4 KiB. */
  head: Buffer;
  contentHash: Buffer;
  receivedAtMs: number;
};

export type DailyVerdict = 'accepted' | 'corrected' | 'duplicate' | 'conflict' | 'rejected';

/** What became of a file. `position` is the journal row, as text since it is 64 bits wide. */
export type DailyOutcome = {
  verdict: DailyVerdict;
  position: string;
  placeId: string | undefined;
  date: string | undefined;
  problems: DailyProblem[];
  /** What was asked to be written about it; a resend is told of that again. */
  report?: { reportId: number; jobId: string | null };
};

/**
 * Takes one file piece by piece, so that neither side ever holds it whole. Each promise holds the reader
 * back; ends with exactly one of `load`, `refuse` and `discard`.
 */
export type DailyUpload = {
  addBytes(bytes: Buffer): Promise<void>;
  addLines(lines: DailyLine[]): Promise<void>;
  /** `deadlineMs` (epoch) bounds how long it waits where the marts are behind: `overloaded` after it. */
  load(file: DailyFile, deadlineMs: number): Promise<DailyOutcome>;
  refuse(file: RefusedFile): Promise<DailyOutcome>;
  discard(): Promise<void>;
};

/** Where daily files go; in either mode straight into PostgreSQL. */
export type DailyStore = { begin(sender: DailySender): DailyUpload };

export function dailySaleId(placeId: string, date: string): string {
  return `${placeId}/${date}`;
}

/** Whether a text is a day of the calendar, `2024-01-31`. */
export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && parseTimestamp(`${text}T00:00:00`) !== null;
}

/** The local time by which a file's settings are looked up: it tells a day, so when that begins. */
export function dailyLocalTime(date: string): LocalTime {
  return { local: `${date}T00:00:00` };
}

/** When the business day of a file begins at its place. */
export function dailyTime(date: string, settings: PlaceSettings): ResolvedTime {
  const { timeZone, businessDayStart } = settings;
  return resolveTime({ local: `${date}T${businessDayStart}:00` }, timeZone, businessDayStart);
}

/** The file as one closed sale; its lines are too many to stand in it. */
export function dailySale(file: DailyFile, version: string): Sale {
  return {
    source: 'daily',
    sourceId: dailySaleId(file.placeId, file.date),
    version,
    status: 'closed',
    kind: 'sale',
    placeId: file.placeId,
    time: dailyLocalTime(file.date),
    currency: file.currency,
    paymentMethod,
    totalMinor: file.totalMinor,
    ndsMinor: 0,
    tipsMinor: 0,
    discountMinor: 0,
    lines: [],
    flags: [],
  };
}

/** What a file adds to the marts; its products stand in `stg.daily_line` under `documentId`. */
export function dailyContribution(
  file: DailyFile,
  documentId: number,
  settings: PlaceSettings,
): Contribution {
  return {
    f: dailyFormat,
    sign: 1,
    refund: 0,
    place: file.placeId,
    ...dayMembers(file.date, settings),
    got: Math.floor(file.receivedAtMs / 1000),
    source: 'daily',
    payment: paymentMethod,
    currency: file.currency,
    total: file.totalMinor,
    nds: 0,
    tips: 0,
    discount: 0,
    categories: [],
    products: [],
    lines: documentId,
    count: file.products,
    units: file.unitsMilli,
  };
}

/**
 * The same file under other settings of its place, without reading its products again. Undefined where its
 * amounts would have to be read again: in a currency with another number of decimals.
 */
export function movedContribution(
  applied: Contribution,
  settings: PlaceSettings,
  currency: string,
): Contribution | undefined {
  if (currencyDigits(currency) !== currencyDigits(applied.currency)) return undefined;
  return { ...applied, ...dayMembers(applied.date, settings), currency };
}

function dayMembers(date: string, settings: PlaceSettings): Pick<Contribution, 'date' | 'hour' | 'at'> {
  const time = dailyTime(date, settings);
  return { date, hour: Math.floor(time.hourMs / 1000), at: Math.floor(time.epochMs / 1000) };
}
