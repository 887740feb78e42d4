export type Language = 'ru' | 'en';
/** Figures of single sales, or those that daily files declare, which know no receipts. */
export type Basis = 'itemised' | 'declared';

/** Money in major units of the section's currency, net of refunds; quantities in pieces or kilograms. */
export type ProductFact = { name: string; units: number; revenue: number; share_percent: number | null };
export type CategoryFact = { category: string; units: number; revenue: number; share_percent: number | null };

export type ComparisonKind =
  | 'previous_day'
  | 'previous_period'
  | 'week_before'
  | 'average_of_7_days_before'
  | 'same_weekday_average';

/** What the period is held against; the averages are of days with sales alone. */
export type ComparisonFact = {
  kind: ComparisonKind;
  from: string;
  to: string;
  /** From the first to the last, both included; how long one looks back is a figure of the text as well. */
  days: number;
  /** Of the same weekdays. */
  weeks: number | null;
  revenue: number;
  receipts: number | null;
  average_receipt: number | null;
  revenue_difference: number;
  revenue_change_percent: number | null;
  receipts_change_percent: number | null;
  average_receipt_change_percent: number | null;
};

export type UnusualDayFact = {
  date: string;
  direction: 'high' | 'low';
  revenue: number;
  usual_revenue: number;
  change_percent: number;
};

export type UnusualProductFact = {
  name: string;
  direction: 'high' | 'low';
  units: number;
  usual_units: number;
};

export type RecommendationFact =
  | { kind: 'low_day' | 'high_day'; date: string; change_percent: number }
  | { kind: 'not_sold' | 'sold_less' | 'sold_more'; product: string; units: number; usual_units: number }
  | { kind: 'refunds'; refunds: number; refunds_percent: number }
  | { kind: 'smaller_receipts'; average_receipt: number; change_percent: number }
  | { kind: 'fewer_receipts'; receipts: number; change_percent: number }
  | { kind: 'one_category'; category: string; share_percent: number }
  | { kind: 'keep_in_stock'; product: string; share_percent: number };

/** Everything a report says about one currency. */
export type CurrencyFacts = {
  currency: string;
  revenue: number;
  sales: number;
  refunds: number;
  refunds_percent: number | null;
  discounts: number;
  units: number;
  receipts: number | null;
  average_receipt: number | null;
  comparisons: ComparisonFact[];
  top_by_money: ProductFact[];
  top_by_units: ProductFact[];
  categories: CategoryFact[];
  unusual_days: UnusualDayFact[];
  unusual_products: UnusualProductFact[];
  recommendations: RecommendationFact[];
};

/** What is stored with a report, and all that a model is told. Dates are business dates, both ends included. */
export type ReportFacts = {
  from: string;
  to: string;
  days: number;
  /** Null: all places together. */
  place: string | null;
  basis: Basis;
  /** The last day was not over yet when the figures were read. */
  is_unfinished: boolean;
  /** Empty where nothing was sold. */
  currencies: CurrencyFacts[];
};
