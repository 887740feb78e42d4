import { dayMs, floorLocal, minuteMs, weeksBefore } from './local-time.ts';
import type { PlaceFacts } from './place-facts.ts';
import type { NeededSpans, Segments, Span } from './segments.ts';
import { median } from './statistics.ts';

/** With fewer usual receipts a place says nothing about the day. */
const leastUsual = 3;
/** Below this part of the usual a day is a quiet one. */
const quietBelow = 0.75;

function daySpans(place: PlaceFacts, [fromMs, toMs]: Span, weeks: number): { today: Span; past: Span[] } {
  const start = floorLocal(toMs - 1, place.zone, dayMs, place.dayStartMinutes * minuteMs);
  const today: Span = [Math.min(start, fromMs), toMs];
  const past = Array.from({ length: weeks }, (_, index) => {
    const back = (ms: number) => weeksBefore(ms, place.zone, index + 1);
    return [back(today[0]), back(today[1])] as const;
  });
  return { today, past };
}

export function needQuietDay(
  needed: NeededSpans,
  places: readonly PlaceFacts[],
  window: Span,
  weeks: number,
): void {
  const done = new Set<string>();
  for (const place of places) {
    const key = `${place.zone} ${place.dayStartMinutes}`;
    if (done.has(key)) continue;
    done.add(key);
    const { today, past } = daySpans(place, window, weeks);
    for (const span of [today, ...past]) needed.add(span);
  }
}

/**
 * How quiet a day is for everybody: for each place the median of what the other places sold of their usual receipts
 * from the beginning of the business day to the end of the window, 1 on an ordinary day. On a holiday the others are
 * as quiet as the place itself; where one till is dead, or all die in the middle of a day, they are not. A place
 * without others to compare with has only ordinary days.
 */
export function quietFactors(
  segments: Segments,
  places: readonly PlaceFacts[],
  window: Span,
  { weeks, firstMsOf }: { weeks: number; firstMsOf: (place: PlaceFacts) => number | undefined },
): (placeId: string) => number {
  const parts = new Map<string, number>();
  for (const place of places) {
    const { today, past } = daySpans(place, window, weeks);
    const firstMs = firstMsOf(place) ?? Number.POSITIVE_INFINITY;
    const known = past.filter(([from]) => from >= firstMs);
    const usual = median(known.map((span) => segments.receipts(place.placeId, null, span)));
    if (usual >= leastUsual)
      parts.set(place.placeId, Math.min(1, segments.receipts(place.placeId, null, today) / usual));
  }
  const sorted = [...parts.values()].sort((a, b) => a - b);
  return (placeId) => {
    const own = parts.get(placeId);
    const others = sorted.length - (own === undefined ? 0 : 1);
    if (others === 0) return 1;
    // The upper middle, with the place itself taken out of the order.
    let middle = others >> 1;
    if (own !== undefined && middle >= sorted.indexOf(own)) middle++;
    const factor = sorted[middle]!;
    return factor < quietBelow ? factor : 1;
  };
}
