import { type Database, inTransaction, type Queryable } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { AlertRule, CheckedRule } from './alert-rule.ts';
import { resolveAlertsOfRule } from './write-alerts.ts';

const fields = [
  ...(['name', 'kind', 'metric', 'place_id', 'all_places', 'product_id', 'category', 'currency'] as const),
  ...(['window_minutes', 'below', 'above', 'weeks', 'sensitivity', 'cooldown_minutes', 'channels'] as const),
  ...(['language', 'muted_until', 'enabled'] as const),
] as const;
/** A change of these changes what the rule says about a moment. */
const judging = fields.slice(1, fields.indexOf('cooldown_minutes'));
const columns = ['rule_id', ...fields, 'created_at', 'updated_at'].join(', ');

const valuesOf = (rule: CheckedRule) => fields.map((field) => rule[field]);
const unknownRule = (ruleId: number) => new CodedError('not_found', `there is no alert rule ${ruleId}`);

export async function listRules(
  client: Queryable,
  page: { after: number; limit: number },
): Promise<AlertRule[]> {
  const { rows } = await client.query<AlertRule>({
    text: `select ${columns} from ops.alert_rule where rule_id > $1 order by rule_id limit $2`,
    values: [page.after, page.limit],
  });
  return rows;
}

/** Those that are switched on. */
export async function listEnabledRules(client: Queryable): Promise<AlertRule[]> {
  const { rows } = await client.query<AlertRule>({
    name: 'list-alert-rules',
    text: `select ${columns} from ops.alert_rule where enabled order by rule_id`,
  });
  return rows;
}

/** Error `not_found`. */
export async function findRule(client: Queryable, ruleId: number): Promise<AlertRule> {
  const { rows } = await client.query<AlertRule>({
    text: `select ${columns} from ops.alert_rule where rule_id = $1`,
    values: [ruleId],
  });
  if (rows[0] === undefined) throw unknownRule(ruleId);
  return rows[0];
}

const numbered = fields.map((_, index) => `$${index + 1}`).join(', ');

export async function createRule(pool: Database, rule: CheckedRule): Promise<AlertRule> {
  const { rows } = await pool.query<AlertRule>({
    text: `insert into ops.alert_rule (${fields.join(', ')}) values (${numbered}) returning ${columns}`,
    values: valuesOf(rule),
  });
  return rows[0]!;
}

type Deps = { pool: Database; epoch: number; now: Date };

/** What fires by it is resolved where it says something else now, or is switched off. Error `not_found`. */
export async function changeRule(
  { pool, epoch, now }: Deps,
  ruleId: number,
  rule: CheckedRule,
): Promise<AlertRule> {
  const text = `
    update ops.alert_rule set (${fields.join(', ')}) = (${numbered}), updated_at = now()
    where rule_id = $${fields.length + 1} returning ${columns}`;
  return await inTransaction(pool, async (client) => {
    const { rows: before } = await client.query<AlertRule>({
      text: `select ${columns} from ops.alert_rule where rule_id = $1 for update`,
      values: [ruleId],
    });
    if (before[0] === undefined) throw unknownRule(ruleId);
    const { rows } = await client.query<AlertRule>({ text, values: [...valuesOf(rule), ruleId] });
    const isOther = judging.some((field) => before[0]![field] !== rows[0]![field]);
    if (isOther || !rule.enabled) await resolveAlertsOfRule(client, { epoch }, ruleId, now);
    return rows[0]!;
  });
}

/** What fires by it is resolved; its past alerts stay. Error `not_found`. */
export async function deleteRule({ pool, epoch, now }: Deps, ruleId: number): Promise<AlertRule> {
  return await inTransaction(pool, async (client) => {
    const { rows } = await client.query<AlertRule>({
      text: `delete from ops.alert_rule where rule_id = $1 returning ${columns}`,
      values: [ruleId],
    });
    if (rows[0] === undefined) throw unknownRule(ruleId);
    await resolveAlertsOfRule(client, { epoch }, ruleId, now);
    return rows[0];
  });
}

const setMute =
  'update ops.alert_rule set muted_until = $2, updated_at = now() where rule_id = $1 returning rule_id';

/** Fires nothing before `until`; null lets it fire again. Error `not_found`. */
export async function muteRule(pool: Database, ruleId: number, until: Date | null): Promise<void> {
  const { rows } = await pool.query({ text: setMute, values: [ruleId, until] });
  if (rows.length === 0) throw unknownRule(ruleId);
}
