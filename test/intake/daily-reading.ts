import { type DailyOptions, loadDailyFile } from '../../src/intake/load-daily-file.ts';
import type { DailyFile, DailyLine, DailyOutcome, RefusedFile } from '../../src/sales/daily-file.ts';
import { snapshotOf } from './parsing.ts';

export type ReadDaily = {
  outcome: DailyOutcome;
  file: DailyFile | undefined;
  refused: RefusedFile | undefined;
  lines: DailyLine[];
  bytes: Buffer;
};

/** The time at which every file here arrives. */
export const arrivedAtMs = Date.parse('2024-06-15T12:00:00Z');

/** A file through the reader into a store that only remembers; in pieces of `pieceBytes`. */
export async function readDaily(
  body: string | Buffer,
  options: Partial<DailyOptions> & {
    pieceBytes?: number;
    maximumBytes?: number;
    places?: Parameters<typeof snapshotOf>[0];
    productIdScope?: 'chain' | 'place';
  } = {},
): Promise<ReadDaily> {
  const whole = Buffer.from(body as string);
  const { pieceBytes = whole.length || 1, places, maximumBytes, productIdScope, ...more } = options;
  const read: ReadDaily = {
    outcome: undefined as never,
    file: undefined,
    refused: undefined,
    lines: [],
    bytes: Buffer.alloc(0),
  };
  async function* pieces() {
    for (let from = 0; from < whole.length; from += pieceBytes) yield whole.subarray(from, from + pieceBytes);
  }
  const current = snapshotOf(places);
  read.outcome = await loadDailyFile(
    {
      store: {
        begin: () => ({
          addBytes: async (bytes) => {
            read.bytes = Buffer.concat([read.bytes, bytes]);
          },
          addLines: async (lines) => void read.lines.push(...lines),
          load: async (file) => {
            read.file = file;
            return {
              verdict: 'accepted',
              position: '1',
              placeId: file.placeId,
              date: file.date,
              problems: [],
            };
          },
          refuse: async (refused) => {
            read.refused = refused;
            return { verdict: 'rejected', position: '1', ...refused };
          },
          discard: async () => {},
        }),
      },
      reference: { current: () => current, refresh: async () => current },
      config: {
        maximumFutureHours: 48,
        minimumDate: '2000-01-01',
        productIdScope: productIdScope ?? 'chain',
        intakeTimeoutMs: 1000,
      },
      clock: { nowMs: () => arrivedAtMs },
      ...(maximumBytes === undefined ? {} : { maximumBytes }),
    },
    pieces(),
    {
      contentType: 'application/xml',
      resolved: { placeId: 'unknown', currency: 'RUB', timeZone: 'UTC' },
      replace: false,
      ...more,
    },
  );
  return read;
}

/** One product with changes; a field that is undefined is left out. */
export function productOf(changes: Record<string, string | undefined> = {}): string {
  const fields: Record<string, string | undefined> = {
    id: '1',
    name: 'Product A',
    quantity: '100',
    price: '1500.00',
    category: 'Electronics',
    ...changes,
  };
  const inside = Object.entries(fields).flatMap(([name, text]) =>
    text === undefined ? [] : [`<${name}>${text}</${name}>`],
  );
  return `<product>${inside.join('')}</product>`;
}

export function fileOf(products: string, attributes = 'date="2024-01-01"'): string {
  return `<sales_data ${attributes}><products>${products}</products></sales_data>`;
}

/** `line pointer code` of each problem. */
export function problemsOf({ outcome }: ReadDaily): string[] {
  return outcome.problems.map(({ line, pointer, code }) => `${line ?? '-'} ${pointer} ${code}`);
}
