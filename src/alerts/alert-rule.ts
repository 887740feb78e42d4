export const ruleKinds = ['threshold', 'change', 'silence', 'refunds', 'audit', 'lag'] as const;
export type RuleKind = (typeof ruleKinds)[number];
export const alertLanguages = ['en', 'ru'] as const;
export type AlertLanguage = (typeof alertLanguages)[number];

/** Figures of whole sales, as the rows of `/api/analytics/sales` have them. */
export const wholeMetrics = [
  ...(['sales', 'refunds', 'net', 'discounts', 'receipts', 'refund_receipts', 'units'] as const),
  ...(['average_receipt', 'nds', 'tips'] as const),
] as const;
/** Those that products and categories have too. */
export const lineMetrics = [
  ...(['sales', 'refunds', 'net', 'receipts', 'refund_receipts', 'units', 'average_receipt'] as const),
] as const;
export type FigureMetric = (typeof wholeMetrics)[number];
/** The largest single refund, and refunds in percent of sales. */
export const refundMetrics = ['refund_amount', 'refund_rate'] as const;
/** Seconds: of the stream, of the fold, and the larger of both. */
export const lagMetrics = ['lag', 'stream_lag', 'fold_lag'] as const;
export type AlertMetric =
  | FigureMetric
  | (typeof refundMetrics)[number]
  | (typeof lagMetrics)[number]
  | 'differences';

/** A rule that holds. Limits are in a currency's own units, in units, percent (change, refund_rate) or seconds (lag). */
export type CheckedRule = {
  name: string;
  kind: RuleKind;
  metric: AlertMetric;
  place_id: string | null;
  /** All places together instead of each for itself. */
  all_places: boolean;
  product_id: string | null;
  category: string | null;
  currency: string | null;
  window_minutes: number;
  below: number | null;
  above: number | null;
  weeks: number;
  sensitivity: number;
  cooldown_minutes: number;
  channels: string[];
  language: AlertLanguage;
  muted_until: Date | null;
  enabled: boolean;
};

export type AlertRule = CheckedRule & { rule_id: number; created_at: Date; updated_at: Date };

/** Which marts a rule reads: they decide what its windows can be. */
export type RuleFamily = 'whole' | 'category' | 'product';

export function ruleFamily(rule: Pick<CheckedRule, 'product_id' | 'category'>): RuleFamily {
  if (rule.product_id !== null) return 'product';
  return rule.category === null ? 'whole' : 'category';
}

const moneyMetrics: readonly string[] = [
  ...['sales', 'refunds', 'net', 'discounts', 'average_receipt', 'nds', 'tips', 'refund_amount'],
];
export const isMoney = (metric: AlertMetric) => moneyMetrics.includes(metric);
