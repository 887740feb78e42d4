import type { Queryable } from '../base/db.ts';
import type { TableColumn } from '../http/parquet.ts';
import type { RuleKind } from './alert-rule.ts';
import type { Explanation } from './explanation.ts';

export const alertStates = ['firing', 'resolved'] as const;
export type AlertState = (typeof alertStates)[number];

type StoredAlert = {
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
  window_from: Date;
  window_to: Date;
  explanation: Explanation;
  channels: string[];
  fired_at: Date;
  resolved_at: Date | null;
};

const columns = `
  a.alert_id as id, a.rule_id, a.rule_name, a.kind, a.metric, a.place_id, p.place_name, a.product_id, a.category,
  a.currency, a.value, a.baseline, a.threshold, a.window_from, a.window_to, a.explanation, a.channels, a.fired_at,
  a.resolved_at`;

// Newest first by number, which rises with the time of firing.
const selectAlerts = `
  select ${columns} from ops.alert as a left join ops.place as p on p.place_id = a.place_id
  where a.alert_id < $1
    and ($2::text is null or (a.resolved_at is null) = ($2 = 'firing'))
    and ($3::text is null or a.place_id = $3)
    and ($4::integer is null or a.rule_id = $4)
    and ($5::timestamptz is null or a.fired_at >= $5)
    and ($6::timestamptz is null or a.fired_at < $6)
  order by a.alert_id desc limit $7`;

/** `from` and `to` are about the time of firing, RFC 3339, `to` not included; `before` is the id of the last one seen. */
export type AlertsQuery = {
  state?: AlertState | undefined;
  placeId?: string | undefined;
  ruleId?: number | undefined;
  from?: string | undefined;
  to?: string | undefined;
  before?: number | undefined;
  limit: number;
};

export async function listAlerts(client: Queryable, query: AlertsQuery): Promise<ShownAlert[]> {
  const { rows } = await client.query<StoredAlert>({
    text: selectAlerts,
    values: [
      ...[query.before ?? Number.MAX_SAFE_INTEGER, query.state ?? null, query.placeId ?? null],
      ...[query.ruleId ?? null, query.from ?? null, query.to ?? null, query.limit],
    ],
  });
  return rows.map(shownAlert);
}

/** Undefined where there is none, or it is of another place than the one that may be seen. */
export async function findAlert(
  client: Queryable,
  alertId: number,
  boundPlaceId: string | undefined,
): Promise<ShownAlert | undefined> {
  const { rows } = await client.query<StoredAlert>({
    text: `select ${columns} from ops.alert as a left join ops.place as p on p.place_id = a.place_id
      where a.alert_id = $1 and ($2::text is null or a.place_id = $2)`,
    values: [alertId, boundPlaceId ?? null],
  });
  return rows[0] === undefined ? undefined : shownAlert(rows[0]);
}

function shownAlert({ window_from, window_to, fired_at, resolved_at, channels, ...row }: StoredAlert) {
  return {
    ...row,
    window: { from: window_from.toISOString(), to: window_to.toISOString() },
    fired_at: fired_at.toISOString(),
    resolved_at: resolved_at?.toISOString() ?? null,
    state: (resolved_at === null ? 'firing' : 'resolved') as AlertState,
    channels,
  };
}

export type ShownAlert = ReturnType<typeof shownAlert>;

const texts = (names: readonly string[]): TableColumn[] => names.map((name) => ({ name, kind: 'text' }));

export const alertColumns: readonly TableColumn[] = [
  ...texts(['id', 'state', 'fired_at', 'resolved_at', 'rule_id', 'rule_name', 'kind', 'metric']),
  ...texts(['place_id', 'place_name', 'product_id', 'category', 'currency']),
  ...texts(['value', 'baseline', 'threshold', 'window_from', 'window_to', 'explanation']),
];

const alertsPerChunk = 1_000;

/** Every alert of a question, a page at a time. */
export async function* alertCells(client: Queryable, query: Omit<AlertsQuery, 'limit' | 'before'>) {
  for (let before: number | undefined; ; ) {
    const page: ShownAlert[] = await listAlerts(client, { ...query, before, limit: alertsPerChunk });
    yield page.map((alert) => [
      ...[String(alert.id), alert.state, alert.fired_at, alert.resolved_at, String(alert.rule_id)],
      ...[alert.rule_name, alert.kind, alert.metric, alert.place_id, alert.place_name, alert.product_id],
      ...[alert.category, alert.currency, alert.value, alert.baseline, alert.threshold],
      ...[alert.window.from, alert.window.to, alert.explanation.text],
    ]);
    if (page.length < alertsPerChunk) return;
    before = page.at(-1)!.id;
  }
}
