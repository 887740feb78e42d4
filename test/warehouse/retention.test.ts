import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { type RetentionDays, readConfig } from '../../src/config.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { applyRetention } from '../../src/warehouse/retention.ts';
import { takeSnapshot } from '../../src/warehouse/take-snapshot.ts';
import { noonDate, noonTime, noonZone } from '../noon.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram({ DEFAULT_TIME_ZONE: noonZone });
});
after(() => tested.stop());

const dayMs = 86_400_000;
const metrics = createMetrics();
const never: RetentionDays = { outbox: 0, jobs: 0, rejectedBodies: 0, pulse: 0, snapshots: 0, deliveries: 0 };
const apply = (days: Partial<RetentionDays>, sendsOutbox = false) =>
  applyRetention({
    ...{ pool: tested.database.pool, days: { ...never, ...days }, sendsOutbox },
    ...{ log: createLog('silent'), metrics },
  });
const query = async (text: string) => (await tested.database.pool.query(text)).rows;
const nothing = { outbox: 0, audits: 0, rejected_bodies: 0, pulse: 0, snapshots: 0, deliveries: 0 };

test('nothing goes where nothing is set, and none where there is none', async () => {
  assert.deepEqual(await apply({}), nothing);
  assert.deepEqual(
    await apply({ outbox: 1, jobs: 1, rejectedBodies: 1, snapshots: 1, deliveries: 1 }),
    nothing,
  );
  assert.deepEqual(await query('select from ops.retention'), []);
  const { retention } = readConfig({ RETENTION_PULSE_DAYS: '90', RETENTION_OUTBOX_DAYS: '7' });
  assert.deepEqual(retention, {
    outbox: 7,
    jobs: 30,
    rejectedBodies: 0,
    pulse: 90,
    snapshots: 400,
    deliveries: 90,
  });
  assert.throws(
    () => readConfig({ RETENTION_PULSE_DAYS: '89' }),
    /RETENTION_PULSE_DAYS is 89; give at least 90/,
  );
});

test('events go by age; where a broker takes them, only those it has', async () => {
  await query(`
    insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload, created_at)
    select 1, 'tags', 'tag.assigned', 'k', n, '{}', now() - make_interval(days => n::integer, hours => -1) from generate_series(1, 6000) as n`);
  assert.equal((await apply({ outbox: 5 }, true)).outbox, 0);
  await query(
    "update ops.egress_cursor set (epoch, xid, position) = (select epoch, xid, position from ops.outbox order by position offset 9 limit 1) where sink = 'outbox'",
  );
  assert.equal((await apply({ outbox: 5 }, true)).outbox, 5);
  assert.equal((await apply({ outbox: 5 })).outbox, 5990);
  assert.equal((await query('select from ops.outbox')).length, 5);
  const counted = (await metrics.retentionRows.get()).values;
  assert.deepEqual(
    counted.map(({ labels, value }) => [labels.kind, value]),
    [['outbox', 5995]],
  );
});

test('what is for channels stays until the notifier has it, and a delivery outlives its event', async () => {
  const eventId = '3f0c3d52-8f5e-4c39-9d7f-5a1d7f1f9a52';
  await query('delete from ops.outbox');
  await query(`
    insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload, created_at)
    select 1, t.topic, 'alert.fired', 'a', 1, '{"event_id": "${eventId}"}', now() - interval '9 days'
    from unnest(array['notifications', 'tags']) as t(topic)`);
  await query(`
    insert into ops.delivery (event_id, channel_id, event, entity_key, entity_seq, payload, state, event_at, ended_at)
    select e.event_id, 'ops', 'alert.fired', 'a', 1, '{}', e.state, now(), now() - interval '9 days'
    from (values (uuid '${eventId}', 'delivered'), (gen_random_uuid(), 'failed'), (gen_random_uuid(), 'waiting')) as e(event_id, state)`);
  await query("update ops.egress_cursor set (epoch, xid, position) = (0, '0', 0) where sink = 'notifier'");
  assert.deepEqual(await apply({ outbox: 5, deliveries: 5 }), { ...nothing, outbox: 1, deliveries: 1 });
  await query("update ops.egress_cursor set epoch = 2 where sink = 'notifier'");
  assert.deepEqual(await apply({ outbox: 5, deliveries: 5 }), { ...nothing, outbox: 1, deliveries: 1 });
  assert.deepEqual(await query('select state from ops.delivery'), [{ state: 'waiting' }]);
});

test('rejected documents lose their body, stay in the journal, and are known when they come again', async () => {
  const bad = { ...receipt({ transaction_id: 'bad' }), items: [] };
  assert.equal((await tested.call('POST', '/api/checks/', bad)).status, 422);
  assert.equal((await tested.call('POST', '/api/checks/', receipt())).status, 202);
  assert.equal((await apply({ rejectedBodies: 3 })).rejected_bodies, 0);
  await query(
    "update stg.journal set received_at = received_at - interval '4 days' where verdict = 'rejected'",
  );
  assert.equal((await apply({ rejectedBodies: 3 })).rejected_bodies, 1);
  assert.equal((await apply({ rejectedBodies: 3 })).rejected_bodies, 0);
  assert.deepEqual(await query('select verdict, document is null as empty from stg.journal order by 1'), [
    { verdict: 'accepted', empty: false },
    { verdict: 'rejected', empty: true },
  ]);
  await tested.call('POST', '/api/checks/', bad);
  const { results } = (await tested.call('GET', '/api/journal?verdict=rejected')).body;
  assert.deepEqual([results.length, results[0].seen_count], [1, 2]);
  const replay = await tested.call('POST', '/api/journal/replay', { positions: [results[0].position] });
  assert.equal(replay.status, 422);
  assert.match(replay.body.detail, /keeps no body/);
});

test('the pulse goes, the audit does not miss it, and what would need it is refused instead of wrong', async () => {
  const today = noonDate();
  const old = noonTime(365 * dayMs);
  await tested.call('POST', '/api/checks/', [
    receipt({ transaction_id: 'old', timestamp: old }),
    receipt({ transaction_id: 'near', timestamp: noonTime(8 * dayMs) }),
  ]);
  await tested.settle();
  const compare = (comparison: string) =>
    tested.call(
      'GET',
      `/api/analytics/sales?granularity=day&from=${today}&to=${today}&compare=${comparison}`,
    );
  assert.equal((await compare('last_year')).status, 200);
  // That of 2024 and that of last year, by the time of the sale; all of them arrived now.
  assert.equal((await apply({ pulse: 90 })).pulse, 2);
  assert.equal((await query('select from cdm.place_pulse where not by_arrival')).length, 1);
  assert.deepEqual(await tested.audit(), []);
  const refused = await compare('last_year');
  assert.equal(refused.body.code, 'not_answerable');
  assert.equal((await compare('last_week')).status, 200);
  // Of a correction of an old sale, nothing comes to stand where the sale itself went.
  await tested.call(
    'POST',
    '/api/checks/',
    receipt({ transaction_id: 'old', timestamp: old, revision: 1, payment_method: 'cash' }),
  );
  await tested.settle();
  assert.equal((await query('select from cdm.place_pulse where not by_arrival')).length, 1);
  assert.deepEqual(await tested.audit(), []);
});

test('five-minute figures older than what is kept are never written, nor by a rebuild', async () => {
  const fresh = await startTestProgram({ DEFAULT_TIME_ZONE: noonZone, RETENTION_PULSE_DAYS: '90' });
  try {
    const slots = async () =>
      (
        await fresh.database.pool.query(
          'select by_arrival, receipts from cdm.place_pulse order by by_arrival, slot_at',
        )
      ).rows;
    await fresh.call('POST', '/api/checks/', [
      receipt({ transaction_id: 'old', timestamp: noonTime(92 * dayMs) }),
      receipt({ transaction_id: 'near', timestamp: noonTime(88 * dayMs) }),
    ]);
    await fresh.settle();
    const written = await slots();
    assert.deepEqual(written[0], { by_arrival: false, receipts: 1 });
    assert.deepEqual(
      [
        written.filter((slot) => !slot.by_arrival).length,
        written.reduce((sum, slot) => sum + slot.receipts, 0),
      ],
      [1, 3],
    );
    assert.deepEqual(await fresh.audit(), []);
    await rebuildMarts({ ...fresh.program.warehouse, log: createLog('silent'), metrics, progress: () => {} });
    assert.deepEqual(await slots(), written);
    assert.deepEqual(await fresh.audit(), []);
  } finally {
    await fresh.stop();
  }
});

test('snapshots are forgotten behind the newest of their time, which still answers', async () => {
  const snapshot = async () =>
    (await takeSnapshot({ pool: tested.database.pool, epoch: tested.program.warehouse.epoch })).takenAt!;
  const figures = async (at: Date) => {
    const { status, body } = await tested.call('GET', `/api/analytics/?at=${at.toISOString()}`);
    return status === 200 ? body.results.map((row: any) => row.total_purchases) : body.code;
  };
  const times: Date[] = [];
  for (let index = 0; index < 4; index++) {
    await tested.call('POST', '/api/checks/', receipt({ transaction_id: `s-${index}` }));
    times.push(await snapshot());
  }
  const seen: unknown[] = [];
  for (const at of times) seen.push(await figures(at));
  // The first three were ten, nine and eight days ago.
  for (const [index, at] of times.slice(0, 3).entries()) {
    const back = new Date(at.getTime() - (10 - index) * dayMs);
    for (const table of ['snapshot', 'snapshot_part', 'analytics_snapshot'])
      await tested.database.pool.query(`update cdm.${table} set taken_at = $1 where taken_at = $2`, [
        back,
        at,
      ]);
    times[index] = back;
  }
  assert.equal((await apply({ snapshots: 9 })).snapshots, 1);
  assert.equal((await apply({ snapshots: 9 })).snapshots, 0);
  assert.equal(await figures(times[0]!), 'not_answerable');
  for (const index of [1, 2, 3]) assert.deepEqual(await figures(times[index]!), seen[index]);
  const since = times[1]!.toISOString();
  const { body } = await tested.call('GET', `/api/analytics/changes?date=2024-02-07&since=${since}`);
  assert.deepEqual(
    body.results.map((one: any) => one.source_id),
    ['s-2', 's-3'],
  );
});
