import type { Queryable } from '../base/db.ts';
import { type FigureName, wholeFigures } from '../warehouse/query-figures.ts';
import {
  type SegmentFamily,
  type SegmentRow,
  type SegmentsQuery,
  segmentsStatement,
} from '../warehouse/query-segments.ts';

export type Figures = Record<FigureName, number>;
/** In milliseconds since the epoch, the end not included; of products both are UTC midnights of business dates. */
export type Span = readonly [fromMs: number, toMs: number];

/** Single sales only: declared totals of daily files would count twice. */
const itemised = ['receipt', 'transaction', 'order'];

/** The windows that are going to be asked for: gathered first, then read by one statement. */
export class NeededSpans {
  private readonly ends = new Map<number, number>();
  private readonly cuts = new Set<number>();

  add([from, to]: Span): void {
    this.cuts.add(from).add(to);
    this.ends.set(from, Math.max(this.ends.get(from) ?? 0, to));
  }

  get isEmpty(): boolean {
    return this.cuts.size === 0;
  }

  cutsMs(): number[] {
    return [...this.cuts].sort((a, b) => a - b);
  }

  /** Without gaps or overlaps between them. */
  ranges(): Span[] {
    const merged: [number, number][] = [];
    for (const [from, to] of [...this.ends].sort((a, b) => a[0] - b[0])) {
      const last = merged.at(-1);
      if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
      else merged.push([from, to]);
    }
    return merged;
  }
}

type Key = { placeId: string; currency: string; item: string | null };
type Series = Key & { prefix: Float64Array[] };

const keyOf = ({ placeId, currency, item }: Key) => `${placeId}\0${currency}\0${item ?? ''}`;

/** Sums over any of the spans that were needed, by differences of running sums: exact, since all are whole numbers. */
export class Segments {
  private readonly index = new Map<number, number>();
  private readonly series = new Map<string, Series>();
  private readonly byPlace = new Map<string, Series[]>();

  constructor(cutsMs: readonly number[], rows: readonly SegmentRow[]) {
    for (const [index, cut] of cutsMs.entries()) this.index.set(cut, index);
    for (const row of rows) this.put(row, cutsMs.length);
    for (const { prefix } of this.series.values())
      for (const sums of prefix)
        for (let index = 1; index < sums.length; index++) sums[index]! += sums[index - 1]!;
  }

  private put(row: SegmentRow, length: number): void {
    const key = { placeId: row.place_id, currency: row.currency, item: row.item };
    let series = this.series.get(keyOf(key));
    if (series === undefined) {
      series = { ...key, prefix: wholeFigures.map(() => new Float64Array(length)) };
      this.series.set(keyOf(key), series);
      const place = this.byPlace.get(key.placeId);
      if (place === undefined) this.byPlace.set(key.placeId, [series]);
      else place.push(series);
    }
    // What lies before cut n is everything up to it; a segment's figures count from its end on.
    for (const [index, figure] of wholeFigures.entries())
      if (row.segment < length) series.prefix[index]![row.segment]! += row[figure];
  }

  /** Currencies in which a place has figures anywhere in what was read. */
  currencies(placeId: string, item: string | null): string[] {
    return (this.byPlace.get(placeId) ?? [])
      .filter((one) => one.item === item)
      .map(({ currency }) => currency);
  }

  private at(ms: number): number {
    const index = this.index.get(ms);
    if (index === undefined) throw new Error(`${new Date(ms).toISOString()} was not among the needed spans`);
    return index;
  }

  figures(key: Key, [from, to]: Span): Figures {
    const [first, last] = [this.at(from), this.at(to)];
    const figures: Figures = { ...none };
    const prefix = this.series.get(keyOf(key))?.prefix;
    if (prefix === undefined) return figures;
    for (const [index, figure] of wholeFigures.entries())
      figures[figure] = prefix[index]![last]! - prefix[index]![first]!;
    return figures;
  }

  /** Receipts and refund receipts of a place, whatever their currency. */
  receipts(placeId: string, item: string | null, [from, to]: Span): number {
    const [first, last] = [this.at(from), this.at(to)];
    let count = 0;
    for (const { item: own, prefix } of this.byPlace.get(placeId) ?? []) {
      if (own !== item) continue;
      for (const sums of [prefix[receiptsAt]!, prefix[refundReceiptsAt]!])
        count += sums[last]! - sums[first]!;
    }
    return count;
  }
}

const none: Figures = {
  ...{ sales: 0, refunds: 0, discounts: 0, receipts: 0, refund_receipts: 0, units: 0, nds: 0, tips: 0 },
};
const receiptsAt = wholeFigures.indexOf('receipts');
const refundReceiptsAt = wholeFigures.indexOf('refund_receipts');

export async function readSegments(
  client: Queryable,
  needed: NeededSpans,
  asked: { family: SegmentFamily; byArrival: boolean } & Pick<SegmentsQuery, 'places' | 'items'>,
): Promise<Segments> {
  const cutsMs = needed.cutsMs();
  if (needed.isEmpty) return new Segments([], []);
  const { text, values } = segmentsStatement({
    ...asked,
    cutsMs,
    ranges: needed.ranges(),
    sources: itemised,
  });
  const name = `alert-segments-${asked.family}-${asked.byArrival}`;
  const { rows } = await client.query<SegmentRow>({ name, text, values });
  return new Segments(cutsMs, rows);
}
