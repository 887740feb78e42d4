import { addDays } from '../base/time.ts';

/** A range of business dates as whole years, whole months outside them, and the days that are left. */
export type SplitRange = { years: string[]; months: string[]; days: [from: string, to: string][] };

const monthStart = (date: string) => `${date.slice(0, 7)}-01`;

function nextMonth(month: string): string {
  const year = Number(month.slice(0, 4));
  const next = Number(month.slice(5, 7)) % 12;
  return `${String(next === 0 ? year + 1 : year).padStart(4, '0')}-${String(next + 1).padStart(2, '0')}-01`;
}

function nextYear(year: string): string {
  return `${String(Number(year.slice(0, 4)) + 1).padStart(4, '0')}-01-01`;
}

/** Both ends included; `coarsest` is the coarsest period that may be used. */
export function splitRange(from: string, to: string, coarsest: 'day' | 'month' | 'year'): SplitRange {
  const split: SplitRange = { years: [], months: [], days: [] };
  const end = addDays(to, 1);
  let at = from;
  while (at < end) {
    if (coarsest === 'year' && at.endsWith('-01-01') && nextYear(at) <= end) {
      split.years.push(at);
      at = nextYear(at);
    } else if (coarsest !== 'day' && at.endsWith('-01') && nextMonth(at) <= end) {
      split.months.push(at);
      at = nextMonth(at);
    } else {
      const stop = coarsest === 'day' ? end : [nextMonth(monthStart(at)), end].sort()[0]!;
      split.days.push([at, addDays(stop, -1)]);
      at = stop;
    }
  }
  return split;
}

/** The first days of all months of some years. */
export function monthsOf(years: readonly string[]): string[] {
  return years.flatMap((year) =>
    Array.from({ length: 12 }, (_, index) => `${year.slice(0, 4)}-${String(index + 1).padStart(2, '0')}-01`),
  );
}
