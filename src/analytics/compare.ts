import { CodedError } from '../base/errors.ts';
import { addDays, epochDay, formatInstant, localTimeAt, resolveTime } from '../base/time.ts';
import {
  type Cut,
  cutsByPulse,
  type FiguresQuery,
  type FiguresRow,
  familyOf,
} from '../warehouse/query-figures.ts';
import type { PlaceNow, PlaceTimes } from './place-times.ts';
import type { Comparison } from './sales-request.ts';

/** How far the base period lies before the one asked for. */
export type Shift = { days: number; months?: undefined } | { days?: undefined; months: number };

export type Base = {
  query: FiguresQuery;
  shift: Shift;
  /** RFC 3339; the latest of them where the places' zones differ; null where the base period is whole. */
  cutAt: string | null;
};

function addShift(date: string, shift: Shift, sign: 1 | -1): string {
  if (shift.days !== undefined) return addDays(date, sign * shift.days);
  return Temporal.PlainDate.from(date)
    .add({ months: sign * shift.months })
    .toString();
}

function isWholeMonths(query: FiguresQuery): boolean {
  return query.from.endsWith('-01') && addDays(query.to, 1).endsWith('-01');
}

/**
 * The period directly before whole months is as many whole months where rows are months, years or a total;
 * rows of days are compared one to one, so theirs is as many days.
 */
function shiftOf(compare: Comparison, query: FiguresQuery): Shift {
  if (compare === 'last_week') return { days: 7 };
  if (compare === 'last_year') return { months: 12 };
  if (compare === 'last_year_weekday') return { days: 364 };
  const { from, to, granularity } = query;
  if (isWholeMonths(query) && ['total', 'month', 'year'].includes(granularity)) {
    const years = Number(to.slice(0, 4)) - Number(from.slice(0, 4));
    return { months: years * 12 + Number(to.slice(5, 7)) - Number(from.slice(5, 7)) + 1 };
  }
  return { days: epochDay(to) - epochDay(from) + 1 };
}

function checkAligned(query: FiguresQuery, shift: Shift): void {
  const { granularity } = query;
  const aligned =
    (granularity === 'week' && (shift.days ?? 1) % 7 === 0) ||
    (granularity === 'month' && shift.months !== undefined) ||
    (granularity === 'year' && (shift.months ?? 1) % 12 === 0) ||
    (granularity === 'hour' && shift.days !== undefined) ||
    granularity === 'total' ||
    granularity === 'day';
  if (aligned) return;
  throw new CodedError(
    'not_answerable',
    `the base period does not fall on whole ${granularity}s; ask for whole ${granularity}s, or by day`,
    {
      members: {
        can_be_asked: [
          'compare with granularity total or day for any period',
          `granularity ${granularity} for periods of whole ${granularity}s`,
        ],
      },
    },
  );
}

/** The query of the base period, cut at the same local time while the period asked for still runs. */
export function baseOf(query: FiguresQuery, compare: Comparison, times: PlaceTimes, nowMs: number): Base {
  const shift = shiftOf(compare, query);
  checkAligned(query, shift);
  const { cut: _cut, order: _order, limit: _limit, after: _after, ...rest } = query;
  const from = addShift(query.from, shift, -1);
  let to = addShift(query.to, shift, -1);
  // February of a leap year ends a day later than its neighbours.
  if (shift.months !== undefined && isWholeMonths(query))
    to = addDays(addShift(addDays(query.to, 1), shift, -1), -1);
  const whole: FiguresQuery = { ...rest, from, to };
  const cut = cutOf(query, whole, shift, times, nowMs);
  if (cut === undefined) return { query: whole, shift, cutAt: null };
  const instants = [cut.instant, ...cut.places.map((place) => place.instant)];
  const latest = instants
    .filter((instant) => instant !== wholeDay)
    .sort()
    .at(-1);
  const last = [cut.to, to].sort()[0]!;
  return {
    query: { ...whole, to: last, cut: { ...cut, to: last } },
    shift,
    cutAt:
      latest === undefined
        ? null
        : formatInstant(Date.parse(latest), times.zoneAt(undefined, Date.parse(latest))),
  };
}

/** With the day after it: a day that counts whole. */
const wholeDay = '-infinity';
type CutOff = { date: string; instant: string };

/** Undefined where the base period is over everywhere in the places' time, or the period has not begun. */
function cutOf(
  query: FiguresQuery,
  base: FiguresQuery,
  shift: Shift,
  times: PlaceTimes,
  nowMs: number,
): Cut | undefined {
  const step = cutsByPulse(query) ? 5 : 60;
  const nows = new Map(times.placeIds.map((placeId) => [placeId, times.nowAt(placeId, nowMs)]));
  const elsewhere = times.nowAt('', nowMs);
  const all = nows.size === 0 ? [elsewhere] : [...nows.values()];
  if (all.every(({ today }) => query.to < today || query.from > today)) return undefined;
  if (familyOf(query) === 'product') refuseRunningProducts();
  const cutOffs = [...nows].map(([placeId, now]) => ({
    placeId,
    ...cutOffAt(query, base, shift, now, step),
  }));
  const first = cutOffs[0] ?? cutOffAt(query, base, shift, elsewhere, step);
  const shared = cutOffs.every((one) => one.date === first.date && one.instant === first.instant);
  const { date, instant } = shared ? first : cutOffAt(query, base, shift, elsewhere, step);
  const dates = [date, ...cutOffs.map((one) => one.date)].sort();
  return { date, instant, from: dates[0]!, to: dates.at(-1)!, places: shared ? [] : cutOffs };
}

function cutOffAt(
  query: FiguresQuery,
  base: FiguresQuery,
  shift: Shift,
  now: PlaceNow,
  stepMinutes: number,
): CutOff {
  const { today, local, zone } = now;
  if (query.to < today) return { date: addDays(base.to, 1), instant: wholeDay };
  const date = addShift(today, shift, -1);
  // The 30th of March has no day to be compared with in February: all of that month lies before it.
  const shorter = shift.months !== undefined && date.slice(8) !== today.slice(8);
  if (shorter && date > base.from) return { date: addDays(date, 1), instant: wholeDay };
  // After midnight of a late business day the wall clock shows the next date.
  const clockDate = addDays(date, epochDay(local.slice(0, 10)) - epochDay(today));
  const minute = Math.floor(Number(local.slice(14, 16)) / stepMinutes) * stepMinutes;
  const cutLocal = `${clockDate}T${local.slice(11, 13)}:${String(minute).padStart(2, '0')}:00`;
  const { epochMs } = resolveTime({ local: cutLocal }, zone, now.businessDayStart);
  return { date, instant: new Date(epochMs).toISOString() };
}

function refuseRunningProducts(): never {
  throw new CodedError(
    'not_answerable',
    'products are kept by day, so a running day has no base to compare with; let `to` be yesterday',
    {
      members: {
        can_be_asked: [
          'products compared up to yesterday',
          'whole receipts and categories compared up to now',
        ],
      },
    },
  );
}

/**
 * The period under which a row of the base is compared: days by their distance, the 29th of February with
 * the 28th, hours by the clock on the wall. Equal ones are added up.
 */
export function alignedPeriod(
  row: FiguresRow,
  query: FiguresQuery,
  shift: Shift,
  times: PlaceTimes,
): { period: string | null; hour_at: Date | null } {
  if (row.hour_at !== null) {
    const atMs = row.hour_at.getTime();
    const zone = times.zoneAt(row.place_id, atMs);
    const local = localTimeAt(atMs, zone).slice(0, 19);
    const moved = `${addShift(local.slice(0, 10), shift, 1)}${local.slice(10)}`;
    return { period: null, hour_at: new Date(resolveTime({ local: moved }, zone, '00:00').epochMs) };
  }
  if (row.period === null) return { period: null, hour_at: null };
  const moved = addShift(row.period, shift, 1);
  if (query.granularity !== 'day') return { period: moved, hour_at: null };
  // The one in the middle: no day falls outside the period asked for.
  return { period: [query.from, moved, query.to].sort()[1]!, hour_at: null };
}
