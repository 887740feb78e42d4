import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import type { Reference } from '../reference/reference.ts';
import { type Cut, cutsByPulse, type FiguresRow, positionOf } from '../warehouse/query-figures.ts';
import { baseOf } from './compare.ts';
import { compareSales } from './compare-sales.ts';
import { comparePositions, encodeCursor } from './page-cursor.ts';
import { PlaceTimes, readPlaceTimes } from './place-times.ts';
import { type ReadFigures, readFigures } from './read-figures.ts';
import { earliest, latest } from './read-parameters.ts';
import type { SalesRequest } from './sales-request.ts';
import {
  changePercent,
  figuresOf,
  type Names,
  receiptsAddUp,
  type SalesRow,
  shapeRow,
} from './sales-rows.ts';

export type AnalyticsDeps = {
  pool: Database;
  reference: Reference;
  config: Pick<Config, 'defaultTimeZone'>;
  clock: Clock;
};

export type SalesAnswer = {
  granularity: string;
  group_by: readonly string[];
  /** Null where the period is open at that end. */
  from: string | null;
  to: string | null;
  compare?: { kind: string; from: string; to: string; cut_at: string | null; same_places?: string[] };
  rows: SalesRow[];
  next_cursor: string | null;
};

const defaultRows = 10_000;
/** A file is not cut short without a word: what has more rows is asked for in pages. */
const maximumFileRows = 200_000;

export type AnswerForm = 'page' | 'file';

/** `/api/analytics/sales`: exact, in one snapshot, comparison included. */
export async function answerSales(
  deps: AnalyticsDeps,
  statements: ReadFigures,
  request: SalesRequest,
  form: AnswerForm = 'page',
): Promise<SalesAnswer> {
  const { query } = request;
  const whole = form === 'file' && request.limit === undefined;
  const limit = request.limit ?? (whole ? maximumFileRows : defaultRows);
  const times = await timesOf(deps, request);
  const head = {
    granularity: query.granularity,
    group_by: query.groupBy,
    from: query.from === earliest ? null : query.from,
    to: query.to === latest ? null : query.to,
  };
  const answer =
    request.compare === undefined
      ? await answerPlain(deps, statements, request, limit, times)
      : await answerCompared(deps, statements, request, limit, times);
  if (whole && answer.next_cursor !== null)
    throw new CodedError(
      'not_answerable',
      `the file would have over ${maximumFileRows} rows; ask for it in pages with limit, each answer's header x-next-cursor giving the cursor of the next`,
      { members: { can_be_asked: ['the same with limit and cursor', 'fewer groups, or a shorter period'] } },
    );
  return { ...head, ...answer };
}

type Rows = Pick<SalesAnswer, 'rows' | 'next_cursor' | 'compare'>;

async function answerPlain(
  deps: AnalyticsDeps,
  statements: ReadFigures,
  request: SalesRequest,
  limit: number,
  times: PlaceTimes,
): Promise<Rows> {
  const { query } = request;
  const found = await readFigures(deps.pool, statements, { ...query, limit: limit + 1 });
  const page = found.slice(0, limit);
  const names = await readNames(deps.pool, page);
  const rows = page.map((row) =>
    shapeRow(row, query, names, (placeId, epochMs) => times.zoneAt(placeId, epochMs)),
  );
  const next = found.length > limit ? encodeCursor(request.question, positionOf(page.at(-1)!, query)) : null;
  return { rows, next_cursor: next };
}

async function answerCompared(
  deps: AnalyticsDeps,
  statements: ReadFigures,
  request: SalesRequest,
  limit: number,
  times: PlaceTimes,
): Promise<Rows> {
  const { query, samePlaces } = request;
  const base = baseOf(query, request.compare!, times, deps.clock.nowMs());
  if (base.query.cut !== undefined && cutsByPulse(base.query))
    await checkPulseKept(deps.pool, base.query.cut);
  const compared = await compareSales(deps.pool, statements, { query, base, times, samePlaces });
  const { after } = query;
  const rest =
    after === undefined
      ? compared.pairs
      : compared.pairs.filter(({ position }) => comparePositions(position, after, query) > 0);
  const page = rest.slice(0, limit);
  const names = await readNames(
    deps.pool,
    page.map((pair) => pair.row),
  );
  const addUp = receiptsAddUp(query);
  const rows = page.map(({ row, previous: base }): SalesRow => {
    const shaped = shapeRow(row, query, names, (placeId, epochMs) => times.zoneAt(placeId, epochMs));
    const previous = base === null ? null : figuresOf(base, query, addUp);
    return { ...shaped, previous, change_percent: changePercent(shaped, previous) };
  });
  const compare = {
    kind: request.compare!,
    from: base.query.from,
    to: base.query.to,
    cut_at: base.cutAt,
    ...(compared.samePlaces === undefined ? {} : { same_places: compared.samePlaces }),
  };
  const next = rest.length > limit ? encodeCursor(request.question, page.at(-1)!.position) : null;
  return { compare, rows, next_cursor: next };
}

const readPulseStart =
  "select kept_from from ops.retention where kind = 'pulse' and kept_from > $1::date - interval '2 days'";

/** A day that is cut in the middle is summed from five-minute figures, which are not kept for ever. */
async function checkPulseKept(pool: Database, cut: Cut): Promise<void> {
  const { rows } = await pool.query<{ kept_from: Date }>({ text: readPulseStart, values: [cut.from] });
  if (rows[0] === undefined) return;
  const from = rows[0].kept_from.toISOString().slice(0, 10);
  throw new CodedError(
    'not_answerable',
    `a running day is compared up to the minute, and five-minute figures are kept from ${from} on; let \`to\` be yesterday`,
    {
      members: {
        can_be_asked: ['whole days, with `to` up to yesterday', 'granularity hour', `a base after ${from}`],
      },
    },
  );
}

/** Only hours and comparisons depend on the places' zones. */
async function timesOf(deps: AnalyticsDeps, request: SalesRequest): Promise<PlaceTimes> {
  const { query } = request;
  const snapshot = deps.reference.current();
  const { defaultTimeZone } = deps.config;
  if (query.granularity !== 'hour' && request.compare === undefined)
    return new PlaceTimes([], snapshot, defaultTimeZone, query);
  return await readPlaceTimes(deps.pool, query, snapshot, defaultTimeZone);
}

async function readNames(pool: Database, rows: readonly FiguresRow[]): Promise<Names> {
  const find = async (kind: 'place' | 'product') => {
    const ids = new Set(rows.map((row) => row[`${kind}_id`]));
    if (ids.size === 0 || ids.has(undefined)) return new Map<string, string>();
    const found = await pool.query<{ id: string; name: string }>({
      name: `names-${kind}`,
      text: `select ${kind}_id as id, ${kind}_name as name from ops.${kind} where ${kind}_id = any($1) and ${kind}_name is not null`,
      values: [[...ids]],
    });
    return new Map(found.rows.map((row) => [row.id, row.name]));
  };
  return { places: await find('place'), products: await find('product') };
}
