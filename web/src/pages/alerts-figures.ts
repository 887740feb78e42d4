import type { Format } from '../format.ts';

export type RuleKind = 'threshold' | 'change' | 'silence' | 'refunds' | 'audit' | 'lag';
export type Driver = {
  kind: string;
  id?: string;
  name?: string;
  value: number;
  baseline: number | null;
  change: number;
};
export type Alert = {
  id: number;
  rule_id: number;
  rule_name: string;
  kind: RuleKind;
  metric: string;
  place_id: string | null;
  place_name: string | null;
  product_id: string | null;
  category: string | null;
  currency: string | null;
  value: number;
  baseline: number | null;
  threshold: number | null;
  window: { from: string; to: string };
  explanation: { text: string; drivers: Driver[] };
  fired_at: string;
  resolved_at: string | null;
  state: 'firing' | 'resolved';
};

const money = ['sales', 'refunds', 'net', 'discounts', 'average_receipt', 'nds', 'tips', 'refund_amount'];
export const isMoney = (metric: string) => money.includes(metric);

type Seconds = { seconds: (value: string) => string };

/** A figure of a rule in its own unit: money, percent, seconds, or a number. */
export function showFigure(
  format: Format,
  words: Seconds,
  metric: string,
  value: number | null,
  currency: string | null,
): string {
  if (value === null) return '–';
  if (isMoney(metric)) return currency === null ? format.number(value) : format.money(value, currency);
  if (metric === 'refund_rate') return format.share(value / 100);
  return metric.endsWith('lag') ? words.seconds(format.number(value)) : format.number(value);
}
