import type {
  ComparisonKind,
  Language,
  RecommendationFact,
  UnusualDayFact,
  UnusualProductFact,
} from './report-facts.ts';
import { enWords } from './report-words-en.ts';
import { ruWords } from './report-words-ru.ts';

/** A fact whose figures are written out already. */
type Written<T> = { [Key in keyof T]: T[Key] extends number ? string : T[Key] };
type EachWritten<T> = T extends unknown ? Written<T> : never;

/** The phrases of a report in one language; whatever is handed in is formatted and escaped. */
export type Words = {
  title(period: string): string;
  allPlaces: string;
  place(name: string): string;
  basis: { itemised: string; declared: string };
  unfinished: string;
  nothingSold: string;
  headings: {
    main: string;
    comparisons: string;
    topByMoney: string;
    topByUnits: string;
    categories: string;
    unusual: string;
    recommendations: string;
  };
  columns: {
    comparedWith: string;
    revenue: string;
    change: string;
    receipts: string;
    averageReceipt: string;
    product: string;
    category: string;
    units: string;
    share: string;
  };
  /** `change` without its sign. */
  lead(revenue: string, change: string, way: 'more' | 'less' | 'same', than: ComparisonKind): string;
  main: {
    revenue(money: string): string;
    sales(money: string): string;
    refunds(money: string, share: string): string;
    discounts(money: string): string;
    receipts(count: string): string;
    averageReceipt(money: string): string;
    units(count: string): string;
  };
  comparisons: Record<ComparisonKind, (from: string, to: string) => string>;
  unusualDay(fact: Written<UnusualDayFact>): string;
  unusualProduct(fact: Written<UnusualProductFact>): string;
  nothingUnusual: string;
  recommendation(fact: EachWritten<RecommendationFact>): string;
  fallback: string;
};

export const wordsOf: Record<Language, Words> = { ru: ruWords, en: enWords };
