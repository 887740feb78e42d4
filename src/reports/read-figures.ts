import { type Database, inTransaction, type Queryable } from '../base/db.ts';
import { addDays, epochDay } from '../base/time.ts';
import { type FiguresQuery, type FiguresRow, figuresStatement } from '../warehouse/query-figures.ts';
import type { Basis } from './report-facts.ts';

/** Sums in minor units and thousandths, as the marts hold them. */
export type Sums = Pick<FiguresRow, 'sales' | 'refunds' | 'discounts' | 'receipts' | 'units' | 'currency'>;
export type DaySums = Sums & { date: string };
export type ProductSums = Sums & { productId: string };
export type CategorySums = Sums & { category: string };

/** Everything that facts are made of, read in one snapshot. */
export type ReportFigures = {
  basis: Basis;
  /** Of the period and of the days before it that it is compared with. */
  days: DaySums[];
  byMoney: ProductSums[];
  byUnits: ProductSums[];
  categories: CategorySums[];
  /** Of single days alone: each day's sales of what is much sold, that day and usually. */
  productDays: (DaySums & ProductSums)[];
  /** Products whose days those are. */
  watched: string[];
  productNames: ReadonlyMap<string, string>;
  placeName: string | undefined;
};

export type FiguresPeriod = {
  from: string;
  to: string;
  placeId: string | undefined;
  basis: Basis | undefined;
};

/** As far back as a weekday is looked at. */
export const historyWeeks = 8;
/** As far back as a product is looked at. */
export const productDays = 28;
const topProducts = 10;
/** With several currencies the top of each is found among so many. */
const topOfCurrencies = 1_000;
const watchedProducts = 30;
const maximumCategories = 1_000;

const sourcesOf: Record<Basis, readonly string[]> = {
  itemised: ['receipt', 'transaction', 'order'],
  declared: ['daily'],
};

const selectNames = `
  select product_id as id, product_name as name from ops.product
  where product_id = any($1::text[]) and product_name is not null`;
const selectPlaceName = 'select place_name as name from ops.place where place_id = $1';

/** The first day that a period is compared with: eight weeks, or whole weeks as long as the period itself. */
function historyStart(from: string, to: string): string {
  const weeks = Math.ceil((epochDay(to) - epochDay(from) + 1) / 7);
  return addDays(from, -7 * Math.max(historyWeeks, weeks));
}

/** Bounded work: the sums of days, tops of products and categories, never single sales. */
export async function readReportFigures(pool: Database, period: FiguresPeriod): Promise<ReportFigures> {
  return await inTransaction(
    pool,
    async (client) => await readAll(client, period),
    'begin isolation level repeatable read read only',
  );
}

async function readAll(client: Queryable, period: FiguresPeriod): Promise<ReportFigures> {
  const { from, to, placeId } = period;
  const { basis, days } = await readDays(client, period);
  const common = {
    sources: sourcesOf[basis],
    ...(placeId === undefined ? {} : { places: [placeId] }),
  };
  const whole = { ...common, granularity: 'total', from, to } as const;
  const inPeriod = days.filter(({ date }) => date >= from);
  const currencies = new Set(inPeriod.map(({ currency }) => currency)).size;
  const limit = currencies > 1 ? topOfCurrencies : topProducts;
  const topBy = async (column: string) =>
    await readProducts(client, {
      ...whole,
      groupBy: ['product'],
      order: [{ column, descending: true }],
      limit,
    });
  const byMoney = await topBy('net');
  const byUnits = await topBy('units');
  const categories = await read(client, {
    ...whole,
    groupBy: ['category'],
    order: [{ column: 'net', descending: true }],
    limit: maximumCategories,
  });
  const { watched, productDays: rows } =
    from === to ? await readWatched(client, common, from, byUnits) : { watched: [], productDays: [] };
  const productNames = await readNames(client, [...byMoney, ...byUnits], watched);
  return {
    ...{ basis, days, byMoney, byUnits, watched, productDays: rows, productNames },
    categories: categories.map((row) => ({ ...row, category: row.category! })),
    placeName: placeId === undefined ? undefined : await readPlaceName(client, placeId),
  };
}

/** Where it is not said which figures are meant, single sales go first. */
async function readDays(client: Queryable, { from, to, placeId, basis }: FiguresPeriod) {
  const ask = async (one: Basis) => {
    const rows = await read(client, {
      granularity: 'day',
      groupBy: [],
      from: historyStart(from, to),
      to,
      sources: sourcesOf[one],
      ...(placeId === undefined ? {} : { places: [placeId] }),
    });
    return { basis: one, days: rows.map((row) => ({ ...row, date: row.period! })) };
  };
  const first = await ask(basis ?? 'itemised');
  if (basis !== undefined || first.days.some(({ date }) => date >= from)) return first;
  const declared = await ask('declared');
  return declared.days.some(({ date }) => date >= from) ? declared : first;
}

/** What sold most that day and in the weeks before, day by day: a best-seller that is missing counts too. */
async function readWatched(
  client: Queryable,
  common: Pick<FiguresQuery, 'sources' | 'places'>,
  date: string,
  sold: readonly ProductSums[],
) {
  const from = addDays(date, -productDays);
  const usual = await readProducts(client, {
    ...common,
    ...{ granularity: 'total', groupBy: ['product'], from, to: addDays(date, -1) },
    order: [{ column: 'units', descending: true }],
    limit: watchedProducts,
  });
  const watched = [...new Set([...sold, ...usual].map(({ productId }) => productId))];
  if (watched.length === 0) return { watched, productDays: [] };
  const rows = await readProducts(client, {
    ...common,
    ...{ granularity: 'day', groupBy: ['product'], from, to: date, products: watched },
  });
  return { watched, productDays: rows.map((row) => ({ ...row, date: row.period! })) };
}

async function read(client: Queryable, query: FiguresQuery): Promise<FiguresRow[]> {
  return (await client.query<FiguresRow>(figuresStatement(query))).rows;
}

async function readProducts(client: Queryable, query: FiguresQuery) {
  const rows = await read(client, query);
  return rows.map((row) => ({ ...row, productId: row.product_id! }));
}

async function readNames(
  client: Queryable,
  rows: readonly ProductSums[],
  watched: readonly string[],
): Promise<Map<string, string>> {
  const ids = [...new Set([...rows.map(({ productId }) => productId), ...watched])];
  const found = await client.query<{ id: string; name: string }>({ text: selectNames, values: [ids] });
  return new Map(found.rows.map(({ id, name }) => [id, name]));
}

async function readPlaceName(client: Queryable, placeId: string): Promise<string | undefined> {
  const { rows } = await client.query<{ name: string | null }>({ text: selectPlaceName, values: [placeId] });
  return rows[0]?.name ?? undefined;
}
