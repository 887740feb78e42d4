import type { CheckedRule } from './alert-rule.ts';
import type { AlertRuleRoutesDeps } from './rule-routes.ts';

export async function previewRule(
  _deps: AlertRuleRoutesDeps,
  _rule: CheckedRule,
  _range: { fromMs: number; toMs: number },
) {
  const [place_id, place_name, currency] = [null, null, null];
  return { place_id, place_name, currency, series: [], alerts: [] };
}
