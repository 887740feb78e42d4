import { CodedError } from '../base/errors.ts';
import { addDays, epochDay, formatInstant, localTimeAt, resolveTime } from '../base/time.ts';
import { cutsByPulse, type FiguresQuery, type FiguresRow, familyOf } from '../warehouse/query-figures.ts';
import type { Comparison } from './sales-request.ts';

/** How a base period's dates become those of the period asked for. */
export type Shift = { days?: number; months?: number };

export type Base = { query: FiguresQuery; shift: Shift; cutAt: string | undefined };

function addShift(date: string, shift: Shift, sign: 1 | -1): string {
  if (shift.days !== undefined) return addDays(date, sign * shift.days);
  return Temporal.PlainDate.from(date)
    .add({ months: sign * (shift.months ?? 0) })
    .toString();
}

function endsMonth(date: string): boolean {
  return addDays(date, 1).endsWith('-01');
}

function shiftOf(compare: Comparison, from: string, to: string): Shift {
  if (compare === 'last_week') return { days: 7 };
  if (compare === 'last_year') return { months: 12 };
  if (compare === 'last_year_weekday') return { days: 364 };
  if (from.endsWith('-01') && endsMonth(to)) {
    const months =
      (Number(to.slice(0, 4)) - Number(from.slice(0, 4))) * 12 +
      Number(to.slice(5, 7)) -
      Number(from.slice(5, 7)) +
      1;
    return { months };
  }
  return { days: epochDay(to) - epochDay(from) + 1 };
}

function checkAligned(query: FiguresQuery, shift: Shift): void {
  const { granularity } = query;
  const aligned =
    granularity === 'week'
      ? (shift.days ?? 1) % 7 === 0
      : granularity === 'month'
        ? shift.months !== undefined
        : granularity === 'year'
          ? (shift.months ?? 1) % 12 === 0
          : granularity === 'hour'
            ? shift.days !== undefined
            : true;
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

/**
 * The query of the base period. While the period asked for still runs, the base stops at the same local
 * time: at the five minutes for whole receipts, at the full hour where only hours are kept.
 */
export function baseOf(
  query: FiguresQuery,
  compare: Comparison,
  now: { epochMs: number; zone: string; businessDayStart: string },
): Base {
  const shift = shiftOf(compare, query.from, query.to);
  checkAligned(query, shift);
  const from = addShift(query.from, shift, -1);
  const to =
    shift.months !== undefined && endsMonth(query.to) && compare === 'previous'
      ? addDays(query.from, -1)
      : addShift(query.to, shift, -1);
  const { cut: _none, order: _order, limit: _limit, offset: _offset, ...rest } = query;
  const base: FiguresQuery = { ...rest, from, to };
  const local = localTimeAt(now.epochMs, now.zone).slice(0, 19);
  const today = resolveTime({ local }, now.zone, now.businessDayStart).businessDate;
  if (query.to < today || query.from > today) return { query: base, shift, cutAt: undefined };
  if (familyOf(query) === 'product') {
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
  const date = addShift(today, shift, -1);
  // The wall clock of now on the base day; after midnight of a late business day that is the next date.
  const clockDate = addDays(date, epochDay(local.slice(0, 10)) - epochDay(today));
  const step = cutsByPulse(query) ? 5 : 60;
  const minute = Math.floor(Number(local.slice(14, 16)) / step) * step;
  const cutLocal = `${clockDate}T${local.slice(11, 13)}:${String(minute).padStart(2, '0')}:00`;
  const { epochMs } = resolveTime({ local: cutLocal }, now.zone, now.businessDayStart);
  const instant = new Date(epochMs).toISOString();
  return {
    query: { ...base, to: date, cut: { date, instant } },
    shift,
    cutAt: formatInstant(epochMs, now.zone),
  };
}

/** A base row under the period and group it is compared with; equal keys are added up (29 February). */
export function alignedKey(row: FiguresRow, query: FiguresQuery, shift: Shift | undefined): string {
  let period: string | number | null = row.period;
  if (row.hour_at !== null) period = row.hour_at.getTime() + (shift?.days ?? 0) * 86_400_000;
  else if (period !== null && shift !== undefined) period = addShift(period, shift, 1);
  const groups = [
    row.group,
    row.place_id,
    row.product_id,
    row.category,
    row.payment_method,
    row.source,
    row.currency,
  ];
  return JSON.stringify([query.granularity, period, ...groups.map((value) => value ?? null)]);
}
