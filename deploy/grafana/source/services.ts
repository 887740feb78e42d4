import { makeDashboard, services } from './dashboard.ts';
import { ask, type Look, stat, timeSeries } from './panel.ts';

const own = 'service=~"$service"';
const rate = (series: string) => `rate(${series}[$__rate_interval])`;

/** What rests has no series, which is as it should be. */
const orNone = (expression: string) => `${expression} or on () vector(0)`;

const graph = (look: Look, queries: Record<string, string>) =>
  timeSeries({ width: 8, ...look }, ask(queries));
const count = (look: Look, name: string, expression: string) =>
  stat({ width: 4, ...look }, ask({ [name]: expression }, 'instant'));

const quantile = (histogram: string, by: string) =>
  `histogram_quantile(0.95, sum by (${by}, le) (${rate(`tillstream_${histogram}_bucket{${own}}`)})) > 0`;

const overview = [
  count(
    { title: 'Programs that answer', colours: ['red', [1, 'green']] },
    'programs',
    `sum(up{job="tillstream", ${own}})`,
  ),
  count(
    { title: 'Checks that fail', colours: ['green', [1, 'red']] },
    'checks',
    orNone(`count(tillstream_ready{${own}} == 0)`),
  ),
  count(
    { title: 'Alerts', colours: ['green', [1, 'red']], description: 'What docs/monitoring.md lists.' },
    'alerts',
    orNone('count(ALERTS{alertname=~"Tillstream.*", alertstate="firing"})'),
  ),
  count(
    { title: 'Rows to fold', unit: 'short', colours: ['green', [5_000, 'orange'], [20_000, 'red']] },
    'rows',
    'max(tillstream_tail_rows)',
  ),
  count(
    { title: 'Messages to load', unit: 'short', colours: ['green', [10_000, 'red']] },
    'messages',
    orNone('sum(tillstream_stream_lag)'),
  ),
  count(
    { title: 'Audit differences in a day', unit: 'short', decimals: 0, colours: ['green', [1, 'red']] },
    'figures',
    orNone('sum(increase(tillstream_audit_differences_total[1d]))'),
  ),
];

const messages = [
  graph(
    { title: 'Documents that came in', unit: 'ops' },
    {
      '{{service}} {{role}} {{verdict}}': `sum by (service, role, verdict) (${rate(`tillstream_messages_total{${own}, direction="in"}`)})`,
    },
  ),
  graph(
    { title: 'Messages that went out', unit: 'ops' },
    {
      '{{service}} {{topic}}': `sum by (service, topic) (${rate(`tillstream_messages_total{${own}, direction="out"}`)})`,
    },
  ),
  graph(
    { title: 'Documents in all, by verdict', unit: 'short' },
    {
      '{{verdict}}': `sum by (verdict) (tillstream_messages_total{${own}, role="processor", direction="in"})`,
    },
  ),
];

const duration = [
  graph(
    {
      ...{ title: 'Processing time of a batch, mean', unit: 's' },
      description: 'From where a batch enters a stage of a service to where it leaves it.',
    },
    {
      '{{service}} {{stage}}': `sum by (service, role, stage) (${rate(`tillstream_message_seconds_sum{${own}}`)}) / (sum by (service, role, stage) (${rate(`tillstream_message_seconds_count{${own}}`)}) > 0)`,
    },
  ),
  graph(
    { title: 'Processing time of a batch, 95 %', unit: 's' },
    { '{{service}} {{stage}}': quantile('message_seconds', 'service, role, stage') },
  ),
  graph(
    { title: 'Load transaction and fold, 95 %', unit: 's' },
    {
      '{{service}} load': quantile('load_seconds', 'service'),
      '{{service}} {{step}}': quantile('fold_seconds', 'service, step'),
    },
  ),
  graph(
    { title: 'Requests by status', unit: 'reqps' },
    {
      '{{service}} {{status}}': `sum by (service, status) (${rate(`tillstream_http_seconds_count{${own}}`)})`,
    },
  ),
  graph(
    { title: 'Requests, 95 %', unit: 's' },
    { '{{service}} {{method}} {{route}}': quantile('http_seconds', 'service, method, route') },
  ),
  graph(
    { title: 'Documents in a load transaction, mean', unit: 'short' },
    {
      '{{service}}': `sum by (service) (${rate(`tillstream_load_batch_documents_sum{${own}}`)}) / (sum by (service) (${rate(`tillstream_load_batch_documents_count{${own}}`)}) > 0)`,
    },
  ),
];

const lag = [
  graph(
    {
      title: 'Messages of Kafka not loaded yet',
      unit: 'short',
      description: 'Without Kafka there are none.',
    },
    { '{{topic}}': orNone('sum by (topic) (tillstream_stream_lag)') },
  ),
  graph(
    { title: 'Fold, customers and vault: how far behind', unit: 's' },
    { '{{follower}}': 'max by (follower) (tillstream_follower_lag_seconds)' },
  ),
  graph(
    { title: 'Rows not folded yet', unit: 'short', description: 'Past 20,000 loading waits.' },
    { rows: 'max(tillstream_tail_rows)' },
  ),
];

const machine = [
  graph(
    { title: 'CPU', unit: 'percentunit', description: '100 % is one core.' },
    { '{{service}} {{instance}}': rate(`tillstream_process_cpu_seconds_total{${own}}`) },
  ),
  graph(
    { title: 'Memory', unit: 'bytes' },
    {
      '{{service}} {{instance}}': `tillstream_process_resident_memory_bytes{${own}}`,
      '{{service}} {{instance}} heap': `tillstream_nodejs_heap_size_used_bytes{${own}}`,
    },
  ),
  graph(
    { title: 'Memory of its limit', unit: 'percentunit' },
    {
      '{{service}} {{instance}}': `tillstream_process_resident_memory_bytes{${own}} / tillstream_memory_limit_bytes{${own}}`,
    },
  ),
  graph(
    { title: 'Event loop, 99 %', unit: 's' },
    { '{{service}} {{instance}}': `tillstream_nodejs_eventloop_lag_p99_seconds{${own}}` },
  ),
  graph(
    {
      title: 'Trouble',
      unit: 'short',
      description: 'Transactions tried again, jobs that failed, in five minutes.',
    },
    {
      'load, {{sqlstate}}': orNone('sum by (sqlstate) (increase(tillstream_load_retries_total[5m]))'),
      'job {{queue}}': 'sum by (queue) (increase(tillstream_jobs_total{result="failed"}[5m]))',
    },
  ),
  graph(
    { title: 'What holds the fold back', unit: 's' },
    {
      '{{application_name}} {{pid}}': orNone('max by (application_name, pid) (tillstream_fold_held_seconds)'),
    },
  ),
];

const deliveries = [
  graph(
    { title: 'Attempts to notify, in five minutes', unit: 'short', width: 12 },
    {
      '{{kind}} {{outcome}}': orNone('sum by (kind, outcome) (increase(tillstream_deliveries_total[5m]))'),
    },
  ),
  graph(
    { title: 'Notifications that wait', unit: 'short', width: 12 },
    { '{{kind}}': 'max by (kind) (tillstream_deliveries_waiting)' },
  ),
];

/** How each service does: messages, processing time, lag, CPU, memory. */
export const servicesDashboard = makeDashboard({
  uid: 'tillstream-services',
  title: 'Service performance',
  description: 'Messages, processing time, lag, CPU and memory of each service.',
  time: { from: 'now-1h', to: 'now' },
  refresh: '15s',
  variables: [services],
  panels: [...overview, ...messages, ...duration, ...lag, ...machine, ...deliveries],
});
