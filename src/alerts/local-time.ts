import { offsetMsAt } from '../base/time.ts';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
const weekMs = 7 * dayMs;
export const slotMs = 5 * minuteMs;

const quarterMs = 15 * minuteMs;
const rememberedQuarters = 100_000;
const offsets = new Map<string, Map<number, number>>();

/** A preview asks for the same quarters of an hour a million times. */
export function zoneOffsetMs(zone: string, ms: number): number {
  let known = offsets.get(zone);
  if (known === undefined || known.size > rememberedQuarters) {
    known = new Map();
    offsets.set(zone, known);
  }
  const quarter = Math.floor(ms / quarterMs);
  let offset = known.get(quarter);
  if (offset === undefined) {
    offset = offsetMsAt(zone, ms);
    known.set(quarter, offset);
  }
  return offset;
}

/** Where the last of the whole pieces of a length ends, by the wall clock of a zone. */
export function floorLocal(ms: number, zone: string, stepMs: number, shiftMs = 0): number {
  const offset = zoneOffsetMs(zone, ms);
  const floored = Math.floor((ms + offset - shiftMs) / stepMs) * stepMs + shiftMs - offset;
  // A day with a clock change in it begins under the other offset.
  const off = offset - zoneOffsetMs(zone, floored);
  return stepMs > hourMs ? floored + off : floored;
}

/** The same wall clock so many weeks ago: an hour more or less than their sum where the clocks changed. */
export function weeksBefore(ms: number, zone: string, weeks: number): number {
  const before = ms - weeks * weekMs;
  return before + zoneOffsetMs(zone, ms) - zoneOffsetMs(zone, before);
}

/** Sales of the last minute may still be on their way. */
const graceMs = minuteMs;

/** The end of the last five minutes that can be judged at a time. */
export function judgedUpTo(nowMs: number): number {
  return Math.floor((nowMs - graceMs) / slotMs) * slotMs;
}

/**
 * The window of what is told at once: up to now, which lies less than five minutes and the grace after the end that
 * is judged. It reaches back from that end, so what comes after the last look at these five minutes is in the next.
 */
export function windowUpToNow(
  rule: { window_minutes: number },
  atMs: number,
): readonly [fromMs: number, toMs: number] {
  return [atMs - rule.window_minutes * minuteMs, atMs + slotMs + graceMs];
}

/** Every end of five minutes after one time, up to and with another. */
export function slotEnds(afterMs: number, toMs: number): number[] {
  const ends: number[] = [];
  for (let at = Math.floor(afterMs / slotMs) * slotMs + slotMs; at <= toMs; at += slotMs) ends.push(at);
  return ends;
}
