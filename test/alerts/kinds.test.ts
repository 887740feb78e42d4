import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { changeRule, deleteRule } from '../../src/alerts/alert-rules.ts';
import { checkRule, type RuleBody } from '../../src/alerts/check-rule.ts';
import { measureLag } from '../../src/alerts/measure-lag.ts';
import { fireAlerts } from '../../src/alerts/write-alerts.ts';
import { type AlertsFixture, createAlertsFixture, type TestSale } from './fixture.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** A Wednesday noon in Moscow. */
const noon = Date.parse('2026-03-18T12:00:00+03:00');
const places = { arbat: 'Arbat', north: 'North' };
const low: RuleBody = {
  ...{ name: 'low', kind: 'threshold', metric: 'net', place_id: 'arbat', window_minutes: 60, below: 1000 },
  ...{ cooldown_minutes: 30, channels: ['ops'] },
};

let fixture: AlertsFixture;
before(async () => {
  fixture = await createAlertsFixture(places);
});
after(() => fixture.database.drop());
beforeEach(async () => {
  await fixture.pool.query(`
    truncate ops.alert, ops.alert_rule, ops.outbox, ops.audit, ops.stream_end, stg.journal, cdm.place_pulse, cdm.sales_hour,
      cdm.category_hour, cdm.product_day, cdm.dirty, cdm.sales_day, cdm.sales_month, cdm.sales_year, cdm.sales_chain_day restart identity;
    update ops.alert_watch set ran_at = null, watched_since = null, evaluated_to = null`);
});

function sale(place: string, atMs: number, rubles: number, changes: Partial<TestSale> = {}): TestSale {
  const line = { product: 'latte', category: 'coffee', pieces: 1, amountMinor: rubles * 100 };
  return { place, atMs, lines: [line], ...changes };
}

async function sell(...sales: TestSale[]): Promise<void> {
  await fixture.add(sales);
  await fixture.fold();
}

const shown = async () =>
  (await fixture.alerts()).map((one) => [
    ...[one.rule, one.place, one.currency, one.value, one.resolved_at === null ? 'firing' : 'resolved'],
  ]);
const types = async () => (await fixture.events()).map(({ event }) => event);

test('a threshold that speaks of no sales counts them as nothing, and fires once', async () => {
  await fixture.rule(low);
  const ran = await fixture.runAt(noon + minuteMs);
  assert.deepEqual(ran, { rules: 1, fired: 1, resolved: 0, held_back: [] });
  for (let minute = 2; minute < 12; minute++) await fixture.runAt(noon + minute * minuteMs);
  assert.deepEqual(await shown(), [['low', 'arbat', 'RUB', 0, 'firing']]);
  assert.deepEqual(await types(), ['alert.fired']);
  const { payload, entity_key } = (await fixture.events())[0];
  assert.equal(entity_key, 'alert:1');
  const { event_id, created_at, explanation, ...event } = payload;
  assert.match(event_id, /^[0-9a-f-]{36}$/);
  assert.match(created_at, /Z$/);
  assert.match(
    explanation.text,
    /^Net of Arbat from 2026-03-18 11:00 to 12:00: 0 RUB, under the limit of 1000 RUB/,
  );
  assert.deepEqual(event, {
    ...{ type: 'alert.fired', id: 1, rule_id: 1, rule_name: 'low', kind: 'threshold', metric: 'net' },
    ...{ place_id: 'arbat', place_name: 'Arbat', product_id: null, category: null, currency: 'RUB' },
    ...{ value: 0, baseline: null, threshold: 1000 },
    window: { from: '2026-03-18T08:00:00.000Z', to: '2026-03-18T09:00:00.000Z' },
    ...{ fired_at: '2026-03-18T09:00:00.000Z', resolved_at: null, state: 'firing', channels: ['ops'] },
  });
});

test('it resolves itself, tells so in order, and rests for its cool-down', async () => {
  await fixture.rule(low);
  await fixture.runAt(noon + minuteMs);
  await sell(sale('arbat', noon + 2 * minuteMs, 1500));
  await fixture.runAt(noon + 6 * minuteMs);
  assert.deepEqual(await shown(), [['low', 'arbat', 'RUB', 0, 'resolved']]);
  const events = await fixture.events();
  assert.deepEqual(
    events.map(({ event, entity_key }) => [event, entity_key]),
    [
      ['alert.fired', 'alert:1'],
      ['alert.resolved', 'alert:1'],
    ],
  );
  assert.ok(events[0].entity_seq < events[1].entity_seq);
  assert.equal(events[1].payload.state, 'resolved');
  await sell(sale('arbat', noon + 6 * minuteMs, 1000, { refund: true }));
  await fixture.runAt(noon + 11 * minuteMs);
  assert.equal((await shown()).length, 1, 'under the limit again, within the cool-down');
  await fixture.runAt(noon + 36 * minuteMs);
  assert.equal((await shown()).length, 2, 'and after it');
});

test('without a place it holds for each that is open, by currency, or for all together', async () => {
  const above: RuleBody = { ...low, name: 'each', place_id: null, below: null, above: 500 };
  await fixture.rule(above);
  await fixture.rule({ ...above, name: 'all', scope: 'all_places', above: 1500 });
  await fixture.rule({ ...above, name: 'roubles', currency: 'RUB' });
  const before = noon - 10 * minuteMs;
  await sell(
    ...[
      sale('arbat', before, 800),
      sale('north', before, 900),
      sale('north', before, 700, { currency: 'USD' }),
    ],
  );
  await fixture.runAt(noon + minuteMs);
  assert.deepEqual((await shown()).sort(), [
    ['all', null, 'RUB', 1700, 'firing'],
    ['each', 'arbat', 'RUB', 800, 'firing'],
    ['each', 'north', 'RUB', 900, 'firing'],
    ['each', 'north', 'USD', 700, 'firing'],
    ['roubles', 'arbat', 'RUB', 800, 'firing'],
    ['roubles', 'north', 'RUB', 900, 'firing'],
  ]);
});

test('categories are judged by whole hours, products by whole business days', async () => {
  const rule: RuleBody = { ...low, metric: 'units', place_id: 'north', below: null, above: 1 };
  await fixture.rule({ ...rule, name: 'coffee', category: 'coffee' });
  await fixture.rule({ ...rule, name: 'latte', product_id: 'latte', window_minutes: 1440 });
  const hour = Date.parse('2026-03-18T11:10:00+03:00');
  await sell(sale('north', hour, 1), sale('north', hour, 1));
  await fixture.runAt(hour + 40 * minuteMs);
  assert.deepEqual(await shown(), []);
  await fixture.runAt(noon + minuteMs);
  assert.deepEqual(await shown(), [['coffee', 'north', null, 2, 'firing']]);
  await fixture.runAt(noon + 12 * hourMs + minuteMs);
  assert.deepEqual((await shown()).at(-1), ['latte', 'north', null, 2, 'firing']);
  assert.deepEqual((await shown())[0], ['coffee', 'north', null, 2, 'resolved']);
});

test('an alert speaks the language of its rule', async () => {
  await fixture.rule({ ...low, language: 'ru' });
  await fixture.runAt(noon + minuteMs);
  const [{ explanation }] = await fixture.alerts();
  assert.equal(explanation.text, 'Выручка, Arbat, с 2026-03-18 11:00 до 12:00: 0 RUB, ниже порога 1000 RUB.');
});

test('sales that are not folded yet are judged too', async () => {
  await fixture.rule({ ...low, below: null, above: 500 });
  fixture.setNow(noon);
  await fixture.add([sale('arbat', noon - minuteMs, 600)]);
  await fixture.runAt(noon + minuteMs);
  assert.deepEqual(await shown(), [['low', 'arbat', 'RUB', 600, 'firing']]);
});

/** The same hour, on so many past weeks, and their whole days. */
function pastWeeks(place: string, weeks: number, receiptsAnHour: number): TestSale[] {
  const sales: TestSale[] = [];
  for (let week = 1; week <= weeks; week++)
    for (let hour = 9; hour < 21; hour++)
      for (let receipt = 0; receipt < receiptsAnHour; receipt++)
        sales.push(
          sale(
            place,
            noon - week * 7 * dayMs + (hour - 12) * hourMs + (receipt * hourMs) / receiptsAnHour,
            100,
          ),
        );
  return sales;
}

test('a change is measured by the same hour of past weeks, and says what it is made of', async () => {
  await fixture.rule({ ...low, name: 'drop', kind: 'change', below: -40 });
  await sell(...pastWeeks('arbat', 6, 60), sale('arbat', noon - 30 * minuteMs, 100));
  await fixture.runAt(noon + minuteMs);
  const [alert] = await fixture.alerts();
  assert.deepEqual([alert.value, alert.baseline, alert.threshold], [100, 6000, -40]);
  assert.deepEqual(alert.explanation.drivers[0], {
    ...{ kind: 'receipts', value: 1, baseline: 60, change: -5900 },
  });
  assert.deepEqual(alert.explanation.drivers.at(-1).kind, 'product');
});

test('a till that usually sells and does not is silent; a closed one and a holiday are not', async () => {
  await fixture.rule({ name: 'silence', kind: 'silence', window_minutes: 15 });
  const today = (place: string) => sale(place, noon - 3 * hourMs, 100);
  await sell(...pastWeeks('arbat', 4, 60), ...pastWeeks('north', 4, 60), today('arbat'), today('north'));
  await fixture.pool.query({
    text: 'update ops.alert_watch set ran_at = $1, watched_since = $2, evaluated_to = $1',
    values: [new Date(noon), new Date(noon - dayMs)],
  });
  await fixture.runAt(noon + minuteMs);
  assert.deepEqual(await shown(), [], 'nobody has sold since nine: a holiday');
  const selling = Array.from({ length: 180 }, (_, minute) => sale('north', noon - minute * minuteMs, 100));
  await sell(...selling);
  await fixture.runAt(noon + 2 * minuteMs);
  assert.deepEqual(await shown(), [['silence', 'arbat', null, 0, 'firing']]);
  await sell(sale('arbat', noon - hourMs, 100, { arrivedMs: noon + 4 * minuteMs }));
  await fixture.runAt(noon + 6 * minuteMs);
  assert.deepEqual(
    await shown(),
    [['silence', 'arbat', null, 0, 'resolved']],
    'what counts is that it arrives',
  );
  await fixture.runAt(noon + 11 * hourMs);
  assert.equal((await shown()).length, 1, 'at night nothing is silent');
});

test('refunds in percent of sales, audits that found something', async () => {
  await fixture.rule({ name: 'rate', kind: 'refunds', metric: 'refund_rate', window_minutes: 60, above: 20 });
  await fixture.rule({ name: 'audit', kind: 'audit', channels: ['ops'] });
  await sell(sale('arbat', noon - minuteMs, 100), sale('arbat', noon - minuteMs, 30, { refund: true }));
  await fixture.pool.query({
    text: `insert into ops.audit (started_at, finished_at, days, sales, waiting_days, complete, differences)
      values ($1, $1, 1, 1, 0, true, '[{}, {}]')`,
    values: [new Date(noon)],
  });
  await fixture.runAt(noon + minuteMs);
  assert.deepEqual((await shown()).sort(), [
    ['audit', null, null, 2, 'firing'],
    ['rate', 'arbat', 'RUB', 30, 'firing'],
  ]);
  await fixture.runAt(noon + 25 * hourMs);
  assert.deepEqual(
    (await shown()).map((one) => one.at(-1)),
    ['resolved', 'resolved'],
  );
});

test('a large refund is told in the minute it comes, in whichever of the five', async () => {
  await fixture.rule({ name: 'refund', kind: 'refunds', window_minutes: 60, above: 100 });
  for (let minute = 0; minute < 5; minute++) {
    const cameAt = noon + minute * minuteMs;
    fixture.setNow(cameAt);
    await fixture.add([sale('arbat', cameAt, 150, { refund: true })]);
    await fixture.runAt(cameAt + 10_000);
    assert.equal((await shown()).length, minute + 1, `at ${minute} past`);
    await fixture.fold();
  }
});

test('what comes between the last look at five minutes and their end is told by the next one', async () => {
  await fixture.rule({ name: 'refund', kind: 'refunds', window_minutes: 5, above: 100 });
  await fixture.rule({ name: 'audit', kind: 'audit', window_minutes: 5 });
  // Five minutes are judged until the sixth minute after them: this is the last look at those that end at noon.
  await fixture.runAt(noon + 5 * minuteMs + 5_000);
  fixture.setNow(noon + 5 * minuteMs + 30_000);
  await fixture.add([sale('arbat', noon + 5 * minuteMs + 30_000, 150, { refund: true })]);
  await fixture.pool.query({
    text: `insert into ops.audit (started_at, finished_at, days, sales, waiting_days, complete, differences)
      values ($1, $1, 1, 1, 0, true, '[{}]')`,
    values: [new Date(noon + 5 * minuteMs + 30_000)],
  });
  await fixture.runAt(noon + 6 * minuteMs + 5_000);
  assert.deepEqual((await shown()).sort(), [
    ['audit', null, null, 1, 'firing'],
    ['refund', 'arbat', 'RUB', 150, 'firing'],
  ]);
  await fixture.fold();
  await fixture.runAt(noon + 20 * minuteMs);
  assert.equal((await shown()).filter((one) => one.at(-1) === 'resolved').length, 2);
});

test('while the fold is more than a minute behind only its lag is told; the rest is made up for', async () => {
  await fixture.rule({ ...low, below: null, above: 500, window_minutes: 5 });
  await fixture.rule({ name: 'lag', kind: 'lag', metric: 'fold_lag', above: 90 });
  await fixture.runAt(noon - 5 * minuteMs);
  fixture.setNow(noon - minuteMs);
  await fixture.add([sale('arbat', noon - minuteMs, 600)]);
  for (let minute = 1; minute < 11; minute++) {
    const { held_back } = await fixture.runAt(noon + minute * minuteMs);
    assert.deepEqual(held_back, ['fold']);
  }
  assert.deepEqual((await shown())[0]!.slice(0, 3), ['lag', null, null]);
  assert.equal((await shown()).length, 1);
  assert.match(await fixture.metrics.registry.metrics(), /tillstream_alerts_held_back\{reason="fold"\} 1/);
  await fixture.fold();
  await fixture.runAt(noon + 12 * minuteMs);
  assert.deepEqual((await shown()).slice(1), [['low', 'arbat', 'RUB', 600, 'resolved']]);
  assert.deepEqual(await types(), ['alert.fired', 'alert.resolved', 'alert.fired', 'alert.resolved']);
  assert.match(await fixture.metrics.registry.metrics(), /tillstream_alerts_held_back\{reason="fold"\} 0/);
});

test('of two runs at once one judges; a run that dies before its end leaves nothing and is repeated', async () => {
  await fixture.rule(low);
  const ran = await Promise.all([fixture.runAt(noon + minuteMs), fixture.runAt(noon + minuteMs)]);
  assert.equal(
    ran.reduce((sum, { fired }) => sum + fired, 0),
    1,
  );
  await fixture.pool.query('truncate ops.alert, ops.outbox');
  await fixture.pool.query(`
    create function ops.die() returns trigger language plpgsql as $$ begin raise exception 'killed'; end $$;
    create trigger die before update on ops.alert_watch for each statement execute function ops.die()`);
  await assert.rejects(fixture.runAt(noon + 2 * minuteMs), /killed/);
  assert.deepEqual([await shown(), await types()], [[], []]);
  await fixture.pool.query('drop trigger die on ops.alert_watch; drop function ops.die()');
  await fixture.runAt(noon + 3 * minuteMs);
  assert.deepEqual(await types(), ['alert.fired']);
});

test('a rule that says something else, or nothing any more, resolves what fires by it', async () => {
  const { rule_id: ruleId } = await fixture.rule(low);
  const deps = { pool: fixture.pool, epoch: fixture.epoch, now: new Date(noon + 2 * minuteMs) };
  await fixture.runAt(noon + minuteMs);
  await changeRule(deps, ruleId, checkRule({ ...low, name: 'renamed', channels: ['others'] }));
  assert.equal((await fixture.alerts())[0].resolved_at, null);
  await changeRule(deps, ruleId, checkRule({ ...low, below: 10 }));
  assert.deepEqual(await types(), ['alert.fired', 'alert.resolved']);
  await fixture.runAt(noon + 40 * minuteMs);
  await deleteRule(deps, ruleId);
  assert.deepEqual(
    (await shown()).map((one) => one.at(-1)),
    ['resolved', 'resolved'],
  );
});

test('a rule that is deleted while it is judged leaves nothing firing', async () => {
  const rule = await fixture.rule(low);
  const fired = {
    ...{ rule, target: 'arbat|RUB', place_id: 'arbat', currency: 'RUB', value: 0, baseline: null },
    ...{ window_from: new Date(noon), window_to: new Date(noon), fired_at: new Date(noon) },
    explanation: { text: '', drivers: [] },
  };
  const deps = { pool: fixture.pool, epoch: fixture.epoch, now: new Date(noon) };
  const client = await fixture.pool.connect();
  try {
    await client.query('begin');
    assert.equal((await fireAlerts(client, fixture.deps, [fired])).length, 1);
    const deleted = deleteRule(deps, rule.rule_id);
    await client.query('commit');
    await deleted;
    assert.deepEqual(await types(), ['alert.fired', 'alert.resolved']);
    assert.deepEqual(await fireAlerts(client, fixture.deps, [fired]), []);
  } finally {
    client.release();
  }
});

test('the stream is as late as the oldest end of its log that was seen and is not loaded', async () => {
  const topicId = '11111111-1111-4111-8111-111111111111';
  const { pool } = fixture;
  let end = 100;
  const streamEnds = async () => {
    if (end === 0) throw new Error('no broker answers');
    return [{ topicId, partition: 0, end }];
  };
  const lagAt = async (ms: number) => (await measureLag({ pool, streamEnds }, ms)).streamSeconds;
  const load = (offset: number) =>
    pool.query({
      text: `insert into stg.stream_offset (topic_id, partition, topic, next_offset) values ($1, 0, 'transactions', $2)
        on conflict (topic_id, partition) do update set next_offset = $2`,
      values: [topicId, offset],
    });
  await load(100);
  assert.equal(await lagAt(noon), 0);
  end = 110;
  assert.equal(await lagAt(noon + minuteMs), 0, 'seen for the first time');
  end = 120;
  assert.equal(await lagAt(noon + 2 * minuteMs), 60);
  await load(110);
  assert.equal(await lagAt(noon + 3 * minuteMs), 60, 'what came a minute later is next');
  end = 0;
  assert.equal(await lagAt(noon + 4 * minuteMs), 120, 'what was seen before still counts');
  await load(120);
  assert.equal(await lagAt(noon + 5 * minuteMs), 0);
});

test('a product is watched where it is sold, and where it is named', async () => {
  const rule: RuleBody = { ...low, metric: 'units', window_minutes: 1440, below: 1, product_id: 'latte' };
  await fixture.rule({ ...rule, name: 'each', place_id: null });
  await fixture.rule({ ...rule, name: 'named', place_id: 'north' });
  const tea = [{ product: 'tea', category: 'tea', pieces: 1, amountMinor: 100 }];
  const sales: TestSale[] = [];
  for (let week = 1; week <= 3; week++)
    for (const place of ['arbat', 'north'])
      sales.push(sale(place, noon - week * 7 * dayMs, 100, place === 'north' ? { lines: tea } : {}));
  await sell(...sales, sale('arbat', noon, 100, { lines: tea }));
  await fixture.runAt(noon + dayMs);
  assert.deepEqual((await shown()).sort(), [
    ['each', 'arbat', null, 0, 'firing'],
    ['named', 'north', null, 0, 'firing'],
  ]);
});

test('a preview is as long as the places and weeks that it looks at allow', async () => {
  await fixture.pool.query(
    "insert into ops.place (place_id, place_name) select 'many-' || n, 'Many' from generate_series(1, 98) as n",
  );
  const drop: RuleBody = { name: 'drop', kind: 'change', metric: 'net', window_minutes: 60, below: -30 };
  const week = [noon - 7 * dayMs, noon] as const;
  const weeks = async (count: number) => await fixture.preview({ ...drop, weeks: count }, ...week);
  await assert.rejects(weeks(26), /100 places and 26 weeks; give one of 2 days/);
  assert.deepEqual((await weeks(3)).alerts, []);
  await fixture.pool.query("delete from ops.place where place_id like 'many-%'");
});
