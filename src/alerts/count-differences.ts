import type { Queryable } from '../base/db.ts';
import type { CheckedRule } from './alert-rule.ts';
import { type Judgement, targetOf } from './judgement.ts';
import { windowUpToNow } from './local-time.ts';

export type FoundDifferences = { finishedMs: number; differences: number };

const selectAudits = `
  select extract(epoch from finished_at)::float8 * 1000 as "finishedMs", jsonb_array_length(differences) as differences
  from ops.audit where differences <> '[]' and finished_at >= $1 and finished_at < $2`;

/** Audits that found something, which `keepAudited` wrote. */
export async function findDifferences(
  client: Queryable,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Promise<FoundDifferences[]> {
  const { rows } = await client.query<FoundDifferences>({
    name: 'alert-audits',
    text: selectAudits,
    values: [new Date(fromMs).toISOString(), new Date(toMs).toISOString()],
  });
  return rows;
}

export function judgeAudits(rule: CheckedRule, found: readonly FoundDifferences[], atMs: number): Judgement {
  const [fromMs, toMs] = windowUpToNow(rule, atMs);
  const value = found
    .filter(({ finishedMs }) => finishedMs >= fromMs && finishedMs < toMs)
    .reduce((sum, { differences }) => sum + differences, 0);
  return {
    ...{ target: targetOf('audit'), placeId: null, currency: null, atMs, isOver: value > rule.above! },
    ...{ value, baseline: null, lower: null, upper: rule.above, windowFromMs: fromMs, windowToMs: toMs },
  };
}
