import type { Database } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { type Change, type PlaceHistory, placeHistoryOf, valueFor, zoneFor } from './place-history.ts';
import type { Reference, ReferenceSnapshot } from './reference.ts';

// One statement, so that the version and the changes are of one snapshot: a change that commits meanwhile is
// in neither. All changes of each place that changed since the version in $1.
const readChanges = `
  select state.version as newest, c.id, c.version, to_char(c.since, 'YYYY-MM-DD"T"HH24:MI:SS') as since, c.fields
  from ops.reference_state as state
  left join (
    select id, version, since, fields from ops.reference_change
    where kind = 'place' and id in (select id from ops.reference_change where kind = 'place' and version > $1)
  ) as c on true
  order by c.id, c.version`;

type ChangeRow = Change & { newest: number; id: string | null };

export const defaultBusinessDayStart = '00:00';

/** The reference history in memory; a snapshot is immutable, a refresh reads only what changed. */
export function createReference(deps: { pool: Database; log: Log }): Reference {
  let places = new Map<string, PlaceHistory>();
  let current = snapshotOf(0, () => undefined);
  let reading: Promise<ReferenceSnapshot> | undefined;
  let following: Promise<ReferenceSnapshot> | undefined;

  async function read(): Promise<ReferenceSnapshot> {
    const { rows } = await deps.pool.query<ChangeRow>({ text: readChanges, values: [current.version] });
    const version = rows[0]!.newest;
    if (version === current.version) return current;
    const next = new Map(places);
    for (const [id, changes] of Map.groupBy(rows, (row) => row.id))
      if (id !== null) next.set(id, placeHistoryOf(changes));
    places = next;
    current = snapshotOf(version, (placeId) => next.get(placeId));
    return current;
  }

  function start(): Promise<ReferenceSnapshot> {
    reading = read().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  return {
    current: () => current,
    refresh() {
      if (reading === undefined) return start();
      // The read that is under way may have begun before the change that the caller knows of.
      following ??= reading
        .catch(() => undefined)
        .then(() => {
          following = undefined;
          return start();
        });
      return following;
    },
  };
}

function snapshotOf(
  version: number,
  historyOf: (placeId: string) => PlaceHistory | undefined,
): ReferenceSnapshot {
  return {
    version,
    placeSettings(placeId, time, defaultTimeZone) {
      const place = historyOf(placeId);
      if (place === undefined)
        return { timeZone: defaultTimeZone, businessDayStart: defaultBusinessDayStart };
      return {
        timeZone: zoneFor(place.timeZone, time, defaultTimeZone),
        businessDayStart:
          valueFor(place.businessDayStart, place.timeZone, time, defaultTimeZone) ?? defaultBusinessDayStart,
      };
    },
    placeCurrency(placeId, time, defaultTimeZone) {
      const place = historyOf(placeId);
      return place === undefined
        ? undefined
        : valueFor(place.currency, place.timeZone, time, defaultTimeZone);
    },
  };
}

/**
 * The whole history, as it stood at any version: sales are computed as they were computed then. A snapshot
 * costs nothing until a place is asked for, and places share what did not change between versions.
 */
export async function readPastReference(
  client: Pick<Database, 'query'>,
): Promise<(version: number) => ReferenceSnapshot> {
  const { rows } = await client.query<ChangeRow>({ text: readChanges, values: [0] });
  const changesOf = Map.groupBy(
    rows.filter((row) => row.id !== null),
    (row) => row.id,
  );
  const histories = new Map<Change, PlaceHistory>();
  return (version) =>
    snapshotOf(version, (placeId) => {
      const changes = changesOf.get(placeId);
      const last = changes?.findLast((change) => change.version <= version);
      if (changes === undefined || last === undefined) return undefined;
      let history = histories.get(last);
      if (history === undefined) {
        history = placeHistoryOf(changes.filter((change) => change.version <= version));
        histories.set(last, history);
      }
      return history;
    });
}
