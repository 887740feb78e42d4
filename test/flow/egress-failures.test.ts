import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { readConfig } from '../../src/config.ts';
import { createEgress, type EgressDeps } from '../../src/stream/egress.ts';
import { createOutboxSource, pruneOutbox } from '../../src/stream/egress-outbox.ts';
import { type EgressProducer, openEgressProducer } from '../../src/stream/egress-producer.ts';
import { settleInstallation } from '../../src/warehouse/installation.ts';
import { startTestKafka, type TestKafka, whyNoKafka } from '../kafka.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { makeTopics, readTopics } from './topic-reader.ts';

const skip = whyNoKafka() ?? false;
const isOurs = process.env.KAFKA_BROKERS === undefined;
const run = `${process.pid}-${Date.now()}`;
const topics = { stats: `stats-${run}`, tags: `tags-${run}`, notifications: `notes-${run}` };
const log = createLog('silent');

let kafka: TestKafka;
let database: TestDatabase;
let reader: Awaited<ReturnType<typeof readTopics>>;
let epoch: number;
before(async () => {
  if (skip !== false) return;
  kafka = await startTestKafka({
    'transaction.state.log.num.partitions': '1',
    'offsets.topic.num.partitions': '1',
  });
  await makeTopics(kafka.brokers, topics);
  database = await createTestDatabase();
  ({ epoch } = await settleInstallation(database.pool, 'source'));
  reader = await readTopics(kafka.brokers, Object.values(topics));
});
after(async () => {
  if (skip !== false) return;
  await reader.close();
  for (const egress of senders) await egress.stop();
  await database.drop();
  await kafka.stop();
});

let entity = '';
let entities = 0;
beforeEach(() => {
  entity = `entity-${++entities}`;
});

const configOf = () => readConfig({ KAFKA_BROKERS: kafka.brokers.join() }).kafka!;
const openProducer = () => openEgressProducer(configOf(), `tillstream-egress-${run}`);

/** Stopped at the end, however the tests went. */
const senders: ReturnType<typeof createEgress>[] = [];

function sender(changes: Partial<EgressDeps> = {}) {
  const named = { ...configOf().topics, ...topics };
  const egress = createEgress({
    ...{ pool: database.pool, log, metrics: createMetrics(), openProducer, standBackMs: 0 },
    sources: [createOutboxSource({ epoch, topics: named })],
    ...changes,
  });
  senders.push(egress);
  return egress;
}

/** A producer whose messages wait, as those of a process that is stopped. */
function held(open: () => Promise<EgressProducer> = openProducer) {
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    release: () => gate.resolve(),
    openProducer: async (): Promise<EgressProducer> => {
      const producer = await open();
      return {
        ...producer,
        send: async (messages) => {
          reached.resolve();
          await gate.promise;
          await producer.send(messages);
        },
      };
    },
  };
}

async function tell(seq: number, payload: unknown = { seq }): Promise<void> {
  await database.pool.query({
    text: `insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload)
      values ($1, 'notifications', 'test', $2, $3, $4)`,
    values: [epoch, entity, seq, JSON.stringify(payload)],
  });
  await untilRead();
}

/** A follower reads behind the oldest transaction of the whole server, which other test files share. */
async function untilRead(): Promise<void> {
  const isWaiting = 'select from ops.outbox where xid >= pg_snapshot_xmin(pg_current_snapshot())';
  while ((await database.pool.query(isWaiting)).rowCount !== 0) await sleep(20);
}

const told = () => reader.told.filter(({ key }) => key === entity).map(({ seq }) => seq);
const drain = async (egress: ReturnType<typeof sender>) => {
  while ((await egress.step()) > 0);
};

/** What the server does to a session that stays idle within a transaction for too long. */
async function endSessionWithLock(): Promise<void> {
  const { rowCount } = await database.pool.query(
    "select pg_terminate_backend(pid, 10000) from pg_locks where locktype = 'advisory' and objid = 7107 and database = (select oid from pg_database where datname = current_database())",
  );
  assert.equal(rowCount, 1);
}

test('a sender that is stopped before it sends cannot do so after another took over', { skip }, async () => {
  const frozen = held();
  const [first, second] = [sender({ openProducer: frozen.openProducer }), sender()];
  await tell(1);
  const step = first.step().then(
    () => 'sent',
    () => 'refused',
  );
  await frozen.reached;
  assert.equal(await second.step(), 0, 'one sender at a time');
  await endSessionWithLock();
  await tell(2);
  await drain(second);
  await reader.until('both', () => told().length === 2);
  frozen.release();
  assert.equal(await step, 'refused');
  await tell(3);
  await drain(second);
  await reader.until('the third', () => told().length >= 3);
  assert.deepEqual(told(), [1, 2, 3]);
  await first.stop();
  await second.stop();
});

test('one that is stopped before it has connected cannot either', { skip }, async () => {
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const first = sender({
    openProducer: async () => {
      reached.resolve();
      await gate.promise;
      return await openProducer();
    },
  });
  const second = sender();
  await tell(1);
  const step = first.step().then(
    () => 'sent',
    () => 'refused',
  );
  await reached.promise;
  await endSessionWithLock();
  await tell(2);
  await drain(second);
  gate.resolve();
  assert.equal(await step, 'refused');
  await tell(3);
  // It was refused by the broker, since the other connected after it, and connects again.
  for (let attempt = 0; attempt < 3; attempt++) await drain(second).catch(() => {});
  await reader.until('the third', () => told().length >= 3);
  assert.deepEqual(told(), [1, 2, 3]);
  await first.stop();
  await second.stop();
});

test('a second sender stands back while the first is seen, and follows when it leaves', {
  skip,
}, async () => {
  const [first, second] = [sender(), sender({ standBackMs: 3_600_000 })];
  await tell(1);
  await drain(first);
  await tell(2);
  assert.equal(await second.step(), 0);
  await first.stop();
  await drain(second);
  await reader.until('both', () => told().length === 2);
  await second.stop();
});

test('what was sent before the cursor moved is sent again, known by its id', { skip }, async () => {
  let failures = 1;
  const forgetful = sender({
    openProducer: async () => {
      const producer = await openProducer();
      return {
        ...producer,
        send: async (messages) => {
          await producer.send(messages);
          if (failures-- > 0) throw new Error('the answer was lost');
        },
      };
    },
  });
  await tell(1);
  await assert.rejects(forgetful.step(), /the answer was lost/);
  await drain(forgetful);
  await reader.until('twice', () => told().length === 2);
  const ids = reader.told.filter(({ key }) => key === entity).map(({ id }) => id);
  assert.equal(new Set(ids).size, 1);
  await forgetful.stop();
});

test('a broker that goes away only delays', { skip: skip || !isOurs }, async () => {
  const egress = sender();
  await tell(1);
  await drain(egress);
  await kafka.kill();
  await tell(2);
  await assert.rejects(egress.step());
  await tell(3);
  await kafka.start();
  await reader.close().catch(() => {});
  reader = await readTopics(kafka.brokers, Object.values(topics));
  for (let attempt = 0; attempt < 5; attempt++) await drain(egress).catch(() => {});
  await reader.until('all', () => told().length >= 3);
  assert.deepEqual(told(), [1, 2, 3]);
  await egress.stop();
});

test('many and large messages go out in their order; one that no broker takes is left out', {
  skip,
}, async () => {
  const egress = sender();
  for (let seq = 1; seq <= 6; seq++) await tell(seq, { seq, text: 'x'.repeat(400_000) });
  await tell(7, { seq: 7, text: 'x'.repeat(3_000_000) });
  await tell(8);
  for (let attempt = 0; attempt < 5; attempt++) await drain(egress).catch(() => {});
  await reader.until('the last', () => told().includes(8));
  assert.deepEqual(told(), [1, 2, 3, 4, 5, 6, 8]);
  await egress.stop();
});

test('of one entity a lower number is never read after a higher', { skip }, async () => {
  const { pool } = database;
  const { read } = createOutboxSource({ epoch, topics: { ...configOf().topics, ...topics } });
  const [early, late] = [await pool.connect(), await pool.connect()];
  const insert = `insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload)
    values (${epoch}, 'notifications', 'test', $1, $2, '{}')`;
  // The transaction that began first commits last, and with the higher number.
  await drain(sender());
  const before = await pool.query(
    "select epoch, xid::text as xid, position from ops.egress_cursor where sink = 'outbox'",
  );
  await early.query('begin; select pg_current_xact_id()');
  await late.query('begin');
  await late.query(insert, [entity, 1]);
  await late.query('commit');
  assert.deepEqual((await read(late, before.rows[0])).messages, [], 'an older transaction is still running');
  await early.query(insert, [entity, 2]);
  await early.query('commit');
  await untilRead();
  const places = await pool.query(
    'select epoch, xid::text as xid, position, entity_seq from ops.outbox where entity_key = $1 order by xid',
    [entity],
  );
  assert.deepEqual(
    places.rows.map((row) => row.entity_seq),
    [2, 1],
  );
  const seqs = async (from: { epoch: number; xid: string; position: number }) =>
    (await read(late, from)).messages
      .filter(({ key }) => key === entity)
      .map(({ headers }) => headers['entity-seq']);
  const cursor = await pool.query(
    "select epoch, xid::text as xid, position from ops.egress_cursor where sink = 'outbox'",
  );
  assert.deepEqual(await seqs(cursor.rows[0]), ['1', '2'], 'read together they are put in order');
  assert.deepEqual(await seqs(places.rows[0]), [], 'the lower one comes too late');
  early.release();
  late.release();
});

test('counters that were sent a day ago are removed, others stay', { skip }, async () => {
  const { pool } = database;
  await drain(sender());
  await pool.query(`insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload, created_at)
    select ${epoch}, topic, 'test', 'old', nextval('ops.outbox_entity_seq'), '[]', now() - interval '2 days'
    from unnest(array['stats', 'tags']) as topic`);
  const left = async () =>
    (await pool.query("select topic from ops.outbox where entity_key = 'old'")).rows.length;
  await pruneOutbox(pool);
  assert.equal(await left(), 2, 'they were not sent yet');
  await untilRead();
  await drain(sender());
  assert.equal(await pruneOutbox(pool), 1);
  assert.equal(await left(), 1);
});
