import type { CheckedRule } from './alert-rule.ts';
import { type Judgement, targetOf } from './judgement.ts';
import { floorLocal, hourMs, minuteMs, weeksBefore } from './local-time.ts';
import type { PlaceFacts } from './place-facts.ts';
import type { NeededSpans, Segments, Span } from './segments.ts';
import { median } from './statistics.ts';

const leastWeeks = 3;
/** So many usual receipts have to be missing: by chance that happens once in 160,000 windows. */
const leastMissing = 12;
/** A silence is looked at in these multiples of the rule's window, up to a day. */
const multiples = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48];
const longestMs = 24 * hourMs;

type SilenceWindows = {
  /** The rule's window, and ever longer ones up to the same moment. */
  spans: { current: Span; past: Span[] }[];
  /** The hour of the clock, in past weeks: the place is open if it usually sells in it. */
  pastHours: Span[];
};

function silenceWindows(rule: CheckedRule, zone: string, atMs: number): SilenceWindows {
  const weeks = Array.from({ length: rule.weeks }, (_, index) => index + 1);
  const past = ([from, to]: Span) =>
    weeks.map((week) => [weeksBefore(from, zone, week), weeksBefore(to, zone, week)] as const);
  const lengths = multiples.map((times) => times * rule.window_minutes * minuteMs);
  const spans = lengths
    .filter((length, index) => index === 0 || length <= longestMs)
    .map((length) => {
      const current = [atMs - length, atMs] as const;
      return { current, past: past(current) };
    });
  const hour = floorLocal(atMs - 1, zone, hourMs);
  return { spans, pastHours: past([hour, hour + hourMs]) };
}

export function needSilence(
  needed: NeededSpans,
  rule: CheckedRule,
  places: readonly PlaceFacts[],
  atMs: number,
): void {
  for (const zone of new Set(places.map((place) => place.zone))) {
    const { spans, pastHours } = silenceWindows(rule, zone, atMs);
    for (const { current, past } of spans) for (const span of [current, ...past]) needed.add(span);
    for (const span of pastHours) needed.add(span);
  }
}

/**
 * Whether a place that usually sells has fallen silent, by what arrived. It is, once nothing has come for the rule's
 * window at least and for so long that a dozen receipts of past weeks are missing; on a quiet day for longer. Out of
 * the hours in which it usually sells nothing is said, so what fires then goes on.
 */
export function judgeSilence(
  rule: CheckedRule,
  asked: { segments: Segments; place: PlaceFacts; atMs: number; quiet: number; watchedSinceMs: number },
): Judgement {
  const { segments, place, atMs, quiet } = asked;
  const { spans, pastHours } = silenceWindows(rule, place.zone, atMs);
  const arrived = (span: Span) => segments.receipts(place.placeId, null, span);
  const firstMs = place.firstArrivalMs ?? Number.POSITIVE_INFINITY;
  const known = spans[0]!.past.filter(([from]) => from >= firstMs).length;
  const usual = (past: readonly Span[]) => median(past.slice(0, known).map(arrived)) * quiet;
  const said = (span: Span, isOver: boolean | undefined, baseline: number | null): Judgement => ({
    ...{ target: targetOf(place.placeId), placeId: place.placeId, currency: null, atMs, isOver },
    ...{ value: arrived(spans[0]!.current), baseline, lower: null, upper: null },
    ...{ windowFromMs: span[0], windowToMs: span[1] },
  });
  const own = spans[0]!;
  if (known < leastWeeks) return said(own.current, undefined, null);
  if (arrived(own.current) > 0) return said(own.current, false, usual(own.past));
  const openWeeks = pastHours.slice(0, known).filter((span) => arrived(span) > 0).length;
  if (openWeeks * 2 < known) return said(own.current, undefined, usual(own.past));
  for (const { current, past } of spans) {
    if (arrived(current) > 0 || current[0] < asked.watchedSinceMs) break;
    const missing = usual(past);
    if (missing >= leastMissing) return said(current, true, missing);
  }
  return said(own.current, undefined, usual(own.past));
}
