import { binaryColumn, type Client } from '../base/db.ts';
import type { AlertRule } from './alert-rule.ts';
import type { Explanation } from './explanation.ts';

/** What fires now: of which rule and target, and why. */
export type FiredAlert = {
  rule: AlertRule;
  target: string;
  place_id: string | null;
  currency: string | null;
  value: number;
  baseline: number | null;
  window_from: Date;
  window_to: Date;
  explanation: Explanation;
  fired_at: Date;
};

export type AlertEventDeps = { epoch: number };

const time = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

// entity_seq is drawn while the alert's row is locked by the statement that wrote it: of one alert it rises from
// `alert.fired` to `alert.resolved`.
const writeEvents = (type: 'alert.fired' | 'alert.resolved', epoch: string) => `
  insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload)
  select ${epoch}, 'notifications', '${type}', 'alert:' || a.alert_id, nextval('ops.outbox_entity_seq'),
    jsonb_build_object('event_id', gen_random_uuid(), 'type', '${type}', 'created_at', ${time('now()')}, 'id', a.alert_id,
      'rule_id', a.rule_id, 'rule_name', a.rule_name, 'kind', a.kind, 'metric', a.metric, 'place_id', a.place_id,
      'place_name', p.place_name, 'product_id', a.product_id, 'category', a.category, 'currency', a.currency,
      'value', a.value, 'baseline', a.baseline, 'threshold', a.threshold,
      'window', jsonb_build_object('from', ${time('a.window_from')}, 'to', ${time('a.window_to')}),
      'explanation', a.explanation, 'fired_at', ${time('a.fired_at')}, 'resolved_at', ${time('a.resolved_at')},
      'state', case when a.resolved_at is null then 'firing' else 'resolved' end, 'channels', to_jsonb(a.channels))
  from moved as a left join ops.place as p on p.place_id = a.place_id
  order by a.alert_id`;

// Who was killed in between left nothing; who comes second finds the alert that fires already, and tells nobody. A
// rule that was changed or deleted since it was judged fires nothing; one that is about to be waits, and resolves it.
const insertAlerts = `
  with unchanged as materialized (
    select r.rule_id from ops.alert_rule as r join unnest($3::int4[], $4::timestamptz[]) as i(rule_id, updated_at) using (rule_id)
    where r.enabled and r.updated_at < i.updated_at + interval '2 milliseconds'
    order by r.rule_id for share of r
  ),
  moved as (
    insert into ops.alert (rule_id, rule_name, kind, metric, target, place_id, product_id, category, currency, value,
      baseline, threshold, window_from, window_to, explanation, channels, fired_at)
    select rule_id, rule_name, kind, metric, target, place_id, product_id, category, currency, value,
      baseline, threshold, window_from, window_to, explanation, channels, fired_at
    from jsonb_populate_recordset(null::ops.alert, $1) as i
    where rule_id in (select rule_id from unchanged)
    order by rule_id, target
    on conflict (rule_id, target) where resolved_at is null do nothing
    returning *
  ),
  told as (${writeEvents('alert.fired', '$2')})
  select alert_id, rule_id, target from moved`;

export type AlertKey = { alert_id: number; rule_id: number; target: string };

/** Alerts and their events, in the caller's transaction. Answers those that did not fire already. */
export async function fireAlerts(
  client: Client,
  { epoch }: AlertEventDeps,
  fired: readonly FiredAlert[],
): Promise<AlertKey[]> {
  if (fired.length === 0) return [];
  const rows = fired.map(({ rule, ...alert }) => ({
    ...{ rule_id: rule.rule_id, rule_name: rule.name, kind: rule.kind, metric: rule.metric },
    ...{ product_id: rule.product_id, category: rule.category, channels: rule.channels },
    threshold: rule.below ?? rule.above,
    ...alert,
  }));
  const rules = [...new Set(fired.map(({ rule }) => rule))];
  const written = await client.query<AlertKey>({
    name: 'fire-alerts',
    text: insertAlerts,
    values: [
      ...[JSON.stringify(rows), epoch],
      binaryColumn('int4', rules, ({ rule_id }) => rule_id),
      binaryColumn('timestamptz', rules, ({ updated_at }) => updated_at.getTime()),
    ],
  });
  return written.rows;
}

// The rules first, as whoever changes one does: two that wait for each other would both fail.
const resolve = `
  with locked as materialized (
    select r.rule_id from ops.alert_rule as r
    where r.rule_id in (select a.rule_id from ops.alert as a where a.alert_id = any($1::bigint[]))
    order by r.rule_id for share of r
  ),
  moved as (
    update ops.alert as a set resolved_at = i.at
    from unnest($1::bigint[], $2::timestamptz[]) as i(alert_id, at)
    where a.alert_id = i.alert_id and a.resolved_at is null and (select count(*) from locked) >= 0
    returning a.*
  ),
  told as (${writeEvents('alert.resolved', '$3')})
  select alert_id, rule_id, target from moved`;

/** What fires no longer, each since its time, with its event, in the caller's transaction. */
export async function resolveAlerts(
  client: Client,
  { epoch }: AlertEventDeps,
  resolved: readonly { alertId: number; at: Date }[],
): Promise<AlertKey[]> {
  if (resolved.length === 0) return [];
  const ids = resolved.map(({ alertId }) => alertId);
  const times = resolved.map(({ at }) => at);
  const { rows } = await client.query<AlertKey>({
    name: 'resolve-alerts',
    text: resolve,
    values: [ids, times, epoch],
  });
  return rows;
}

const resolveOfRule = `
  with moved as (
    update ops.alert as a set resolved_at = $2 where a.rule_id = $1 and a.resolved_at is null returning a.*
  ),
  told as (${writeEvents('alert.resolved', '$3')})
  select count(*) from moved`;

/** A rule that is changed, switched off or deleted has nothing firing any more. */
export async function resolveAlertsOfRule(
  client: Client,
  { epoch }: AlertEventDeps,
  ruleId: number,
  at: Date,
): Promise<void> {
  await client.query({ text: resolveOfRule, values: [ruleId, at, epoch] });
}
