import { type Static, Type } from 'typebox';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import type { Reference } from './reference.ts';

export const placeExample = {
  place_id: 'unique_place_id1',
  place_name: 'Store ABCE',
  time_zone: 'Europe/Moscow',
  currency: 'RUB',
  business_day_start: '00:00',
  groups: ['north'],
};

export const Place = Type.Object(
  {
    place_id: Type.String(),
    place_name: Type.String(),
    time_zone: Type.String(),
    currency: Type.String(),
    business_day_start: Type.String(),
    groups: Type.Array(Type.String()),
  },
  { examples: [placeExample] },
);
export type Place = Static<typeof Place>;

const select = `
  select place_id, coalesce(place_name, place_id) as place_name, groups from ops.place
  where ($1::text is null or place_id = $1) and ($2::text is null or place_id > $2)
  order by place_id limit $3`;

/** Places by id, with the settings that hold at this moment. */
export async function readPlaces(
  deps: { pool: Database; reference: Reference; clock: Clock },
  defaults: { timeZone: string; currency: string },
  page: { limit: number; after?: string; placeId?: string },
): Promise<Place[]> {
  const { rows } = await deps.pool.query({
    name: 'read-places',
    text: select,
    values: [page.placeId ?? null, page.after ?? null, page.limit],
  });
  const snapshot = await deps.reference.refresh();
  const now = { local: new Date(deps.clock.nowMs()).toISOString().slice(0, 19), offset: 'Z' };
  return rows.map((row) => {
    const settings = snapshot.placeSettings(row.place_id, now, defaults.timeZone);
    return {
      place_id: row.place_id,
      place_name: row.place_name,
      time_zone: settings.timeZone,
      currency: snapshot.placeCurrency(row.place_id, now, defaults.timeZone) ?? defaults.currency,
      business_day_start: settings.businessDayStart,
      groups: row.groups,
    };
  });
}
