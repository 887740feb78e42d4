import { makeFacts } from '../../src/reports/make-facts.ts';
import type { DaySums, ReportFigures, Sums } from '../../src/reports/read-figures.ts';
import type { ReportFacts } from '../../src/reports/report-facts.ts';

export const sums = (netMinor: number, more: Partial<Sums> = {}): Sums => ({
  ...{ currency: 'RUB', sales: netMinor, refunds: 0, discounts: 0, receipts: 10, units: 12_000 },
  ...more,
});

/** Eight weeks of days, each 10 roubles over the one before, up to the 26th of February 2024. */
export function weeks(lastMinor = 20_000): DaySums[] {
  const days = Array.from({ length: 56 }, (_, index) => ({
    date: new Date(Date.parse('2024-01-01') + index * 86_400_000).toISOString().slice(0, 10),
    ...sums(100_000 + index * 1000),
  }));
  return [...days, { date: '2024-02-26', ...sums(lastMinor) }];
}

export function figures(changes: Partial<ReportFigures> = {}): ReportFigures {
  return {
    basis: 'itemised',
    days: weeks(1_234_567),
    byMoney: [
      { productId: 'cola', ...sums(700_000, { units: 55_000 }) },
      { productId: 'tea', ...sums(300_000, { units: 2_474 }) },
    ],
    byUnits: [{ productId: 'cola', ...sums(700_000, { units: 55_000 }) }],
    categories: [
      { category: 'Drinks 18+', ...sums(1_000_000) },
      { category: 'Snacks', ...sums(234_567) },
    ],
    productDays: [],
    watched: [],
    productNames: new Map([
      ['cola', 'Cola 330'],
      ['tea', 'Чай «7UP» №5'],
    ]),
    placeName: 'Store 24',
    ...changes,
  };
}

export const period = { from: '2024-02-26', to: '2024-02-26', placeId: 'p', isUnfinished: false };
/** Revenue 12,345.67 of 10 receipts; 1,234.57 the average. */
export const facts: ReportFacts = makeFacts(figures(), period);
