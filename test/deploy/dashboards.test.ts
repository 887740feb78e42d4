import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { dashboards, dashboardText } from '../../deploy/grafana/source/dashboards.ts';
import type { PrometheusQuery, Query, SqlQuery } from '../../deploy/grafana/source/panel.ts';
import { createBiRole, dropBiRole } from '../../src/analytics/bi-role.ts';
import { whyNoKafka } from '../kafka.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';
import { startPrometheus, type TestPrometheus, whyNoPrometheus } from './prometheus.ts';
import { metricsOf, readRules, recordedOf } from './read-rules.ts';

const skip = whyNoPrometheus() ?? false;
/** Without Kafka its lag is that of nothing. */
const stream = whyNoKafka() === undefined ? 'kafka' : 'embedded';
const metricsToken = 'metrics-token-of-the-tests';
const role = `grafana_${process.pid}`;
const zone = 'Europe/Moscow';
const dayMs = 24 * 3600 * 1000;
let tested: TestProgram;
let prometheus: TestPrometheus;
let reader: pg.Client;

/** The first second of a day so many days ago, as a till writes it: never in the future. */
function saleTime(daysAgo: number): string {
  const at = Temporal.Now.zonedDateTimeISO(zone).subtract({ days: daysAgo }).startOfDay();
  return at.toPlainDateTime().toString({ smallestUnit: 'second' });
}

/** Receipts of three places over twenty days, and one that is refused. */
async function send(batch: string): Promise<void> {
  const documents = Array.from({ length: 20 }, (_, index) =>
    receipt({
      transaction_id: `${batch}-${index}`,
      timestamp: saleTime(index),
      place_id: `store-${index % 3}`,
      place_name: `Store '${index % 3}'`,
    }),
  );
  const body = [...documents, { transaction_id: `${batch}-bad` }]
    .map((one) => JSON.stringify(one))
    .join('\n');
  const headers = { 'content-type': 'application/x-ndjson' };
  assert.equal((await tested.call('POST', '/api/checks/', body, headers)).status, 202);
  await tested.settle();
}

before(async () => {
  if (skip) return;
  const env = { METRICS_TOKEN: metricsToken, DEFAULT_TIME_ZONE: zone };
  tested = await startTestProgram(env, { stream });
  prometheus = await startPrometheus(new URL(tested.program.address).host, metricsToken);
  const { name, password } = await createBiRole(tested.database.pool, { name: role, personal: false });
  const url = new URL(tested.database.connectionString);
  [url.username, url.password] = [name, password];
  reader = new pg.Client({ connectionString: url.href });
  await reader.connect();
  // A series that begins with what it counts is seen to rise only by what comes after.
  await send('first');
  await prometheus.finds('tillstream_fold_seconds_count{step="fold"} > 0');
  await send('second');
  await prometheus.finds('rate(tillstream_fold_seconds_count{step="fold"}[1m]) > 0');
});
after(async () => {
  await reader?.end();
  await prometheus?.stop();
  if (reader !== undefined) await dropBiRole(tested.database.pool, role);
  await tested?.stop();
});

type Asked = { where: string; query: Query };
const panels: Asked[] = Object.values(dashboards).flatMap((dashboard) =>
  dashboard.panels.flatMap(({ title, targets }) =>
    targets.map((query) => ({ where: `${dashboard.title}: ${title}`, query })),
  ),
);
const variables = Object.values(dashboards).flatMap((dashboard) => dashboard.templating?.list ?? []);
const isSql = (query: Query): query is SqlQuery => 'rawSql' in query;
const isPrometheus = (query: Query): query is PrometheusQuery => 'expr' in query;

test('what Grafana reads is what the code makes', () => {
  const folder = 'deploy/grafana/dashboards';
  assert.deepEqual(globSync('*.json', { cwd: folder }).sort(), Object.keys(dashboards).sort());
  for (const [file, dashboard] of Object.entries(dashboards))
    assert.equal(
      readFileSync(path.join(folder, file), 'utf8'),
      dashboardText(dashboard),
      `${file} is stale; run npm run dashboards`,
    );
  const sources = readFileSync('deploy/grafana/provisioning/datasources/datasources.yml', 'utf8');
  for (const { query } of panels) {
    const { type, uid } = query.datasource as { type: string; uid: string };
    assert.match(sources, new RegExp(`uid: ${uid}\\n +type: ${type}\\n`));
  }
});

test('rules and dashboards name metrics that the program has', { skip }, async () => {
  const answer = await fetch(`${tested.program.address}/metrics`, {
    headers: { authorization: `Bearer ${metricsToken}` },
  });
  const exposed = new Set([...(await answer.text()).matchAll(/^# TYPE (\w+) /gm)].map((match) => match[1]!));
  assert.ok(exposed.size > 40);
  const rules = readRules();
  const expressions = [
    ...rules.map(({ expr }) => expr),
    ...panels
      .map(({ query }) => query)
      .filter(isPrometheus)
      .map(({ expr }) => expr),
    ...variables.map(({ query }) => String(query)),
  ];
  const unknown = expressions.flatMap(metricsOf).filter((name) => !exposed.has(name));
  assert.deepEqual(unknown, []);
  const recorded = new Set(rules.flatMap((rule) => ('record' in rule ? [rule.record] : [])));
  assert.deepEqual(
    expressions.flatMap(recordedOf).filter((name) => !recorded.has(name)),
    [],
  );
});

test('every query of a dashboard finds something in Prometheus', { skip }, async () => {
  const empty: string[] = [];
  for (const { where, query } of panels) {
    if (!isPrometheus(query)) continue;
    const expression = query.expr
      .replaceAll('$__rate_interval', '1m')
      .replaceAll('$service', 'tillstream|another');
    assert.doesNotMatch(expression, /\$/, `${where} has a variable that nobody sets`);
    const found = query.instant ? await prometheus.ask(expression) : await prometheus.askRange(expression);
    if (found.length === 0) empty.push(`${where}: ${expression}`);
  }
  assert.deepEqual(empty, []);
  assert.deepEqual(await prometheus.values('service', 'up{job="tillstream"}'), ['tillstream']);
});

/** As Grafana does it: https://grafana.com/docs/grafana/latest/datasources/postgres/#macros */
function expand(sql: string): string {
  const [from, to] = [Date.now() - 12 * dayMs, Date.now()].map((ms) => `'${new Date(ms).toISOString()}'`);
  return sql
    .replace(/\$__timeFilter\(([^)]+)\)/g, `$1 BETWEEN ${from} AND ${to}`)
    .replaceAll('$__timeFrom()', from!)
    .replaceAll('$__timeTo()', to!)
    .replaceAll(/\$\{__timezone\}/g, zone)
    .replaceAll('$currency', 'RUB')
    .replaceAll('$place', "'store-0','store-1'");
}

test('every query of a dashboard finds something in PostgreSQL, as who may read the views alone', {
  skip,
}, async () => {
  const asked = [
    ...panels.filter((one): one is { where: string; query: SqlQuery } => isSql(one.query)),
    ...variables
      .filter(({ datasource }) => datasource?.uid === 'sales')
      .map(({ name, query }) => ({
        where: name,
        query: { rawSql: String(query), format: 'table' as const },
      })),
  ];
  assert.ok(asked.length > 15);
  for (const { where, query } of asked) {
    const text = expand(query.rawSql);
    assert.doesNotMatch(text, /\$/, `${where} has a macro that nobody expands`);
    const { rows, fields } = await reader.query(text);
    assert.ok(rows.length > 0, `${where} finds nothing: ${text}`);
    for (const { name } of fields)
      assert.ok(
        rows.some((row) => row[name] !== null),
        `${where}: ${name} is empty`,
      );
    if (query.format === 'time_series') assert.ok(rows[0].time instanceof Date, `${where} has no time`);
  }
});

test('what dashboards show is what the API answers', { skip }, async () => {
  const figure = async (dashboard: string, title: string) => {
    const panel = dashboards[dashboard]!.panels.find((one) => one.title === title);
    const { rows } = await reader.query(expand((panel!.targets[0] as SqlQuery).rawSql));
    return Number(Object.values(rows[0])[0]);
  };
  const now = Temporal.Now.zonedDateTimeISO(zone).toPlainDate();
  const range = `from=${now.subtract({ days: 12 })}&to=${now}&place_id=store-0&place_id=store-1`;
  const { body } = await tested.call('GET', `/api/analytics/sales?granularity=total&${range}`);
  const [row] = body.rows;
  assert.ok(row.net > 0);
  for (const dashboard of ['products.json', 'growth.json'])
    assert.equal(await figure(dashboard, 'Net sales'), row.net);
  assert.equal(await figure('products.json', 'Receipts'), row.receipts);
});
