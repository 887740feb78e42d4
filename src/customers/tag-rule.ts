import type { Scope } from './count-sale.ts';

export type Metric = 'orders' | 'units' | 'spent';

/** A customer has the tag while the value is over the threshold; sticky ones keep it for good. */
export type TagRule = {
  rule_id: number;
  version: number;
  tag: string;
  scope: Scope;
  match: string;
  key_no: number;
  metric: Metric;
  /** Orders, thousandths, or minor units of `currency`. */
  threshold: number;
  window_days: number | null;
  sticky: boolean;
  currency: string | null;
  created_at: Date;
  updated_at: Date;
  applied_version: number;
};

export const ruleColumns = `
  rule_id, version, tag, scope, match, key_no, metric, threshold, window_days, sticky, currency, created_at, updated_at,
  applied_version`;
