import type { Database } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { menuHistoryOf, productHistoryOf } from './catalogue-history.ts';
import { type Change, placeHistoryOf, type Timeline, valueFor, zoneFor } from './place-history.ts';
import type { Reference, ReferenceSnapshot } from './reference.ts';

/** What decides where a sale counts, by kind and id; users have names only. */
const builders = {
  place: placeHistoryOf,
  product: productHistoryOf,
  restaurant: menuHistoryOf,
};
type Kind = keyof typeof builders;
/** Finds the history of one thing; undefined where nothing was ever set. */
type Lookup = { [K in Kind]: (id: string) => ReturnType<(typeof builders)[K]> | undefined };

// One statement, so that the version and the changes are of one snapshot: a change that commits meanwhile is
// in neither. All changes of each thing that changed since the version in $1.
const readChanges = `
  select state.version as newest, c.kind, c.id, c.version, to_char(c.since, 'YYYY-MM-DD"T"HH24:MI:SS') as since, c.fields
  from ops.reference_state as state
  left join (
    select kind, id, version, since, fields from ops.reference_change
    where kind in ('place', 'product', 'restaurant')
      and (kind, id) in (select kind, id from ops.reference_change where version > $1)
  ) as c on true
  order by c.kind, c.id, c.version`;

type ChangeRow = Change & { newest: number; kind: Kind | null; id: string };

const defaultBusinessDayStart = '00:00';

const keyOf = (kind: string, id: string) => `${kind} ${id}`;

/** The reference history in memory; a snapshot is immutable, a refresh reads only what changed. */
export function createReference(deps: { pool: Database; log: Log }): Reference {
  let histories: Histories = { place: new Map(), product: new Map(), restaurant: new Map() };
  let current = snapshotOf(0, lookupIn(histories));
  let reading: Promise<ReferenceSnapshot> | undefined;
  let following: Promise<ReferenceSnapshot> | undefined;

  async function read(): Promise<ReferenceSnapshot> {
    const { rows } = await deps.pool.query<ChangeRow>({ text: readChanges, values: [current.version] });
    const version = rows[0]!.newest;
    if (version === current.version) return current;
    const { place, product, restaurant } = histories;
    const next = { place: new Map(place), product: new Map(product), restaurant: new Map(restaurant) };
    for (const changes of groupChanges(rows).values()) {
      const { kind, id } = changes[0]!;
      next[kind!].set(id, builders[kind!](changes));
    }
    histories = next;
    current = snapshotOf(version, lookupIn(next));
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

function groupChanges(rows: readonly ChangeRow[]): Map<string, ChangeRow[]> {
  const changes = rows.filter((row) => row.kind !== null);
  return Map.groupBy(changes, (row) => keyOf(row.kind!, row.id));
}

/** A map each: every line of every sale is looked up, and an id with its kind would be a new string each time. */
type Histories = Record<Kind, Map<string, unknown>>;

function lookupIn({ place, product, restaurant }: Histories): Lookup {
  return {
    place: (id: string) => place.get(id),
    product: (id: string) => product.get(id),
    restaurant: (id: string) => restaurant.get(id),
  } as Lookup;
}

function snapshotOf(version: number, lookup: Lookup): ReferenceSnapshot {
  return {
    version,
    placeSettings(placeId, time, defaultTimeZone) {
      const place = lookup.place(placeId);
      if (place === undefined)
        return { timeZone: defaultTimeZone, businessDayStart: defaultBusinessDayStart };
      return {
        timeZone: zoneFor(place.timeZone, time, defaultTimeZone),
        businessDayStart:
          valueFor(place.businessDayStart, place.timeZone, time, defaultTimeZone) ?? defaultBusinessDayStart,
      };
    },
    placeCurrency(placeId, time, defaultTimeZone) {
      const place = lookup.place(placeId);
      return place === undefined
        ? undefined
        : valueFor(place.currency, place.timeZone, time, defaultTimeZone);
    },
    productCategory(placeId, productId, time, defaultTimeZone) {
      const zones = lookup.place(placeId)?.timeZone ?? [];
      const held = (timeline: Timeline<string> | undefined) =>
        timeline === undefined ? undefined : valueFor(timeline, zones, time, defaultTimeZone);
      return held(lookup.restaurant(placeId)?.get(productId)) ?? held(lookup.product(productId));
    },
  };
}

/**
 * The whole history, as it stood at any version: sales are computed as they were computed then. A snapshot
 * costs nothing until something is asked for, and what did not change between versions is shared.
 */
export async function readPastReference(
  client: Pick<Database, 'query'>,
): Promise<(version: number) => ReferenceSnapshot> {
  const { rows } = await client.query<ChangeRow>({ text: readChanges, values: [0] });
  const changesOf = groupChanges(rows);
  const histories = new Map<Change, unknown>();
  const find = (version: number, kind: Kind) => (id: string) => {
    const changes = changesOf.get(keyOf(kind, id));
    const last = changes?.findLast((change) => change.version <= version);
    if (changes === undefined || last === undefined) return undefined;
    let history = histories.get(last);
    if (history === undefined) {
      history = builders[kind](changes.filter((change) => change.version <= version));
      histories.set(last, history);
    }
    return history;
  };
  return (version) =>
    snapshotOf(version, {
      place: find(version, 'place'),
      product: find(version, 'product'),
      restaurant: find(version, 'restaurant'),
    } as Lookup);
}
