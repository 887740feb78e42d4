import type { Clock } from '../base/clock.ts';
import { type Client, type Database, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import type { Reference } from '../reference/reference.ts';
import { type FiguresQuery, type FiguresRow, figuresStatement } from '../warehouse/query-figures.ts';
import { alignedKey, type Base, baseOf } from './compare.ts';
import { encodeCursor, type SalesRequest } from './sales-request.ts';
import {
  changePercent,
  type Figures,
  figuresOf,
  type Names,
  receiptsAddUp,
  type SalesRow,
  shapeRow,
} from './sales-rows.ts';

export type AnalyticsDeps = { pool: Database; reference: Reference; config: Config; clock: Clock };

export type SalesAnswer = {
  granularity: string;
  group_by: readonly string[];
  from: string;
  to: string;
  compare?: { kind: string; from: string; to: string; cut_at: string | null; same_places?: string[] };
  rows: SalesRow[];
  next_cursor: string | null;
};

/** A comparison is put together in memory, so it is kept to a size that fits. */
const maximumComparedRows = 100_000;

async function read(client: Pick<Client, 'query'>, query: FiguresQuery): Promise<FiguresRow[]> {
  const { rows } = await client.query(figuresStatement(query));
  return rows.map((row) => ({ ...row, period: row.bucket ?? null, hour_at: row.hour_at ?? null }));
}

/** `/api/analytics/sales`: exact, in one snapshot, comparison included. */
export async function answerSales(deps: AnalyticsDeps, request: SalesRequest): Promise<SalesAnswer> {
  const { query } = request;
  const head = { granularity: query.granularity, group_by: query.groupBy, from: query.from, to: query.to };
  const zoneOf = zonesOf(deps, query);
  if (request.compare === undefined) {
    const rows = await read(deps.pool, { ...query, limit: request.limit + 1, offset: request.offset });
    const page = rows.slice(0, request.limit);
    const names = await readNames(deps.pool, page);
    const next = rows.length > request.limit ? encodeCursor(request.offset + request.limit) : null;
    return { ...head, rows: page.map((row) => shapeRow(row, query, names, zoneOf)), next_cursor: next };
  }
  const base = baseOf(query, request.compare, nowAt(deps, query));
  const { now, before, places } = await readBoth(deps.pool, request, base);
  const merged = mergeRows(now, before, query, base);
  const page = merged.slice(request.offset, request.offset + request.limit);
  const names = await readNames(
    deps.pool,
    page.map((pair) => pair.row),
  );
  const next =
    merged.length > request.offset + request.limit ? encodeCursor(request.offset + request.limit) : null;
  const rows = page.map(({ row, previous }): SalesRow => {
    const shaped = shapeRow(row, query, names, zoneOf);
    return { ...shaped, previous, change_percent: changePercent(shaped, previous) };
  });
  const compare = {
    kind: request.compare,
    from: base.query.from,
    to: base.query.to,
    cut_at: base.cutAt ?? null,
    ...(places === undefined ? {} : { same_places: places }),
  };
  return { ...head, compare, rows, next_cursor: next };
}

type Both = { now: FiguresRow[]; before: FiguresRow[]; places: string[] | undefined };

function readBoth(pool: Database, request: SalesRequest, base: Base): Promise<Both> {
  return inTransaction(
    pool,
    async (client) => {
      // Taken before the snapshot, so that a swap of the marts cannot fall between the two queries.
      await client.query('lock table cdm.generation in access share mode');
      let limited: { places?: string[] } = {};
      if (request.samePlaces) limited = { places: await placesInBoth(client, request.query, base.query) };
      const now = await read(client, { ...request.query, ...limited, limit: maximumComparedRows + 1 });
      const before = await read(client, { ...base.query, ...limited, limit: maximumComparedRows + 1 });
      if (now.length > maximumComparedRows || before.length > maximumComparedRows) {
        throw new CodedError(
          'not_answerable',
          `the comparison has over ${maximumComparedRows} rows; narrow it`,
          { members: { can_be_asked: ['fewer groups, or a shorter period'] } },
        );
      }
      return { now, before, places: limited.places };
    },
    'begin isolation level repeatable read read only',
  );
}

async function placesInBoth(
  client: Pick<Client, 'query'>,
  now: FiguresQuery,
  before: FiguresQuery,
): Promise<string[]> {
  const open = async (query: FiguresQuery) => {
    const { order: _order, cut: _cut, ...rest } = query;
    const rows = await read(client, { ...rest, granularity: 'total', groupBy: ['place'] });
    return new Set(rows.map((row) => row.place_id!));
  };
  const earlier = await open(before);
  return [...(await open(now))].filter((place) => earlier.has(place)).sort();
}

type Pair = { row: FiguresRow; previous: Figures | null };

function addRow(sum: FiguresRow, row: FiguresRow): FiguresRow {
  const added = { ...sum };
  for (const name of [
    'sales',
    'refunds',
    'discounts',
    'receipts',
    'refund_receipts',
    'units',
    'nds',
    'tips',
  ] as const)
    added[name] += row[name];
  return added;
}

/** Rows of the period asked for in their order, then those that only the base period has. */
function mergeRows(now: FiguresRow[], before: FiguresRow[], query: FiguresQuery, base: Base): Pair[] {
  const addUp = receiptsAddUp(query);
  const bases = new Map<string, FiguresRow>();
  for (const row of before) {
    const key = alignedKey(row, query, base.shift);
    const known = bases.get(key);
    bases.set(key, known === undefined ? row : addRow(known, row));
  }
  const pairs = now.map((row): Pair => {
    const key = alignedKey(row, query, undefined);
    const previous = bases.get(key);
    bases.delete(key);
    return { row, previous: previous === undefined ? null : figuresOf(previous, query, addUp) };
  });
  for (const [key, row] of bases) {
    const period = JSON.parse(key)[1] as string | number | null;
    const moved = typeof period === 'number' ? { hour_at: new Date(period) } : { period };
    const empty = {
      sales: 0,
      refunds: 0,
      discounts: 0,
      receipts: 0,
      refund_receipts: 0,
      units: 0,
      nds: 0,
      tips: 0,
    };
    pairs.push({ row: { ...row, ...moved, ...empty }, previous: figuresOf(row, query, addUp) });
  }
  return pairs;
}

/** Hours are shown in the zone of their place, of the one place asked for, or the configured one. */
function zonesOf(deps: AnalyticsDeps, query: FiguresQuery): (placeId: string | undefined) => string {
  const snapshot = deps.reference.current();
  const time = { local: `${query.to}T12:00:00` };
  const one = query.places?.length === 1 ? query.places[0] : undefined;
  const zones = new Map<string, string>();
  return (placeId) => {
    const place = placeId ?? one;
    if (place === undefined) return deps.config.defaultTimeZone;
    let zone = zones.get(place);
    if (zone === undefined) {
      zone = snapshot.placeSettings(place, time, deps.config.defaultTimeZone).timeZone;
      zones.set(place, zone);
    }
    return zone;
  };
}

function nowAt(deps: AnalyticsDeps, query: FiguresQuery) {
  const epochMs = deps.clock.nowMs();
  const time = { local: new Date(epochMs).toISOString().slice(0, 19), offset: 'Z' };
  const place = query.places?.length === 1 ? query.places[0]! : '';
  const settings = deps.reference.current().placeSettings(place, time, deps.config.defaultTimeZone);
  return { epochMs, zone: settings.timeZone, businessDayStart: settings.businessDayStart };
}

async function readNames(pool: Database, rows: readonly FiguresRow[]): Promise<Names> {
  const ids = (key: 'place_id' | 'product_id') => [
    ...new Set(rows.flatMap((row) => (row[key] === undefined ? [] : [row[key]]))),
  ];
  const find = async (kind: 'place' | 'product', list: string[]) => {
    if (list.length === 0) return new Map<string, string>();
    const found = await pool.query<{ id: string; name: string }>({
      name: `names-${kind}`,
      text: `select ${kind}_id as id, ${kind}_name as name from ops.${kind} where ${kind}_id = any($1) and ${kind}_name is not null`,
      values: [list],
    });
    return new Map(found.rows.map((row) => [row.id, row.name]));
  };
  return { places: await find('place', ids('place_id')), products: await find('product', ids('product_id')) };
}
