import { type Client, type Database, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { FiguresRow } from '../warehouse/query-figures.ts';
import { type PlaceSummary, readPlaceNames, summariesOf } from './place-summary.ts';

export type SnapshotQuery = {
  at: Date;
  from: string;
  to: string;
  sources: readonly string[];
  places?: readonly string[];
};

const wholeFigures = ['sales', 'refunds', 'discounts', 'receipts', 'refund_receipts', 'units', 'nds', 'tips'];
/** In the order in which they stand in the array of a category. */
const lineFigures = ['sales', 'refunds', 'receipts', 'refund_receipts', 'units'];

const findRun = `
  select taken_at from cdm.snapshot where finished_at is not null and taken_at <= $1::timestamptz
  order by taken_at desc limit 1`;
const findOldest = 'select min(taken_at) as taken_at from cdm.snapshot where finished_at is not null';

/** The newest snapshot at or before a moment. Error `not_answerable` where that was before the oldest. */
export async function findSnapshot(client: Pick<Client, 'query'>, at: Date): Promise<Date> {
  const { rows } = await client.query<{ taken_at: Date }>({ text: findRun, values: [at] });
  if (rows[0] !== undefined) return rows[0].taken_at;
  const oldest = (await client.query<{ taken_at: Date | null }>(findOldest)).rows[0]!.taken_at;
  const message =
    oldest === null
      ? 'no snapshot was taken yet; the first comes with the next full hour after the first sale'
      : `the oldest snapshot that is kept is of ${oldest.toISOString()}; ask for a later time`;
  throw new CodedError('not_answerable', message, {
    members: {
      can_be_asked: [
        oldest === null ? 'the figures of now, without at' : `at from ${oldest.toISOString()} on`,
      ],
    },
  });
}

/** The newest figures of each day at or before the run, source by source. $1 the run. */
const newestSources = `
  with newest as materialized (
    select distinct on (place_id, business_date, currency) place_id, currency, figures
    from cdm.analytics_snapshot
    where taken_at <= $1 and business_date between $2::date and $3::date
      and ($5::text[] is null or place_id = any($5))
    order by place_id, business_date, currency, taken_at desc
  ),
  sources as (
    select n.place_id, n.currency, s.value as figures from newest as n cross join lateral jsonb_each(n.figures) as s
    where s.key = any($4::text[])
  )`;

const nonZero = (figures: readonly string[]) => figures.map((figure) => `sum(${figure}) <> 0`).join(' or ');

const sumWhole = `
  ${newestSources}
  select s.place_id, s.currency, ${wholeFigures.map((figure) => `sum(${figure})::bigint as ${figure}`).join(', ')}
  from sources as s
  cross join lateral jsonb_to_record(s.figures) as f(${wholeFigures.map((figure) => `${figure} bigint`).join(', ')})
  group by 1, 2
  having ${nonZero(wholeFigures)}
  order by s.place_id collate "C", s.currency collate "C"`;

const sumCategories = `
  ${newestSources}
  select place_id, category, currency, ${lineFigures.map((figure) => `sum(${figure})::bigint as ${figure}`).join(', ')}
  from (
    select s.place_id, s.currency, c.key as category,
      ${lineFigures.map((figure, index) => `(c.value->>${index})::bigint as ${figure}`).join(', ')}
    from sources as s cross join lateral jsonb_each(s.figures->'categories') as c
  ) as lines
  group by 1, 2, 3
  having ${nonZero(lineFigures)}
  order by place_id collate "C", category collate "C", currency collate "C"`;

/** What `summarizePlaces` answered at the newest snapshot at or before `at`; places go by today's names. */
export async function summarizeSnapshot(
  pool: Database,
  query: SnapshotQuery,
): Promise<{ takenAt: Date; results: PlaceSummary[] }> {
  return await inTransaction(
    pool,
    async (client) => {
      const takenAt = await findSnapshot(client, query.at);
      const values = [takenAt, query.from, query.to, query.sources, query.places ?? null];
      const whole = (await client.query<FiguresRow>({ text: sumWhole, values })).rows;
      const categories = (await client.query<FiguresRow>({ text: sumCategories, values })).rows;
      return { takenAt, results: summariesOf(whole, categories, await readPlaceNames(client, whole)) };
    },
    'begin isolation level repeatable read read only',
  );
}
