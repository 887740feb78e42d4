import { CodedError, type Problem } from '../base/errors.ts';
import { idRule, isId } from '../base/ids.ts';
import { isCurrency } from '../base/money.ts';
import { parseTimestamp, zonedInstantMs } from '../base/time.ts';
import {
  type AlertLanguage,
  type AlertMetric,
  type CheckedRule,
  isMoney,
  lagMetrics,
  lineMetrics,
  type RuleFamily,
  type RuleKind,
  refundMetrics,
  ruleFamily,
  wholeMetrics,
} from './alert-rule.ts';

/** A rule as it is sent. */
export type RuleBody = {
  name: string;
  kind: RuleKind;
  metric?: string | null;
  scope?: 'each_place' | 'all_places' | null;
  place_id?: string | null;
  product_id?: string | null;
  category?: string | null;
  currency?: string | null;
  window_minutes?: number | null;
  below?: number | null;
  above?: number | null;
  weeks?: number | null;
  sensitivity?: number | null;
  cooldown_minutes?: number | null;
  channels?: string[] | null;
  language?: AlertLanguage | null;
  muted_until?: string | null;
  enabled?: boolean | null;
};

const dayMinutes = 24 * 60;
const longestWindowMinutes = 31 * dayMinutes;
/** A place is compared with the same hour of past weeks, so a longer window would meet itself. */
const longestComparedMinutes = 7 * dayMinutes;
const steps: Record<RuleFamily, { minutes: number; text: string }> = {
  whole: { minutes: 5, text: 'a place has windows in multiples of 5 minutes' },
  category: { minutes: 60, text: 'a category is kept by the hour: give a multiple of 60' },
  product: { minutes: dayMinutes, text: 'a product is kept by the day: give a multiple of 1440' },
};
const canBeAsked = [
  'a place, or all places together: windows in multiples of 5 minutes',
  'a category: windows in multiples of 60 minutes',
  'a product: windows in multiples of 1440 minutes, by business days',
];

const usualWindow: Record<RuleKind, number | undefined> = {
  ...{ threshold: undefined, change: undefined, silence: 30, refunds: 60, audit: dayMinutes, lag: 5 },
};
const usualMetric: Record<RuleKind, AlertMetric | undefined> = {
  ...{ threshold: undefined, change: undefined, silence: 'receipts', refunds: 'refund_amount' },
  ...{ audit: 'differences', lag: 'lag' },
};
const usualAbove: Partial<Record<RuleKind, number>> = { audit: 0 };
const usualWeeks = 6;
const usualSensitivity = 5;
const usualCooldownMinutes = 60;

function metricsOf(kind: RuleKind, family: RuleFamily): readonly string[] {
  if (kind === 'silence') return ['receipts'];
  if (kind === 'refunds') return refundMetrics;
  if (kind === 'audit') return ['differences'];
  if (kind === 'lag') return lagMetrics;
  return family === 'whole' ? wholeMetrics : lineMetrics;
}

type Wrong = (name: string, message: string) => void;

/** Error `invalid_parameters` with everything that is wrong, each by its JSON pointer. */
export function checkRule(body: RuleBody): CheckedRule {
  const errors: Problem[] = [];
  const wrong: Wrong = (name, message) =>
    errors.push({ pointer: `/body/${name}`, code: 'invalid_value', message });
  checkTarget(body, wrong);
  const target = {
    place_id: body.place_id ?? null,
    product_id: body.product_id ?? null,
    category: body.category ?? null,
  };
  const metric = checkMetric(body, ruleFamily(target), wrong);
  const window = checkWindow(body, ruleFamily(target), wrong);
  checkLimits(body, wrong);
  const currency = body.currency ?? null;
  if (currency !== null && !isCurrency(currency))
    wrong('currency', `${currency} is not an ISO 4217 currency`);
  else if (currency !== null && !isMoney(metric))
    wrong('currency', 'only goes with a metric in money; leave it out');
  const mutedUntil = checkInstant(body.muted_until ?? null, wrong);
  if (errors.length > 0) {
    const text = errors.map((one) => `${one.pointer} ${one.message}`).join('; ');
    const members = errors.some(({ pointer }) => pointer === '/body/window_minutes')
      ? { members: { can_be_asked: canBeAsked } }
      : {};
    throw new CodedError('invalid_parameters', text, { errors, ...members });
  }
  return {
    ...{ name: body.name, kind: body.kind, metric, ...target, all_places: body.scope === 'all_places' },
    ...{ currency, window_minutes: window, below: body.below ?? null },
    ...{ above: body.above ?? usualAbove[body.kind] ?? null, weeks: body.weeks ?? usualWeeks },
    sensitivity: body.sensitivity ?? usualSensitivity,
    cooldown_minutes: body.cooldown_minutes ?? usualCooldownMinutes,
    ...{ channels: [...new Set(body.channels ?? [])], language: body.language ?? 'en' },
    ...{ muted_until: mutedUntil, enabled: body.enabled ?? true },
  };
}

function checkTarget(body: RuleBody, wrong: Wrong): void {
  const { kind } = body;
  const ofSales = kind === 'threshold' || kind === 'change';
  for (const name of ['place_id', 'product_id'] as const) {
    const id = body[name] ?? null;
    if (id !== null && !isId(id)) wrong(name, idRule);
  }
  for (const name of ['product_id', 'category'] as const)
    if (!ofSales && (body[name] ?? null) !== null) wrong(name, `a rule of the kind ${kind} has none`);
  if ((body.product_id ?? null) !== null && (body.category ?? null) !== null)
    wrong('category', 'give a product or a category, not both');
  if (kind === 'audit' || kind === 'lag')
    if ((body.place_id ?? null) !== null) wrong('place_id', `a rule of the kind ${kind} is for all places`);
  if (body.scope === 'all_places') {
    if ((body.place_id ?? null) !== null) wrong('scope', 'leave it out beside place_id');
    if (kind === 'silence')
      wrong('scope', 'silence is judged place by place; use a threshold on receipts for all places together');
    if (kind === 'refunds' && body.metric !== 'refund_rate')
      wrong('scope', 'a single refund is of one place');
  }
}

function checkMetric(body: RuleBody, family: RuleFamily, wrong: Wrong): AlertMetric {
  const metric = body.metric ?? usualMetric[body.kind];
  const offered = metricsOf(body.kind, family);
  if (metric === undefined) wrong('metric', `is needed; one of ${offered.join(', ')}`);
  else if (!offered.includes(metric)) wrong('metric', `${metric} is none of ${offered.join(', ')}`);
  return metric as AlertMetric;
}

function checkWindow(body: RuleBody, family: RuleFamily, wrong: Wrong): number {
  const minutes = body.window_minutes ?? usualWindow[body.kind];
  if (minutes === undefined) {
    wrong('window_minutes', `is needed; ${steps[family].text}`);
    return 0;
  }
  const longest = body.kind === 'change' ? longestComparedMinutes : longestWindowMinutes;
  if (minutes % steps[family].minutes !== 0)
    wrong('window_minutes', `${minutes} does not fit: ${steps[family].text}`);
  else if (minutes > longest) wrong('window_minutes', `is at most ${longest}`);
  return minutes;
}

function checkLimits(body: RuleBody, wrong: Wrong): void {
  const { kind } = body;
  const below = body.below ?? null;
  const above = body.above ?? usualAbove[kind] ?? null;
  if (kind === 'silence') {
    if (below !== null) wrong('below', 'silence is learned and has no limit; leave it out');
    if (above !== null) wrong('above', 'silence is learned and has no limit; leave it out');
    return;
  }
  if (kind === 'refunds' || kind === 'audit' || kind === 'lag') {
    if (below !== null) wrong('below', `a rule of the kind ${kind} has above only`);
    if (above === null || above < 0) wrong('above', 'is needed and not negative');
    return;
  }
  if (below === null && above === null) wrong('below', 'give below or above');
  else if (below !== null && above !== null) wrong('above', 'give below or above; two rules for both');
  if (kind !== 'change') return;
  if (below !== null && (below >= 0 || below <= -100))
    wrong('below', 'is a change in percent between -100 and 0: -30 is a drop by 30 %');
  if (above !== null && above <= 0) wrong('above', 'is a change in percent over 0: 50 is a rise by 50 %');
}

function checkInstant(text: string | null, wrong: Wrong): Date | null {
  if (text === null) return null;
  const time = parseTimestamp(text);
  if (time?.offset !== undefined) return new Date(zonedInstantMs(time));
  wrong('muted_until', 'is a time with its zone, 2026-01-31T18:00:00Z');
  return null;
}
