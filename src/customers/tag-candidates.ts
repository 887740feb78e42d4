import { addDays } from '../base/time.ts';
import type { Candidate, Decision } from './decide-tags.ts';
import type { Counter, SaleStep } from './gather-counts.ts';
import type { TagRule } from './tag-rule.ts';
import type { ChangedTag } from './write-tags.ts';

const nameOf = ({ userNo, keyNo }: Counter) => `${userNo} ${keyNo}`;

/** The rules to be asked again for counters that moved: each customer and rule once. */
export function candidatesOf(rules: readonly TagRule[], counters: Iterable<Counter>): Candidate[] {
  const byKey = Map.groupBy(rules, (rule) => rule.key_no);
  const seen = new Set<string>();
  const candidates: Candidate[] = [];
  for (const counter of counters) {
    const name = nameOf(counter);
    if (seen.has(name)) continue;
    seen.add(name);
    for (const rule of byKey.get(counter.keyNo) ?? [])
      candidates.push({ ruleId: rule.rule_id, userNo: counter.userNo });
  }
  return candidates;
}

function figureOf(rule: TagRule, step: SaleStep, today: string): number {
  if (rule.currency !== null && rule.currency !== step.currency) return 0;
  if (rule.window_days !== null && step.date <= addDays(today, -rule.window_days)) return 0;
  return step[rule.metric];
}

/**
 * Finds the sale that decided each change: going back from the value as it is now, the last one before which
 * the value was on the other side of the threshold. The value told is the one right after that sale.
 */
export function findEvidence(
  decisions: readonly Decision[],
  rules: readonly TagRule[],
  steps: readonly SaleStep[],
  today: string,
): ChangedTag[] {
  if (decisions.length === 0) return [];
  const rulesById = new Map(rules.map((rule) => [rule.rule_id, rule]));
  const stepsOf = Map.groupBy(steps, nameOf);
  return decisions.map((decision) => {
    const rule = rulesById.get(decision.ruleId)!;
    const own = stepsOf.get(nameOf({ userNo: decision.userNo, keyNo: rule.key_no })) ?? [];
    let value = decision.value;
    for (const step of own.toReversed()) {
      const before = value - figureOf(rule, step, today);
      if (before > rule.threshold !== decision.assigned) {
        const { source, source_id: sourceId, position } = step.row;
        return { ...decision, value, evidence: { source, sourceId, position } };
      }
      value = before;
    }
    // A counter that was waiting for an earlier change of a sale: whatever came last brought it about.
    const last = own.at(-1)?.row;
    if (last === undefined) return decision;
    const evidence = { source: last.source, sourceId: last.source_id, position: last.position };
    return { ...decision, evidence };
  });
}
