import type { Database } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { type LocalTime, localTimeAt, zonedInstantMs } from '../base/time.ts';
import { type Change, type Timeline, timelineOf, valueAt, zoneAt } from './place-history.ts';
import type { Reference, ReferenceSnapshot } from './reference.ts';

type Place = {
  timeZone: Timeline<string>;
  businessDayStart: Timeline<string>;
  currency: Timeline<string>;
};

const readChanges = `
  select id, version, to_char(since, 'YYYY-MM-DD"T"HH24:MI:SS') as since, fields
  from ops.reference_change
  where kind = 'place' and id in (select id from ops.reference_change where kind = 'place' and version > $1)
  order by id, version`;

export const defaultBusinessDayStart = '00:00';

/** The reference history in memory; a snapshot is immutable, a refresh reads only what changed. */
export function createReference(deps: { pool: Database; log: Log }): Reference {
  let current = snapshotOf(0, new Map());
  let places = new Map<string, Place>();
  let refreshing: Promise<ReferenceSnapshot> | undefined;

  async function read(): Promise<ReferenceSnapshot> {
    // The version first: changes that commit in between are read again next time, never missed.
    const state = await deps.pool.query<{ version: number }>('select version from ops.reference_state');
    const { version } = state.rows[0]!;
    if (version === current.version) return current;
    const { rows } = await deps.pool.query<Change & { id: string }>({
      text: readChanges,
      values: [current.version],
    });
    const next = new Map(places);
    for (const [id, changes] of Map.groupBy(rows, (row) => row.id)) next.set(id, placeOf(changes));
    places = next;
    current = snapshotOf(version, next);
    return current;
  }

  return {
    current: () => current,
    refresh() {
      refreshing ??= read().finally(() => {
        refreshing = undefined;
      });
      return refreshing;
    },
  };
}

function placeOf(changes: readonly Change[]): Place {
  return {
    timeZone: timelineOf<string>(changes, 'time_zone'),
    businessDayStart: timelineOf<string>(changes, 'business_day_start'),
    currency: timelineOf<string>(changes, 'currency'),
  };
}

/** A snapshot of changes up to a version; also made directly where an older version is asked for. */
export function snapshotOf(version: number, places: ReadonlyMap<string, Place>): ReferenceSnapshot {
  const localOf = (place: Place, time: LocalTime, defaultTimeZone: string) =>
    time.offset === undefined
      ? time.local
      : localTimeAt(zonedInstantMs(time), zoneAt(place.timeZone, time, defaultTimeZone));
  return {
    version,
    placeSettings(placeId, time, defaultTimeZone) {
      const place = places.get(placeId);
      if (place === undefined)
        return { timeZone: defaultTimeZone, businessDayStart: defaultBusinessDayStart };
      return {
        timeZone: zoneAt(place.timeZone, time, defaultTimeZone),
        businessDayStart:
          valueAt(place.businessDayStart, localOf(place, time, defaultTimeZone)) ?? defaultBusinessDayStart,
      };
    },
    placeCurrency(placeId, time, defaultTimeZone) {
      const place = places.get(placeId);
      return place === undefined ? undefined : valueAt(place.currency, localOf(place, time, defaultTimeZone));
    },
  };
}

/** The whole history as of a version, e.g. to compute a sale as it was computed then. */
export async function readSnapshot(
  pool: Pick<Database, 'query'>,
  version: number,
): Promise<ReferenceSnapshot> {
  const { rows } = await pool.query<Change & { id: string }>({
    text: `select id, version, to_char(since, 'YYYY-MM-DD"T"HH24:MI:SS') as since, fields from ops.reference_change
      where kind = 'place' and version <= $1 order by id, version`,
    values: [version],
  });
  const places = new Map(
    [...Map.groupBy(rows, (row) => row.id)].map(([id, changes]) => [id, placeOf(changes)]),
  );
  return snapshotOf(version, places);
}
