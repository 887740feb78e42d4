import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { orderExample } from '../../src/sales/order.ts';
import { takeSnapshot } from '../../src/warehouse/take-snapshot.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

const day = '2024-02-07';
const snapshot = (options: { daysPerPart?: number } = {}) =>
  takeSnapshot({ pool: tested.program.warehouse.pool, epoch: tested.program.warehouse.epoch, ...options });

async function get(url: string) {
  const answer = await tested.call('GET', url);
  assert.equal(answer.status, 200, `${url} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function send(changes: Record<string, unknown>) {
  const answer = await tested.call('POST', '/api/checks/', receipt(changes), { prefer: 'wait=5' });
  assert.ok([200, 201].includes(answer.status), JSON.stringify(answer.body));
}

async function taken(options = {}): Promise<{ at: string; days: number }> {
  const { takenAt, days } = await snapshot(options);
  assert.ok(takenAt);
  return { at: takenAt.toISOString(), days };
}

const one = (amount: number) => ({
  items: [{ product_id: 'p', quantity: 1, price: amount, category: 'c' }],
  total_amount: amount,
  nds_amount: 0,
  tips_amount: 0,
});

test('before the first sale there is nothing to keep, and at says so', async () => {
  assert.deepEqual(await snapshot(), { takenAt: null, days: 0 });
  const answer = await tested.call('GET', '/api/analytics/?at=2024-02-08T00:00:00Z');
  assert.equal(answer.status, 422);
  assert.equal(answer.body.code, 'not_answerable');
  assert.deepEqual(await get(`/api/analytics/changes?date=${day}`), {
    date: day,
    since: null,
    totals: [],
    results: [],
    next_cursor: null,
  });
});

test('a snapshot is what a reader got, marts and tail; a late correction names exactly its sale', async () => {
  for (let index = 0; index < 5; index++) await send({ transaction_id: `a-${index}`, ...one(10) });
  await send({ transaction_id: 'other-day', timestamp: '2024-02-05T10:00:00', ...one(7) });
  await tested.settle();
  // Not folded yet, or just so: a reader has it either way.
  await send({ transaction_id: 'tail', place_id: 'second', ...one(3), type: 'refund' });
  const live = (await get('/api/analytics/')).results;
  const first = await taken();
  assert.equal(first.days, 3);
  assert.deepEqual(await get(`/api/analytics/?at=${first.at}`), {
    results: live,
    next_cursor: null,
    reported_at: first.at,
  });

  await send({ transaction_id: 'a-2', revision: 1, ...one(4) });
  const changes = await get(`/api/analytics/changes?date=${day}`);
  assert.equal(changes.since, first.at);
  assert.equal(changes.results.length, 1);
  const { position, received_at: receivedAt, ...change } = changes.results[0];
  assert.match(position, /^\d+$/);
  assert.ok(receivedAt > first.at);
  const half = (net: number) => ({ sales: net, refunds: 0, net, receipts: 1, refund_receipts: 0 });
  assert.deepEqual(change, {
    source: 'receipt',
    source_id: 'a-2',
    place_id: 'unique_place_id1',
    currency: 'RUB',
    verdict: 'corrected',
    reason: 'corrected',
    before: half(10),
    after: half(4),
    difference: -6,
    moved_from: null,
    moved_to: null,
  });
  assert.deepEqual(changes.totals, [
    {
      place_id: 'unique_place_id1',
      source: 'receipt',
      currency: 'RUB',
      reported: 50,
      difference: -6,
      now: 44,
    },
  ]);

  const second = await taken();
  assert.equal(second.days, 1, 'only the day that changed');
  assert.deepEqual((await get(`/api/analytics/?at=${first.at}`)).results, live);
  assert.deepEqual(
    (await get(`/api/analytics/?at=${second.at}`)).results,
    (await get('/api/analytics/')).results,
  );
  // It is still a change since the day was reported first, and none since the second.
  assert.equal((await get(`/api/analytics/changes?date=${day}`)).results.length, 1);
  assert.deepEqual((await get(`/api/analytics/changes?date=${day}&since=${second.at}`)).results, []);
  assert.equal((await taken()).days, 0);
});

test('late, refund, cancelled, moved to another day and attributed anew, each with its reason', async () => {
  const { since } = await get(`/api/analytics/changes?date=${day}`);
  const at = (await taken()).at;
  const url = `/api/analytics/changes?date=${day}&since=${at}`;
  await send({ transaction_id: 'late', ...one(1) });
  await send({ transaction_id: 'back', ...one(2), type: 'refund' });
  await send({ transaction_id: 'a-3', revision: 1, timestamp: '2024-02-06T12:00:00', ...one(10) });
  const order = (status: string, time: string) => ({
    ...orderExample,
    payload: {
      ...orderExample.payload,
      date: `${day} 20:00:00`,
      final_status: status,
      update_ts: `${day} ${time}`,
      statuses: [{ status, dttm: `${day} ${time}` }],
    },
  });
  await tested.call('POST', '/api/orders/', order('OPEN', '20:01:00'));
  await tested.call('POST', '/api/orders/', order('CLOSED', '20:02:00'));
  await tested.call('POST', '/api/orders/', order('CANCELLED', '20:03:00'));
  const told = (body: any) =>
    body.results.map((one: any) => [one.source_id, one.reason, one.difference, one.moved_to, one.moved_from]);
  const expected = [
    ['late', 'late', 1, null, null],
    ['back', 'refund', -2, null, null],
    ['a-3', 'corrected', -10, { place_id: 'unique_place_id1', date: '2024-02-06' }, null],
    ['1371198', 'late', 875, null, null],
    ['1371198', 'cancelled', -875, null, null],
  ];
  assert.deepEqual(told(await get(url)), expected);
  // In pages, and after another snapshot, the same.
  await taken();
  const seen: unknown[] = [];
  for (let cursor = ''; ; ) {
    const page = await get(`${url}&limit=2${cursor}`);
    seen.push(...told(page));
    assert.equal(page.totals.length, 2, 'of all pages');
    if (page.next_cursor === null) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  assert.deepEqual(seen, expected);
  const other = await get(`/api/analytics/changes?date=2024-02-06&since=${at}`);
  assert.deepEqual(told(other), [
    ['a-3', 'corrected', 10, null, { place_id: 'unique_place_id1', date: day }],
  ]);
  assert.ok(since < at);

  const before = (await taken()).at;
  const answer = await tested.call('PUT', '/api/places/second', {
    time_zone: 'Asia/Tokyo',
    since: 'beginning',
  });
  assert.equal(answer.status, 200);
  for (;;) {
    const { rows } = await tested.database.pool.query(
      "select from pgboss.job where name = 'reattribute' and state <> 'completed'",
    );
    if (rows.length === 0) break;
  }
  const moved = await get(`/api/analytics/changes?date=${day}&since=${before}&place_id=second`);
  assert.deepEqual(told(moved), [['tail', 'reattributed', 0, null, null]]);
});

test('what was reported in many transactions is the same, also where one was interrupted', async () => {
  await tested.database.pool.query(
    'truncate cdm.snapshot, cdm.snapshot_part, cdm.analytics_snapshot, cdm.touched_day, cdm.touched_until',
  );
  await tested.settle();
  const stop = new AbortController();
  await assert.rejects(
    takeSnapshot({
      ...{ pool: tested.program.warehouse.pool, epoch: tested.program.warehouse.epoch, daysPerPart: 1 },
      signal: stop.signal,
      progress: async () => stop.abort(new Error('stopped')),
    }),
    /stopped/,
  );
  assert.equal(
    (await tested.call('GET', '/api/analytics/?at=2100-01-01T00:00:00Z')).status,
    422,
    'not whole yet',
  );
  const { at, days } = await taken({ daysPerPart: 1 });
  assert.equal(days, 4);
  const { rows } = await tested.database.pool.query(
    'select count(distinct part_id) as parts from cdm.analytics_snapshot',
  );
  assert.equal(rows[0].parts, 4);
  assert.deepEqual((await get(`/api/analytics/?at=${at}`)).results, (await get('/api/analytics/')).results);
});

test('a day that has nothing any more is told as that', async () => {
  await send({ transaction_id: 'alone', place_id: 'third', timestamp: '2024-03-01T10:00:00', ...one(5) });
  const first = await taken();
  await send({
    transaction_id: 'alone',
    revision: 1,
    place_id: 'third',
    timestamp: '2024-03-02T10:00:00',
    ...one(5),
  });
  const second = await taken();
  const places = async (at: string) =>
    (await get(`/api/analytics/?at=${at}&from=2024-03-01&to=2024-03-01`)).results.length;
  assert.equal(await places(first.at), 1);
  assert.equal(await places(second.at), 0);
});

test('daily files are reported by their source, and a replaced one is a change', async () => {
  const file = (price: string) =>
    `<sales_data date="2024-04-01" place_id="daily"><products><product><id>1</id><name>A</name><quantity>2</quantity><price>${price}</price><category>Tea</category></product></products></sales_data>`;
  const xml = { 'content-type': 'application/xml' };
  assert.equal((await tested.call('POST', '/api/daily-sales/', file('2.00'), xml)).status, 202);
  const { at } = await taken();
  const [live] = (await get('/api/analytics/?source=daily')).results;
  assert.equal(live.category_analytics.Tea.total_spent, 4);
  assert.deepEqual((await get(`/api/analytics/?source=daily&at=${at}`)).results, [live]);
  assert.deepEqual((await get(`/api/analytics/?at=${at}&place_id=daily`)).results, []);
  assert.equal((await tested.call('POST', '/api/daily-sales/?replace=true', file('5.00'), xml)).status, 202);
  const { results, totals } = await get('/api/analytics/changes?date=2024-04-01');
  assert.deepEqual([results.length, results[0].source, results[0].difference], [1, 'daily', 6]);
  assert.deepEqual([totals[0].reported, totals[0].now], [4, 10]);
  assert.deepEqual((await get('/api/analytics/changes?date=2024-04-01&source=receipt')).results, []);
});

test('a token bound to a place is told of its own place alone', async () => {
  await send({ transaction_id: 'wanders', place_id: 'here', timestamp: '2024-05-01T10:00:00', ...one(8) });
  await taken();
  await send({
    transaction_id: 'wanders',
    place_id: 'there',
    revision: 1,
    timestamp: '2024-05-01T10:00:00',
    ...one(8),
  });
  const url = '/api/analytics/changes?date=2024-05-01';
  const told = (body: any) =>
    body.results.map((one: any) => [one.place_id, one.difference, one.moved_to, one.moved_from]);
  const date = '2024-05-01';
  assert.deepEqual(told(await get(url)), [
    ['here', -8, { place_id: 'there', date }, null],
    ['there', 8, null, { place_id: 'here', date }],
  ]);
  const token = (
    await tested.call('POST', '/api/tokens/', { name: 'x', roles: ['analyst'], place_id: 'here' })
  ).body;
  const ask = async (address: string) =>
    await tested.call('GET', address, undefined, { authorization: `Bearer ${token.secret}` });
  const own = (await ask(url)).body;
  assert.deepEqual(told(own), [['here', -8, null, null]]);
  assert.equal(own.results[0].reason, 'corrected');
  assert.deepEqual(
    own.totals.map((total: any) => total.place_id),
    ['here'],
  );
  assert.equal((await ask(`${url}&place_id=there`)).status, 403);
  const now = new Date().toISOString();
  assert.deepEqual(
    (await ask(`/api/analytics/?at=${now}`)).body.results.map((one: any) => one.place_id),
    ['here'],
  );
});

test('a transaction that runs during the snapshot is no part of it, those that ended are', async () => {
  await taken();
  const running = await tested.database.pool.connect();
  await running.query(`begin; insert into stg.journal (epoch, received_at, source, source_id, verdict, contributions)
    select epoch, now(), source, 'running', 'accepted', contributions from stg.journal where source_id = 'a-0'`);
  await send({ transaction_id: 'ended', ...one(6) });
  const { at } = await taken();
  await running.query('commit');
  running.release();
  const ids = async () =>
    (await get(`/api/analytics/changes?date=${day}&since=${at}`)).results.map((one: any) => one.source_id);
  assert.deepEqual(await ids(), ['running']);
  assert.equal((await taken()).days, 1);
  assert.deepEqual(await ids(), ['running']);
  assert.equal((await taken()).days, 0);
});

test('after a restore transaction ids start over, and nothing is missed or told twice', async () => {
  const first = await taken();
  await tested.settle();
  // As if all so far came from a cluster that had used up many more of them.
  await tested.database.pool.query(`
    update stg.journal set epoch = 0, xid = (xid::text::bigint + 1000000)::text::xid8;
    update cdm.cursor set epoch = 0, xid = (xid::text::bigint + 1000000)::text::xid8;
    update cdm.touched_until set epoch = 0, at_epoch = 0, at_xid = '1900000', seen = '1900000:1900000:';
    update cdm.snapshot set epoch = 0, seen = '1900000:1900000:';
    update cdm.snapshot_part set epoch = 0, after_epoch = 0, seen = '1900000:1900000:'`);
  await send({ transaction_id: 'restored', ...one(6) });
  const url = `/api/analytics/changes?date=${day}&since=${first.at}`;
  const ids = async () => (await get(url)).results.map((one: any) => one.source_id);
  assert.deepEqual(await ids(), ['restored']);
  assert.equal((await taken()).days, 1);
  assert.deepEqual(await ids(), ['restored']);
  await send({ transaction_id: 'restored-2', ...one(6) });
  const { at, days } = await taken();
  assert.equal(days, 1);
  assert.deepEqual(await ids(), ['restored', 'restored-2']);
  assert.deepEqual((await get(`/api/analytics/?at=${at}`)).results, (await get('/api/analytics/')).results);
});

test('parameters that cannot be read are named', async () => {
  for (const [url, pointer] of [
    ['/api/analytics/?at=yesterday', '/query/at'],
    ['/api/analytics/?at=2024-02-07T10:00:00', '/query/at'],
    ['/api/analytics/changes', '/query/date'],
    ['/api/analytics/changes?date=2024-02-30', '/query/date'],
    [`/api/analytics/changes?date=${day}&since=x`, '/query/since'],
    [`/api/analytics/changes?date=${day}&cursor=x`, '/query/cursor'],
  ] as const) {
    const answer = await tested.call('GET', url);
    assert.equal(answer.status, 422, url);
    assert.equal(answer.body.errors[0].pointer, pointer);
  }
});
