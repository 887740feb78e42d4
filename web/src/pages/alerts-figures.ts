import type { GetAlertsIdAnswer } from '../api-answers.ts';
import type { Format } from '../format.ts';

export type Alert = GetAlertsIdAnswer;
export type Driver = Alert['explanation']['drivers'][number];
export type RuleKind = Alert['kind'];

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
