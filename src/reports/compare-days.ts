import { amountToNumber, currencyDigits } from '../base/money.ts';
import { addDays, epochDay } from '../base/time.ts';
import { historyWeeks } from './read-figures.ts';
import type { ComparisonFact, ComparisonKind } from './report-facts.ts';

/** One day's revenue in minor units, net of refunds, with the sales it was divided into. */
export type Day = { date: string; net: number; sales: number; receipts: number };
type Base = Omit<Day, 'date'>;

/** To one decimal; null where there is nothing to compare with. */
export function changePercent(now: number, before: number): number | null {
  return before === 0 ? null : Math.round(((now - before) / Math.abs(before)) * 1000) / 10;
}

function sumDays(days: readonly Day[]): Base {
  const sum = { net: 0, sales: 0, receipts: 0 };
  for (const day of days) {
    sum.net += day.net;
    sum.sales += day.sales;
    sum.receipts += day.receipts;
  }
  return sum;
}

export function daysBetween(days: readonly Day[], from: string, to: string): Day[] {
  return days.filter(({ date }) => date >= from && date <= to);
}

/** The same weekdays in the weeks before a day, those alone on which anything was sold. */
export function sameWeekdays(days: readonly Day[], date: string, before: string): Day[] {
  const first = addDays(before, -7 * historyWeeks);
  return days.filter(
    (day) => day.date >= first && day.date < before && (epochDay(date) - epochDay(day.date)) % 7 === 0,
  );
}

/** Not rounded yet; undefined where there is no such day. */
function averageOf(days: readonly Day[], times = 1): Base | undefined {
  if (days.length === 0) return undefined;
  const sum = sumDays(days);
  const mean = (value: number) => (value * times) / days.length;
  return { net: mean(sum.net), sales: mean(sum.sales), receipts: mean(sum.receipts) };
}

/** What a usual run of the same weekdays would have made; undefined where one of them has no history. */
function usualWeekdays(days: readonly Day[], from: string, to: string): Base | undefined {
  const sum = { net: 0, sales: 0, receipts: 0 };
  for (let date = from; date <= to; date = addDays(date, 1)) {
    const usual = averageOf(sameWeekdays(days, date, from));
    if (usual === undefined) return undefined;
    sum.net += usual.net;
    sum.sales += usual.sales;
    sum.receipts += usual.receipts;
  }
  return sum;
}

type Compared = { kind: ComparisonKind; from: string; to: string; base: Base | undefined };

function basesOf(days: readonly Day[], from: string, to: string): Compared[] {
  const length = epochDay(to) - epochDay(from) + 1;
  const shift = 7 * Math.ceil(length / 7);
  const between = (start: string, end: string) => {
    const found = daysBetween(days, start, end);
    return found.length === 0 ? undefined : sumDays(found);
  };
  const shifted = (by: number) => ({ from: addDays(from, -by), to: addDays(to, -by) });
  const [previous, week] = [shifted(length), shifted(shift)];
  const list: Compared[] = [
    {
      kind: length === 1 ? 'previous_day' : 'previous_period',
      ...previous,
      base: between(previous.from, previous.to),
    },
  ];
  if (length !== shift) list.push({ kind: 'week_before', ...week, base: between(week.from, week.to) });
  const yesterday = addDays(from, -1);
  if (length === 1) {
    const first = addDays(from, -7);
    const base = averageOf(daysBetween(days, first, yesterday));
    list.push({ kind: 'average_of_7_days_before', from: first, to: yesterday, base });
  }
  const since = addDays(from, -7 * historyWeeks);
  list.push({
    kind: 'same_weekday_average',
    from: since,
    to: yesterday,
    base: usualWeekdays(days, from, to),
  });
  return list;
}

/** The period beside each of the others that has sales; a day without any counts in no average. */
export function compareDays(
  days: readonly Day[],
  { from, to }: { from: string; to: string },
  options: { currency: string; hasReceipts: boolean },
): ComparisonFact[] {
  const digits = currencyDigits(options.currency);
  const money = (minor: number) => amountToNumber(Math.round(minor), digits);
  const now = sumDays(daysBetween(days, from, to));
  // Those of an average day are fractions, and their average receipt is that of all its days together.
  const average = (base: Base) => (base.receipts === 0 ? null : Math.round(base.sales / base.receipts));
  return basesOf(days, from, to).flatMap(({ base, ...compared }) => {
    if (base === undefined) return [];
    const [usual, mine] = options.hasReceipts ? [average(base), average(now)] : [null, null];
    const receipts = options.hasReceipts ? Math.round(base.receipts * 10) / 10 : null;
    return {
      ...compared,
      days: epochDay(compared.to) - epochDay(compared.from) + 1,
      weeks: compared.kind === 'same_weekday_average' ? historyWeeks : null,
      revenue: money(base.net),
      receipts,
      average_receipt: usual === null ? null : money(usual),
      revenue_difference: money(now.net - Math.round(base.net)),
      revenue_change_percent: changePercent(now.net, Math.round(base.net)),
      receipts_change_percent: receipts === null ? null : changePercent(now.receipts, receipts),
      average_receipt_change_percent: usual === null || mine === null ? null : changePercent(mine, usual),
    };
  });
}
