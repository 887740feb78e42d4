import type { Queryable } from '../base/db.ts';
import { type FigureName, wholeFigures } from './query-figures.ts';

/** Where the fold stood when something was read; another generation means that a rebuild swapped the marts. */
export type FoldPoint = { generation: number; epoch: number; xid: string; position: number };

export type Touched = {
  now: FoldPoint;
  /** Places whose marts changed since; undefined where there is too much to look through, or nothing to go on from. */
  places: readonly string[] | undefined;
};

/** Of more rows than these it is cheaper to read the day of every place than to look whom they are about. */
const mostRows = 2_000;

// Three subqueries each, since a row of parameters and subqueries is what the index on the order can be searched by.
const cursor = (column: string) => `(select ${column} from point)`;
const readTouched = `
  with generation as materialized (select max(generation) as number from cdm.generation),
  point as materialized (select epoch, xid, position from cdm.cursor where follower = 'fold'),
  folded as materialized (
    select contributions from stg.journal
    where contributions is not null and (epoch, xid, position) > ($1::integer, $2::xid8, $3::bigint)
      and (epoch, xid, position) <= (${cursor('epoch')}, ${cursor('xid')}, ${cursor('position')})
    order by epoch, xid, position
    limit ${mostRows}
  )
  select g.number as generation, p.epoch, p.xid::text as xid, p.position,
    (select count(*) from folded) < ${mostRows} as complete,
    array(select distinct e->>'place' from folded cross join lateral jsonb_array_elements(contributions) as e) as places
  from generation as g cross join point as p`;

/** Which places the fold has brought something for since a point, in one look at the journal's index. */
export async function readTouchedPlaces(client: Queryable, since: FoldPoint | undefined): Promise<Touched> {
  const { rows } = await client.query<FoldPoint & { complete: boolean; places: string[] }>({
    name: 'read-touched-places',
    text: readTouched,
    // Without a point to start from nothing is looked through.
    values: since === undefined ? [2 ** 31 - 1, '0', 0] : [since.epoch, since.xid, since.position],
  });
  const { complete, places, ...now } = rows[0]!;
  const follows = since !== undefined && since.generation === now.generation && complete;
  return { now, places: follows ? places : undefined };
}

/** The figures of a place's business date in one currency, in minor units and thousandths; no period without sales. */
export type DayFigures = { place_id: string; place_name: string } & (
  | ({ period: string; currency: string } & Record<FigureName, number>)
  | { period: null }
);

const sums = wholeFigures.map((figure) => `sum(t.${figure})::bigint as ${figure}`).join(', ');
// Place by place, so that the work is that of these places' hours whatever else the marts hold.
const readDays = `
  with generation as materialized (select max(generation) as number from cdm.generation)
  select p.place_id, coalesce(p.place_name, p.place_id) as place_name, f.*
  from ops.place as p
  left join lateral (
    select t.period, t.currency, ${sums} from cdm.sales_hour as t
    where t.place_id = p.place_id and t.period = any($2::date[]) and t.source = any($3::text[])
    group by t.period, t.currency
  ) as f on true
  where (select number from generation) is not null and ($1::text[] is null or p.place_id = any($1))`;

/**
 * The running figures of business dates as the fold has them, for the places named or all of them: one row a date
 * and currency, and one without figures for a place that sold nothing. The tail is not in it: who reads again and
 * again reads less this way, and has it a moment later.
 */
export async function readDayFigures(
  client: Queryable,
  asked: { places: readonly string[] | undefined; dates: readonly string[]; sources: readonly string[] },
): Promise<DayFigures[]> {
  const { rows } = await client.query<DayFigures>({
    name: 'read-day-figures',
    text: readDays,
    values: [asked.places ?? null, asked.dates, asked.sources],
  });
  return rows;
}
