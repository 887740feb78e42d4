import { addDays } from '../base/time.ts';

/**
 * A range of business dates as runs of whole periods, each run given by the first days of its first and its
 * last period: one run of years at most, of months before and after it, of days before and after those.
 */
export type SplitRange = { years: Run | undefined; months: Run[]; days: Run[] };
export type Run = readonly [first: string, last: string];
type Unit = 'day' | 'month' | 'year';

const start = (date: string, unit: Unit) =>
  unit === 'day' ? date : `${date.slice(0, unit === 'year' ? 4 : 7)}${unit === 'year' ? '-01' : ''}-01`;

function shift(first: string, unit: Unit, by: 1 | -1): string {
  if (unit === 'day') return addDays(first, by);
  const months =
    Number(first.slice(0, 4)) * 12 + Number(first.slice(5, 7)) - 1 + by * (unit === 'year' ? 12 : 1);
  return `${String(Math.floor(months / 12)).padStart(4, '0')}-${String((months % 12) + 1).padStart(2, '0')}-01`;
}

/** The longest run of whole periods in `[from, to]`; undefined where not one fits. */
function wholeRun(from: string, to: string, unit: Unit): Run | undefined {
  const first = start(from, unit) === from ? from : shift(start(from, unit), unit, 1);
  const last = shift(start(addDays(to, 1), unit), unit, -1);
  return first <= last ? [first, last] : undefined;
}

/** Both ends included; `coarsest` is the coarsest period that may be used. */
export function splitRange(from: string, to: string, coarsest: Unit): SplitRange {
  const split: SplitRange = { years: undefined, months: [], days: [] };
  const divide = (low: string, high: string, units: readonly Unit[]): void => {
    const [unit, ...finer] = units;
    if (unit === undefined || low > high) return;
    const run = wholeRun(low, high, unit);
    if (run === undefined) {
      divide(low, high, finer);
      return;
    }
    divide(low, addDays(run[0], -1), finer);
    if (unit === 'year') split.years = run;
    else split[unit === 'month' ? 'months' : 'days'].push(run);
    divide(shift(run[1], unit, 1), high, finer);
  };
  const units: readonly Unit[] = ['year', 'month', 'day'];
  divide(from, to, units.slice(units.indexOf(coarsest)));
  return split;
}
