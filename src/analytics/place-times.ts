import type { Queryable } from '../base/db.ts';
import { localTimeAt, resolveTime } from '../base/time.ts';
import type { ReferenceSnapshot } from '../reference/reference.ts';
import type { FiguresQuery } from '../warehouse/query-figures.ts';

/** The wall clock of a place at this moment, and the business day it is on. */
export type PlaceNow = { zone: string; businessDayStart: string; local: string; today: string };

const listPlaces = `
  select place_id from ops.place
  where ($1::text[] is null or place_id = any($1)) and ($2::text[] is null or groups && $2)
  order by place_id`;

/** The zones of the places that a query is about. */
export class PlaceTimes {
  readonly placeIds: readonly string[];
  private readonly snapshot: ReferenceSnapshot;
  private readonly defaultTimeZone: string;
  private readonly sharedZone: string | undefined;

  constructor(
    placeIds: readonly string[],
    snapshot: ReferenceSnapshot,
    defaultTimeZone: string,
    range: { from: string; to: string },
  ) {
    this.placeIds = placeIds;
    this.snapshot = snapshot;
    this.defaultTimeZone = defaultTimeZone;
    const zones = new Set<string>();
    for (const date of [range.from, range.to])
      for (const placeId of placeIds)
        zones.add(snapshot.placeSettings(placeId, { local: `${date}T12:00:00` }, defaultTimeZone).timeZone);
    this.sharedZone = zones.size === 1 ? [...zones][0] : undefined;
  }

  /** The zone in which an hour is shown: that of its place, else the one all places share, else the configured one. */
  zoneAt(placeId: string | undefined, epochMs: number): string {
    const place = placeId ?? (this.placeIds.length === 1 ? this.placeIds[0] : undefined);
    if (place !== undefined) return this.settings(place, epochMs).timeZone;
    return this.sharedZone ?? this.defaultTimeZone;
  }

  /** An unknown place has the configured defaults. */
  nowAt(placeId: string, epochMs: number): PlaceNow {
    const { timeZone: zone, businessDayStart } = this.settings(placeId, epochMs);
    const local = localTimeAt(epochMs, zone).slice(0, 19);
    const today = resolveTime({ local }, zone, businessDayStart).businessDate;
    return { zone, businessDayStart, local, today };
  }

  private settings(placeId: string, epochMs: number) {
    const time = { local: new Date(epochMs).toISOString().slice(0, 19), offset: 'Z' };
    return this.snapshot.placeSettings(placeId, time, this.defaultTimeZone);
  }
}

/** Looks up which places a query is about. */
export async function readPlaceTimes(
  client: Queryable,
  query: FiguresQuery,
  snapshot: ReferenceSnapshot,
  defaultTimeZone: string,
): Promise<PlaceTimes> {
  const { rows } = await client.query<{ place_id: string }>({
    name: 'list-places',
    text: listPlaces,
    values: [query.places ?? null, query.groups ?? null],
  });
  return new PlaceTimes(
    rows.map((row) => row.place_id),
    snapshot,
    defaultTimeZone,
    query,
  );
}
