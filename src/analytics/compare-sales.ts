import { type Database, inTransaction, type Queryable } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import {
  type FiguresQuery,
  type FiguresRow,
  type PositionValue,
  positionOf,
  wholeFigures,
} from '../warehouse/query-figures.ts';
import { alignedPeriod, type Base } from './compare.ts';
import { comparePositions } from './page-cursor.ts';
import type { PlaceTimes } from './place-times.ts';
import { type ReadFigures, readFigures } from './read-figures.ts';

/** A comparison is put together in memory, so it is kept to a size that fits. */
const maximumComparedRows = 100_000;

/** A row of the period asked for (zeros where only the base has one) and the base it is compared with. */
export type Pair = { row: FiguresRow; previous: FiguresRow | null; position: PositionValue[] };
export type Compared = { pairs: Pair[]; samePlaces: string[] | undefined };

/** Both periods in one snapshot, in the order asked for, all rows. 422 where there are too many. */
export function compareSales(
  pool: Database,
  statements: ReadFigures,
  asked: { query: FiguresQuery; base: Base; times: PlaceTimes; samePlaces: boolean },
): Promise<Compared> {
  const { base, times } = asked;
  return inTransaction(
    pool,
    async (client) => {
      // Taken before the snapshot, so that a swap of the marts cannot fall between the queries.
      await client.query('lock table cdm.generation in access share mode');
      const both = asked.samePlaces
        ? await placesInBoth(client, statements, asked.query, base.query)
        : undefined;
      const limited = {
        ...(both === undefined ? {} : { places: both }),
        limit: maximumComparedRows + 1,
      };
      const { after: _after, ...query } = asked.query;
      const now = await readFigures(client, statements, { ...query, ...limited });
      const before = await readFigures(client, statements, { ...base.query, ...limited });
      if (now.length > maximumComparedRows || before.length > maximumComparedRows) {
        throw new CodedError(
          'not_answerable',
          `the comparison has over ${maximumComparedRows} rows; narrow it`,
          { members: { can_be_asked: ['fewer groups, or a shorter period'] } },
        );
      }
      return { pairs: pairRows(now, before, query, base, times), samePlaces: both };
    },
    'begin isolation level repeatable read read only',
  );
}

/** A place is open in a period that has receipts of it, whatever products or payments are asked for. */
async function placesInBoth(
  client: Queryable,
  statements: ReadFigures,
  now: FiguresQuery,
  before: FiguresQuery,
): Promise<string[]> {
  const open = async (query: FiguresQuery) => {
    const { order: _o, after: _a, products: _p, categories: _c, paymentMethods: _m, ...rest } = query;
    const rows = await readFigures(client, statements, {
      ...rest,
      granularity: 'total',
      groupBy: ['place'],
    });
    return new Set(rows.filter((row) => row.receipts > 0).map((row) => row.place_id!));
  };
  const earlier = await open(before);
  return [...(await open(now))].filter((place) => earlier.has(place)).sort();
}

function keyOf(row: FiguresRow): string {
  const { hour_at, period, group, place_id, product_id, category, payment_method, source, currency } = row;
  const key = [hour_at?.getTime(), period, group, place_id, product_id, category, payment_method, source];
  return JSON.stringify([...key.map((value) => value ?? null), currency]);
}

const zeros = Object.fromEntries(wholeFigures.map((figure) => [figure, 0])) as Pick<
  FiguresRow,
  (typeof wholeFigures)[number]
>;

function pairRows(
  now: readonly FiguresRow[],
  before: readonly FiguresRow[],
  query: FiguresQuery,
  base: Base,
  times: PlaceTimes,
): Pair[] {
  const bases = new Map<string, FiguresRow>();
  for (const row of before) {
    const moved = { ...row, ...alignedPeriod(row, query, base.shift, times) };
    const key = keyOf(moved);
    const sum = bases.get(key);
    if (sum === undefined) bases.set(key, moved);
    else for (const figure of wholeFigures) sum[figure] += moved[figure];
  }
  const pairs = now.map((row): Pair => {
    const key = keyOf(row);
    const previous = bases.get(key) ?? null;
    bases.delete(key);
    return { row, previous, position: positionOf(row, query) };
  });
  for (const previous of bases.values()) {
    const row = { ...previous, ...zeros };
    pairs.push({ row, previous, position: positionOf(row, query) });
  }
  return pairs.sort((a, b) => comparePositions(a.position, b.position, query));
}
