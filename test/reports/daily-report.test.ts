import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Compile } from 'typebox/schema';
import { createDailyReports } from '../../src/reports/queue-report.ts';
import { fileOf, productOf } from '../intake/daily-reading.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

const day = (date: string, place: string, products: string[]) =>
  fileOf(products.join(''), `date="${date}" place_id="${place}"`);
const send = async (body: string, url = '/api/daily-sales/') =>
  await tested.call('POST', url, body, { 'content-type': 'application/xml' });

async function written(id: number): Promise<any> {
  for (;;) {
    const { status, body } = await tested.call('GET', `/api/reports/${id}`);
    assert.equal(status, 200, JSON.stringify(body));
    if (body.report !== null) return body;
    assert.ok(['queued', 'writing'].includes(body.status));
    await sleep(50);
  }
}

async function ask(body: Record<string, unknown>): Promise<any> {
  const answer = await tested.call('POST', '/api/reports/', body);
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
  assert.ok(typeof answer.body.job_id === 'string');
  return await written(answer.body.id);
}

test('an accepted daily file is written about; a resend is told of the same report, a correction of another', async () => {
  const tea = productOf({ id: 'tea', name: 'Чай', quantity: '10', price: '100.50', category: 'напитки' });
  const bun = productOf({ id: 'bun', name: 'Булка', quantity: '30', price: '20', category: 'выпечка' });
  assert.equal((await send(day('2024-01-30', 'corner', [tea]))).status, 202);
  const file = day('2024-01-31', 'corner', [tea, bun]);
  const first = await send(file);
  assert.equal(first.status, 202);
  const report = await written(first.body.report_id);
  assert.equal(report.job_id, first.body.job_id);
  const { date, from, to, place_id, language, basis, origin, status, model, fallback, attempts } = report;
  assert.deepEqual(
    { date, from, to, place_id, language, basis, origin, status, model, fallback, attempts },
    {
      ...{ date: '2024-01-31T00:00:00Z', from: '2024-01-31', to: '2024-01-31', place_id: 'corner' },
      ...{ language: 'ru', basis: 'declared', origin: 'daily_file', status: 'done' },
      ...{ model: null, fallback: null, attempts: 0 },
    },
  );
  const [facts] = report.facts.currencies;
  assert.deepEqual(
    [facts.revenue, facts.receipts, facts.average_receipt, facts.units],
    [1605, null, null, 40],
  );
  assert.deepEqual(facts.top_by_money, [
    { name: 'Чай', units: 10, revenue: 1005, share_percent: 62.6 },
    { name: 'Булка', units: 30, revenue: 600, share_percent: 37.4 },
  ]);
  assert.equal(facts.top_by_units[0].name, 'Булка');
  assert.deepEqual(
    facts.comparisons.map((one: any) => [one.kind, one.revenue, one.revenue_change_percent]),
    [
      ['previous_day', 1005, 59.7],
      ['average_of_7_days_before', 1005, 59.7],
    ],
  );
  assert.match(report.report, /^# Отчёт о продажах: среда, 31 января 2024/);
  assert.match(report.report, /Выручка: \*\*1\s605,00\s₽\*\*/);
  const again = await send(file, '/?replace=true');
  assert.deepEqual(
    [again.body.status, again.body.report_id, again.body.job_id],
    ['duplicate', first.body.report_id, first.body.job_id],
  );
  const corrected = await send(day('2024-01-31', 'corner', [tea]), '/?replace=true');
  assert.ok(corrected.body.report_id > first.body.report_id);
  assert.equal((await written(corrected.body.report_id)).facts.currencies[0].revenue, 1005);
  const listed = await tested.call('GET', '/api/reports/?date=2024-01-31T00:00:00Z&place_id=corner');
  assert.deepEqual(
    listed.body.results.map((one: any) => one.id),
    [corrected.body.report_id, first.body.report_id],
  );
});

test('a report of single sales: on demand, for days or ranges, all places or one, in either language', async () => {
  const documents = ['2024-02-06T10:00:00', '2024-02-07T12:00:00', '2024-02-07T13:00:00'].map(
    (timestamp, n) =>
      receipt({ transaction_id: `r${n}`, timestamp, place_id: 'shop', place_name: 'The Shop' }),
  );
  await tested.call('POST', '/api/checks/', documents);
  const report = await ask({ date: '2024-02-07', place_id: 'shop', language: 'en' });
  const [facts] = report.facts.currencies;
  assert.deepEqual(
    [report.basis, report.facts.place, facts.revenue, facts.receipts, facts.average_receipt, facts.units],
    ['itemised', 'The Shop', 54.94, 2, 27.47, 6],
  );
  assert.equal(facts.comparisons[0].revenue_change_percent, 100);
  assert.match(report.report, /^# Sales report: Wednesday, February 7, 2024/);
  const range = await ask({ from: '2024-02-01', to: '2024-02-29' });
  assert.deepEqual(
    [range.place_id, range.language, range.facts.days, range.facts.currencies[0].revenue],
    [null, 'ru', 29, 82.41],
  );
  const none = await ask({ date: '2019-05-05' });
  assert.deepEqual(none.facts.currencies, []);
  assert.match(none.report, /продаж нет/);
});

test('a report and its job are there if what asks for them commits, or neither', async () => {
  const { pool } = tested.database;
  const count = async () =>
    (
      await pool.query(
        "select (select count(*) from ops.report) as reports, (select count(*) from pgboss.job where name = 'write-report') as jobs",
      )
    ).rows[0];
  const before = await count();
  const client = await pool.connect();
  await client.query('begin');
  const reports = createDailyReports(tested.program.jobs, 'en');
  assert.ok(await reports.ask(client, { placeId: 'x', date: '2024-01-01', position: 1 }));
  await client.query('rollback');
  client.release();
  assert.deepEqual(await count(), before);
});

test('a file whose report cannot be queued is not accepted, and counts nothing', async () => {
  const { pool } = tested.database;
  const file = day('2024-02-20', 'atomic', [productOf()]);
  await pool.query('alter table pgboss.job_common rename to job_away');
  const refused = await send(file);
  await pool.query('alter table pgboss.job_away rename to job_common');
  assert.equal(refused.status, 500);
  const stored = await pool.query("select from stg.sale where place_id = 'atomic'");
  assert.equal(stored.rowCount, 0);
  const accepted = await send(file);
  assert.deepEqual([accepted.status, accepted.body.status], [202, 'accepted']);
  await written(accepted.body.report_id);
});

test('the same report as JSON, Markdown and HTML', async () => {
  const evil = '<script>alert(1)</script> ![x](http://x.example/y) **b** | "q"';
  const product = productOf({ id: 'e', name: evil.replaceAll('<', '&lt;'), quantity: '1', price: '5' });
  const { body } = await send(day('2024-03-01', 'forms', [product]));
  await written(body.report_id);
  const url = `/api/reports/${body.report_id}`;
  const markdown = await tested.call('GET', url, undefined, { accept: 'text/markdown' });
  assert.match(markdown.headers.get('content-type')!, /^text\/markdown/);
  assert.match(markdown.body, /\\<script\\>alert\(1\)\\<\/script\\> !\\\[x\\\]/);
  const html = await tested.call('GET', url, undefined, { accept: 'text/html,*/*;q=0.8' });
  assert.match(html.headers.get('content-type')!, /^text\/html/);
  const policy = html.headers.get('content-security-policy')!;
  assert.match(policy, /^default-src 'none'; style-src 'sha256-.*; sandbox$/);
  assert.doesNotMatch(html.body, /<script|<img|<a /);
  assert.match(html.body, /&#60;script&#62;alert\(1\)/);
  assert.match(html.body, /<table><thead>/);
  assert.equal((await tested.call('GET', url, undefined, { accept: 'image/png' })).status, 406);
  assert.equal((await tested.call('GET', `${url}?format=markdown`)).body, markdown.body);
});

test('what cannot be asked for is named', async () => {
  const wrong: [Record<string, unknown>, string][] = [
    [{}, '/body/from'],
    [{ date: '2024-02-30' }, '/body/date'],
    [{ date: '2024-02-01', to: '2024-02-01' }, '/body/date'],
    [{ from: '2024-02-02', to: '2024-02-01' }, '/body/from'],
    [{ from: '2020-01-01', to: '2024-02-01' }, '/body/to'],
    [{ date: '2024-02-01', language: 'de' }, '/body/language'],
    [{ date: '2024-02-01', place_id: 'a\u0000' }, '/body/place_id'],
    [{ date: '2024-02-01', place_id: '店'.repeat(200) }, '/body/place_id'],
  ];
  for (const [body, pointer] of wrong) {
    const answer = await tested.call('POST', '/api/reports/', body);
    assert.deepEqual([answer.status, answer.body.errors?.[0].pointer], [422, pointer], JSON.stringify(body));
  }
  assert.equal((await tested.call('GET', '/api/reports/?date=yesterday')).status, 422);
  assert.equal((await tested.call('GET', '/api/reports/999999')).status, 404);
});

test('a token bound to a place sees and asks for reports of that place alone', async () => {
  const { body } = await tested.call('POST', '/api/tokens/', {
    ...{ name: 'bound', roles: ['analyst'], place_id: 'corner' },
  });
  const call = async (method: string, url: string, sent?: unknown) =>
    await tested.call(method, url, sent, { authorization: `Bearer ${body.secret}` });
  const listed = await call('GET', '/api/reports/');
  assert.ok(listed.body.results.length > 0);
  assert.ok(listed.body.results.every((one: any) => one.place_id === 'corner'));
  assert.equal((await call('GET', '/api/reports/?place_id=shop')).status, 403);
  const foreign = await send(day('2024-03-02', 'other', [productOf()]));
  assert.equal((await call('GET', `/api/reports/${foreign.body.report_id}`)).status, 404);
  assert.equal((await call('POST', '/api/reports/', { date: '2024-01-31', place_id: 'other' })).status, 403);
  const own = await call('POST', '/api/reports/', { date: '2024-01-31' });
  assert.equal(own.status, 202);
  assert.equal((await written(own.body.id)).place_id, 'corner');
});

test('pages of reports follow each other, and the answers are as the description says', async () => {
  const ids: number[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await tested.call('GET', `/api/reports/?limit=2${cursor}`);
    ids.push(...body.results.map((one: any) => one.id));
    if (body.next_cursor === null) break;
    cursor = `&cursor=${body.next_cursor}`;
  }
  const { rows } = await tested.database.pool.query('select id from ops.report order by id desc');
  assert.deepEqual(
    ids,
    rows.map((row) => row.id),
  );
  const api = (await tested.call('GET', '/openapi.json')).body;
  const calls: [string, string, string, unknown?][] = [
    ['GET', '/api/reports/', '/api/reports/'],
    ['GET', `/api/reports/${ids[0]}`, '/api/reports/{id}'],
    ['POST', '/api/reports/', '/api/reports/', { date: '2024-01-31', basis: 'declared', place_id: null }],
  ];
  for (const [method, url, path, body] of calls) {
    const answer = await tested.call(method, url, body);
    const described = api.paths[path][method.toLowerCase()].responses[answer.status];
    const schema = Compile(described.content['application/json'].schema);
    assert.ok(schema.Check(answer.body), `${url}: ${JSON.stringify(schema.Errors(answer.body))}`);
  }
});
