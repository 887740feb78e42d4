import { type CheckedRule, type RuleFamily, ruleFamily } from './alert-rule.ts';
import { dayMs, floorLocal, hourMs, minuteMs, weeksBefore, zoneOffsetMs } from './local-time.ts';
import type { PlaceFacts } from './place-facts.ts';
import type { Span } from './segments.ts';

export type Wall = Pick<PlaceFacts, 'zone' | 'dayStartMinutes'>;

/** The windows of one judgement; those of products in business dates, as the marts have them. */
export type FigureWindows = {
  current: Span;
  /** The same one, two, … weeks ago. */
  past: Span[];
  /** The hours of the clock in which each of those begins and ends: a place that sells in neither is closed. */
  pastHeads: Span[];
  pastTails: Span[];
  /** The window as instants. */
  shown: Span;
};

const weekMinutes = 7 * 24 * 60;

/** Up to when a rule of a family has whole windows at a time. */
export function windowEnd(family: RuleFamily, { zone, dayStartMinutes }: Wall, atMs: number): number {
  if (family === 'whole') return atMs;
  if (family === 'category') return floorLocal(atMs, zone, hourMs);
  // The running business date, as UTC midnight: the window ends before it.
  const local = atMs + zoneOffsetMs(zone, atMs) - dayStartMinutes * minuteMs;
  return Math.floor(local / dayMs) * dayMs;
}

/** The instant at which a business date begins, given as UTC midnight. */
function dateBegins(dateMs: number, { zone, dayStartMinutes }: Wall): number {
  const local = dateMs + dayStartMinutes * minuteMs;
  return local - zoneOffsetMs(zone, local - zoneOffsetMs(zone, local));
}

export function figureWindows(
  rule: Pick<CheckedRule, 'product_id' | 'category' | 'window_minutes' | 'weeks'>,
  wall: Wall,
  end: number,
): FigureWindows {
  const family = ruleFamily(rule);
  const lengthMs = rule.window_minutes * minuteMs;
  const back = (ms: number, weeks: number) =>
    family === 'product' ? ms - weeks * 7 * dayMs : weeksBefore(ms, wall.zone, weeks);
  const from = end - lengthMs;
  const hourOf = (ms: number): Span => {
    const begins = floorLocal(ms, wall.zone, hourMs);
    return [begins, begins + hourMs];
  };
  const weeks =
    rule.window_minutes > weekMinutes ? [] : Array.from({ length: rule.weeks }, (_, index) => index + 1);
  const span = (of: Span) => weeks.map((week) => [back(of[0], week), back(of[1], week)] as const);
  return {
    current: [from, end],
    past: span([from, end]),
    pastHeads: family === 'product' ? [] : span(hourOf(from)),
    pastTails: family === 'product' ? [] : span(hourOf(end - 1)),
    shown: family === 'product' ? [dateBegins(from, wall), dateBegins(end, wall)] : [from, end],
  };
}
