import { binaryColumn, type Queryable } from '../base/db.ts';
import type { AlertRule } from './alert-rule.ts';
import type { Track } from './decide-alerts.ts';

/** By rule and target. */
export type Tracks = Map<number, Map<string, Track>>;

// What fires, and what was resolved so lately that its cool-down still runs.
const selectTracks = `
  select distinct on (a.rule_id, a.target) a.alert_id, a.rule_id, a.target, a.resolved_at
  from unnest($1::int4[], $2::timestamptz[]) as r(rule_id, since)
  join ops.alert as a on a.rule_id = r.rule_id and (a.resolved_at is null or a.resolved_at > r.since)
  order by a.rule_id, a.target, a.resolved_at desc nulls first`;

type Row = { alert_id: number; rule_id: number; target: string; resolved_at: Date | null };

export async function readTracks(
  client: Queryable,
  rules: readonly AlertRule[],
  nowMs: number,
): Promise<Tracks> {
  const tracks: Tracks = new Map(rules.map(({ rule_id }) => [rule_id, new Map()]));
  const cooldowns = new Map(rules.map((rule) => [rule.rule_id, rule.cooldown_minutes * 60_000]));
  const { rows } = await client.query<Row>({
    name: 'alert-tracks',
    text: selectTracks,
    values: [
      binaryColumn('int4', rules, ({ rule_id }) => rule_id),
      // Times that were held back are judged late, so the cool-down may have ended before now.
      binaryColumn('timestamptz', rules, (rule) => nowMs - rule.cooldown_minutes * 60_000 - heldMs),
    ],
  });
  for (const { alert_id: alertId, rule_id: ruleId, target, resolved_at: resolvedAt } of rows)
    tracks.get(ruleId)!.set(target, {
      ...{ alertId, isFiring: resolvedAt === null },
      quietUntilMs: resolvedAt === null ? 0 : resolvedAt.getTime() + cooldowns.get(ruleId)!,
    });
  return tracks;
}

const heldMs = 3 * 3_600_000;
