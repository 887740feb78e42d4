import { type LocalTime, localTimeAt, zonedInstantMs } from '../base/time.ts';

/** One row of `ops.reference_change`: `since` is a local date-time, null since the beginning. */
export type Change = { version: number; since: string | null; fields: Record<string, unknown> };

type Entry<T> = { since: string; version: number; value: T };
/** One field's values in the order of the times from which they hold; the first holds since the beginning. */
export type Timeline<T> = Entry<T>[];

const beginning = '';

/** Later versions replace earlier ones of the same `since`; the first real value holds since the beginning. */
export function timelineOf<T>(changes: readonly Change[], field: string): Timeline<T> {
  const bySince = new Map<string, Entry<T>>();
  let first = true;
  for (const change of changes.toSorted((a, b) => a.version - b.version)) {
    const value = change.fields[field] as T | undefined;
    if (value === undefined) continue;
    const since = first || change.since === null ? beginning : change.since;
    first = false;
    bySince.set(since, { since, version: change.version, value });
  }
  return [...bySince.values()].sort((a, b) => (a.since < b.since ? -1 : 1));
}

/** The value at a local time as written. */
export function valueAt<T>(timeline: Timeline<T>, local: string): T | undefined {
  let found: T | undefined;
  for (const entry of timeline) {
    if (entry.since > local) break;
    found = entry.value;
  }
  return found;
}

/**
 * The zone of a place for a sale. A sale with an offset has no local time before its zone is known: it is
 * put into the zone held before each change in turn.
 */
export function zoneAt(timeline: Timeline<string>, time: LocalTime, defaultZone: string): string {
  if (time.offset === undefined) return valueAt(timeline, time.local) ?? defaultZone;
  const epochMs = zonedInstantMs(time);
  let zone = defaultZone;
  for (const entry of timeline) {
    if (entry.since !== beginning && localTimeAt(epochMs, zone) < entry.since) break;
    zone = entry.value;
  }
  return zone;
}
