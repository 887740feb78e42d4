import { type LocalTime, localTimeAt, zonedInstantMs } from '../base/time.ts';

/** One row of `ops.reference_change`: `since` is a local date-time, null since the beginning. */
export type Change = { version: number; since: string | null; fields: Record<string, unknown> };

type Entry<T> = { since: string; version: number; value: T };
/** One field's values in the order of the times from which they hold; the first holds since the beginning. */
export type Timeline<T> = Entry<T>[];

export type PlaceHistory = {
  timeZone: Timeline<string>;
  businessDayStart: Timeline<string>;
  currency: Timeline<string>;
};

/** Sorts before every local time. */
const beginning = '';

export function placeHistoryOf(changes: readonly Change[]): PlaceHistory {
  return {
    timeZone: timelineOf<string>(changes, 'time_zone'),
    businessDayStart: timelineOf<string>(changes, 'business_day_start'),
    currency: timelineOf<string>(changes, 'currency'),
  };
}

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

/** The value of a field for a sale; undefined where none was ever set. */
export function valueFor<T>(
  timeline: Timeline<T>,
  zones: Timeline<string>,
  time: LocalTime,
  defaultZone: string,
): T | undefined {
  const { offset } = time;
  const epochMs = offset === undefined ? 0 : zonedInstantMs(time);
  let found: T | undefined;
  for (const { since, value } of timeline) {
    if (since !== beginning) {
      const local = offset === undefined ? time.local : localBefore(zones, epochMs, since, defaultZone);
      if (local < since) break;
    }
    found = value;
  }
  return found;
}

/** The zone of a place for a sale. */
export function zoneFor(zones: Timeline<string>, time: LocalTime, defaultZone: string): string {
  return valueFor(zones, zones, time, defaultZone) ?? defaultZone;
}

/**
 * A sale with an offset has no local time before its zone is known: it is compared with a change in the
 * zone held before that change, so that all fields of one change hold from the same instant.
 */
function localBefore(zones: Timeline<string>, epochMs: number, since: string, defaultZone: string): string {
  let zone = defaultZone;
  for (const entry of zones) {
    if (entry.since >= since) break;
    if (entry.since !== beginning && localTimeAt(epochMs, zone) < entry.since) break;
    zone = entry.value;
  }
  return localTimeAt(epochMs, zone);
}
