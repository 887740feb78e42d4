import type { GetAlertRulesIdAnswer } from '../api-answers.ts';
import type { RuleKind } from './alerts-figures.ts';

export type AlertRule = GetAlertRulesIdAnswer;
export type Scope = 'each_place' | 'all_places' | 'place';
/** A rule while it is written: numbers as they are typed. */
export type RuleDraft = {
  name: string;
  kind: RuleKind;
  metric: string;
  scope: Scope;
  place: string;
  product: string;
  category: string;
  currency: string;
  window: string;
  direction: 'below' | 'above';
  limit: string;
  cooldown: string;
  channels: readonly string[];
  enabled: boolean;
};

const wholeMetrics = ['net', 'sales', 'receipts', 'average_receipt', 'units', 'refunds', 'refund_receipts'];
export const metricsOf: Record<RuleKind, readonly string[]> = {
  threshold: [...wholeMetrics, 'discounts', 'nds', 'tips'],
  change: [...wholeMetrics, 'discounts', 'nds', 'tips'],
  silence: ['receipts'],
  refunds: ['refund_amount', 'refund_rate'],
  audit: ['differences'],
  lag: ['lag', 'stream_lag', 'fold_lag'],
};
export const ruleKinds = Object.keys(metricsOf) as RuleKind[];

/** What each kind starts with. */
const starts: Record<RuleKind, Pick<RuleDraft, 'window' | 'direction' | 'limit'>> = {
  threshold: { window: '60', direction: 'below', limit: '1000' },
  change: { window: '60', direction: 'below', limit: '40' },
  silence: { window: '30', direction: 'below', limit: '' },
  refunds: { window: '60', direction: 'above', limit: '10000' },
  audit: { window: '1440', direction: 'above', limit: '0' },
  lag: { window: '5', direction: 'above', limit: '60' },
};

export function startDraft(kind: RuleKind, draft: Partial<RuleDraft> = {}): RuleDraft {
  return {
    ...{ name: '', scope: 'each_place', place: '', product: '', category: '', currency: '' },
    ...{ cooldown: '60', channels: [], enabled: true },
    ...draft,
    ...{ kind, metric: metricsOf[kind][0]!, ...starts[kind] },
  };
}

export function draftOf(rule: AlertRule): RuleDraft {
  const limit = rule.below ?? rule.above;
  return {
    ...{ name: rule.name, kind: rule.kind, metric: rule.metric },
    scope: rule.place_id === null ? rule.scope : 'place',
    ...{ place: rule.place_id ?? '', product: rule.product_id ?? '', category: rule.category ?? '' },
    ...{ currency: rule.currency ?? '', window: String(rule.window_minutes) },
    direction: rule.below === null ? 'above' : 'below',
    // A drop is a negative change; it is typed without its sign.
    limit: limit === null ? '' : String(rule.kind === 'change' ? Math.abs(limit) : limit),
    ...{ cooldown: String(rule.cooldown_minutes), channels: rule.channels, enabled: rule.enabled },
  };
}

export const isOfSales = (kind: RuleKind) => kind === 'threshold' || kind === 'change';
export const hasPlaces = (kind: RuleKind) => kind !== 'audit' && kind !== 'lag';

/** The body that makes a rule, or changes `rule` and keeps what the form does not show. */
export function bodyOf(draft: RuleDraft, rule: AlertRule | undefined) {
  const { kind, direction } = draft;
  const limit = Number(draft.limit);
  const signed = kind === 'change' && direction === 'below' ? -limit : limit;
  const text = (name: string, value: string, isAsked: boolean) =>
    isAsked && value !== '' ? { [name]: value } : {};
  return {
    ...{ name: draft.name, kind, metric: draft.metric, window_minutes: Number(draft.window) },
    ...(kind === 'silence' || draft.limit === '' ? {} : { [direction]: signed }),
    ...(hasPlaces(kind) && draft.scope !== 'place' && kind !== 'silence' ? { scope: draft.scope } : {}),
    ...text('place_id', draft.place, hasPlaces(kind) && draft.scope === 'place'),
    ...text('category', draft.category, isOfSales(kind)),
    ...text('product_id', draft.product, isOfSales(kind)),
    ...text('currency', draft.currency, true),
    ...{ cooldown_minutes: Number(draft.cooldown), channels: draft.channels, enabled: draft.enabled },
    ...(rule === undefined
      ? { language: document.documentElement.lang === 'ru' ? 'ru' : 'en' }
      : {
          ...{ weeks: rule.weeks, sensitivity: rule.sensitivity, language: rule.language },
          muted_until: rule.muted_until,
        }),
  };
}
