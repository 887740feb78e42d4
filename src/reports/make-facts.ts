import { amountToNumber, averageMinor, currencyDigits } from '../base/money.ts';
import { addDays, epochDay } from '../base/time.ts';
import { changePercent, compareDays, type Day, daysBetween, sameWeekdays } from './compare-days.ts';
import { findUnusual } from './find-unusual.ts';
import { productDays, type ReportFigures, type Sums } from './read-figures.ts';
import { recommend } from './recommend.ts';
import type {
  CategoryFact,
  CurrencyFacts,
  ProductFact,
  ReportFacts,
  UnusualDayFact,
  UnusualProductFact,
} from './report-facts.ts';

const shownProducts = 5;
const shownCategories = 8;
const shownUnusual = 5;
/** Fewer earlier days say nothing of what is usual. */
const leastWeekdays = 4;
const leastProductDays = 7;

type Period = { from: string; to: string; placeId: string | undefined; isUnfinished: boolean };

const net = (sums: Sums) => sums.sales - sums.refunds;
const percent = (part: number, whole: number) => (whole > 0 ? Math.round((part / whole) * 1000) / 10 : null);

/** The facts of a period from its figures alone: the same figures give the same facts. */
export function makeFacts(figures: ReportFigures, asked: Period): ReportFacts {
  // A daily file declares a whole day, whenever it comes.
  const period = { ...asked, isUnfinished: asked.isUnfinished && figures.basis === 'itemised' };
  const { from, to, placeId } = period;
  const sold = figures.days.filter(({ date }) => date >= from);
  const currencies = [...new Set(sold.map(({ currency }) => currency))].sort();
  return {
    from,
    to,
    days: epochDay(to) - epochDay(from) + 1,
    place: placeId === undefined ? null : (figures.placeName ?? placeId),
    basis: figures.basis,
    is_unfinished: period.isUnfinished,
    currencies: currencies.map((currency) => currencyFacts(figures, period, currency)),
  };
}

function currencyFacts(figures: ReportFigures, period: Period, currency: string): CurrencyFacts {
  const digits = currencyDigits(currency);
  const money = (minor: number) => amountToNumber(minor, digits);
  const rows = figures.days.filter((row) => row.currency === currency);
  const total = { sales: 0, refunds: 0, discounts: 0, receipts: 0, units: 0 };
  for (const row of rows) {
    if (row.date < period.from) continue;
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += row[name];
  }
  const days: Day[] = rows.map((row) => ({
    date: row.date,
    net: net(row),
    sales: row.sales,
    receipts: row.receipts,
  }));
  // A daily file counts as one receipt of its own, which says nothing of those behind it.
  const hasReceipts = figures.basis === 'itemised';
  const average = hasReceipts ? averageMinor(total.sales, total.receipts) : null;
  const facts: Omit<CurrencyFacts, 'recommendations'> = {
    currency,
    revenue: money(total.sales - total.refunds),
    sales: money(total.sales),
    refunds: money(total.refunds),
    refunds_percent: percent(total.refunds, total.sales),
    discounts: money(total.discounts),
    units: total.units / 1000,
    receipts: hasReceipts ? total.receipts : null,
    average_receipt: average === null ? null : money(average),
    comparisons: compareDays(days, period, { currency, hasReceipts }),
    ...tops(figures, currency, money),
    unusual_days: unusualDays(days, period, money),
    unusual_products: unusualProducts(figures, period, currency),
  };
  return { ...facts, recommendations: recommend(facts, period) };
}

function tops(figures: ReportFigures, currency: string, money: (minor: number) => number) {
  const categories = figures.categories.filter((row) => row.currency === currency);
  const whole = categories.reduce((sum, row) => sum + net(row), 0);
  const shared = (row: Sums) => ({
    units: row.units / 1000,
    revenue: money(net(row)),
    share_percent: percent(net(row), whole),
  });
  const products = (rows: ReportFigures['byMoney']): ProductFact[] =>
    rows
      .filter((row) => row.currency === currency)
      .slice(0, shownProducts)
      .map((row) => ({ name: nameOf(figures, row.productId), ...shared(row) }));
  return {
    top_by_money: products(figures.byMoney),
    top_by_units: products(figures.byUnits),
    categories: categories
      .slice(0, shownCategories)
      .map((row): CategoryFact => ({ category: row.category, ...shared(row) })),
  };
}

function nameOf({ productNames }: ReportFigures, productId: string): string {
  return productNames.get(productId) ?? productId;
}

/** Days that are far from their own weekday; one without sales was closed, and is no day at all. */
function unusualDays(days: readonly Day[], period: Period, money: (minor: number) => number) {
  const found = daysBetween(days, period.from, period.to).flatMap((day): UnusualDayFact[] => {
    // A day that is not over yet is low for that reason alone.
    if (period.isUnfinished && day.date === period.to) return [];
    const history = sameWeekdays(days, day.date, day.date).map((one) => one.net);
    const unusual = findUnusual(day.net, history, {
      leastHistory: leastWeekdays,
      leastSpread: (usual) => Math.abs(usual) / 20,
    });
    if (unusual === undefined) return [];
    const change = changePercent(day.net, Math.round(unusual.usual));
    if (change === null) return [];
    const usual = money(Math.round(unusual.usual));
    const { date } = day;
    return [
      {
        date,
        direction: unusual.direction,
        revenue: money(day.net),
        usual_revenue: usual,
        change_percent: change,
      },
    ];
  });
  const size = (fact: UnusualDayFact) => Math.abs(fact.revenue - fact.usual_revenue);
  return found.sort((a, b) => size(b) - size(a)).slice(0, shownUnusual);
}

/** Of a single day: what sold far more or less than on the days of the four weeks before, closed days aside. */
function unusualProducts(figures: ReportFigures, period: Period, currency: string): UnusualProductFact[] {
  if (period.from !== period.to || period.isUnfinished) return [];
  const { from: date } = period;
  const first = addDays(date, -productDays);
  const openDays = figures.days
    .filter((row) => row.currency === currency && row.date >= first && row.date < date)
    .map((row) => row.date);
  const units = new Map<string, Map<string, number>>();
  for (const row of figures.productDays) {
    if (row.currency !== currency) continue;
    const byDate = units.get(row.productId) ?? new Map<string, number>();
    units.set(row.productId, byDate.set(row.date, row.units));
  }
  const found = figures.watched.flatMap((productId): UnusualProductFact[] => {
    const byDate = units.get(productId);
    if (byDate === undefined) return [];
    const history = openDays.map((day) => byDate.get(day) ?? 0);
    const sold = byDate.get(date) ?? 0;
    const unusual = findUnusual(sold, history, {
      leastHistory: leastProductDays,
      // Pieces that sell independently of each other spread like the root of their number.
      leastSpread: (usual) => Math.max(1_000, Math.sqrt(Math.max(usual, 0) * 1_000)),
    });
    if (unusual === undefined) return [];
    const { direction } = unusual;
    const name = nameOf(figures, productId);
    return [{ name, direction, units: sold / 1000, usual_units: Math.round(unusual.usual) / 1000 }];
  });
  const size = (fact: UnusualProductFact) => Math.abs(fact.units - fact.usual_units);
  return found.sort((a, b) => size(b) - size(a)).slice(0, shownUnusual);
}
