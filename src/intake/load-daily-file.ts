import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { blamesDocument } from '../base/db.ts';
import type { Config } from '../config.ts';
import type { Reference } from '../reference/reference.ts';
import {
  type DailyOutcome,
  type DailyProblem,
  type DailySender,
  type DailyStore,
  type DailyUpload,
  maximumFileBytes,
} from '../sales/daily-file.ts';
import { DailyReading } from './daily-reading.ts';
import { RefusedXml } from './refused-xml.ts';
import { keptHeadBytes } from './split.ts';
import { createXmlDecoder } from './xml-encoding.ts';

export type DailyDeps = {
  store: DailyStore;
  reference: Reference;
  config: Pick<Config, 'maximumFutureHours' | 'minimumDate' | 'productIdScope' | 'intakeTimeoutMs'>;
  clock: Clock;
  /** Of a file with gzip undone; 256 MiB where not given. */
  maximumBytes?: number;
};

export type DailyOptions = DailySender & {
  /** Of the request, where the file declares no encoding. */
  charset?: string;
};

/** What is read of a chunk at once, so that a large one is not held decoded as a whole. */
const sliceBytes = 64 * 1024;

/**
 * Loads one daily file from its bytes, gzip undone, holding only a few thousand products whatever its size.
 * Nothing of a file with a problem is stored but its journal row: verdict `rejected` with the problems, each
 * named by product and line. Fails, having stored nothing, where the input or the database does.
 */
export async function loadDailyFile(
  deps: DailyDeps,
  input: AsyncIterable<Buffer>,
  options: DailyOptions,
): Promise<DailyOutcome> {
  const upload = deps.store.begin(options);
  const { config, clock } = deps;
  const reading = new DailyReading({ current: deps.reference.current(), config, clock }, options);
  const bytes = createBytes();
  try {
    const limit = deps.maximumBytes ?? maximumFileBytes;
    await readFile(upload, reading, bytes, input, { limit, charset: options.charset });
    if (!reading.hasProblems())
      return await upload.load(reading.file(bytes.digest()), clock.nowMs() + deps.config.intakeTimeoutMs);
    return await refuse(upload, reading, bytes, reading.allProblems(), clock);
  } catch (error) {
    const problems = problemsOf(error, reading);
    if (problems !== undefined) return await refuse(upload, reading, bytes, problems, clock);
    // What cannot be removed now, for want of a database, is swept later.
    await upload.discard().catch(() => {});
    throw error;
  }
}

/** The problems of a file that cannot be read to its end, or undefined where the file is not at fault. */
function problemsOf(error: unknown, reading: DailyReading): DailyProblem[] | undefined {
  if (error instanceof RefusedXml) return reading.allProblems(error);
  if (!blamesDocument(error)) return undefined;
  const message = `the database refuses this file: ${(error as Error).message}`;
  return [{ pointer: '', code: 'refused_by_database', message }];
}

type Bytes = ReturnType<typeof createBytes>;

/** What is kept of the bytes themselves: how many, their hash, and the first of them. */
function createBytes() {
  const hash = createHash('sha256');
  let head = Buffer.alloc(0);
  let size = 0;
  let digest: Buffer | undefined;
  return {
    digest(): Buffer {
      digest ??= hash.digest();
      return digest;
    },
    head: () => head,
    size: () => size,
    add(bytes: Buffer): void {
      if (head.length < keptHeadBytes)
        head = Buffer.concat([head, bytes.subarray(0, keptHeadBytes - head.length)]);
      size += bytes.length;
      hash.update(bytes);
    },
  };
}

async function readFile(
  upload: DailyUpload,
  reading: DailyReading,
  bytes: Bytes,
  input: AsyncIterable<Buffer>,
  { limit, charset }: { limit: number; charset: string | undefined },
): Promise<void> {
  const decoder = createXmlDecoder(charset);
  for await (const chunk of input) {
    for (let from = 0; from < chunk.length; from += sliceBytes) {
      // A copy, since a stream may use its buffer again while this one waits to be stored.
      const slice = Buffer.from(chunk.subarray(from, from + sliceBytes));
      bytes.add(slice);
      if (bytes.size() > limit) throw tooLarge(bytes.size(), limit, reading);
      reading.write(decoder.decode(slice));
      // From the first problem on, the rest is only read to name the others.
      if (reading.hasProblems()) continue;
      await upload.addBytes(slice);
      await upload.addLines(reading.takeLines());
    }
  }
  reading.write(decoder.end());
  reading.end();
  if (!reading.hasProblems()) await upload.addLines(reading.takeLines());
}

function tooLarge(size: number, limit: number, reading: DailyReading): RefusedXml {
  const message = `${size} bytes or more, over the limit of ${limit}`;
  return new RefusedXml('body_too_large', message, reading.line());
}

async function refuse(
  upload: DailyUpload,
  reading: DailyReading,
  bytes: Bytes,
  problems: DailyProblem[],
  clock: Clock,
): Promise<DailyOutcome> {
  return await upload.refuse({
    placeId: reading.placeId,
    date: reading.date,
    problems,
    head: bytes.head(),
    contentHash: bytes.digest(),
    receivedAtMs: clock.nowMs(),
  });
}
