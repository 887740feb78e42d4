import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { inTransaction } from '../../src/base/db.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { findDelivery, listDeliveries, resendDelivery } from '../../src/notify/deliveries.ts';
import { followOutbox } from '../../src/notify/follow-outbox.ts';
import { createNotifier, type Notifier, type NotifierDeps } from '../../src/notify/notifier.ts';
import { putChannel } from '../../src/notify/put-channel.ts';
import { createSecrets } from '../../src/notify/secrets.ts';
import { createSender } from '../../src/notify/sender.ts';
import { takeMessages } from '../../src/notify/take-messages.ts';
import { resolveWithSystem } from '../../src/notify/target.ts';
import { createReaders } from '../../src/stream/share-partitions.ts';
import { settleInstallation } from '../../src/warehouse/installation.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { alertEvent, tellEvents, until } from './events.ts';
import { answers, type Behaviour, hangs, type Receiver, startReceiver, takes } from './receiver.ts';

const log = createLog('silent');
const metrics = createMetrics();
let database: TestDatabase;
let epoch: number;
before(async () => {
  database = await createTestDatabase();
  ({ epoch } = await settleInstallation(database.pool, 'source'));
});
after(() => database.drop());

let receiver: Receiver;
let channels = 0;
let channel = '';
const notifiers: Notifier[] = [];
beforeEach(async () => {
  receiver = await startReceiver();
  channel = `channel-${++channels}`;
  await put(channel, receiver.url);
});
afterEach(async () => {
  await Promise.all(notifiers.splice(0).map((notifier) => notifier.stop()));
  await receiver.stop();
});

const secretsOf = () => createSecrets({ pool: database.pool, secretsKey: undefined });
async function put(id: string, url: string): Promise<void> {
  const deps = { pool: database.pool, secrets: secretsOf(), allowPrivateTargets: true, smtp: undefined };
  const putting = { ...deps, resolve: resolveWithSystem, defaultLanguage: 'en' as const };
  await putChannel(putting, id, { kind: 'webhook', url });
}

function start(changes: Partial<NotifierDeps> = {}, timeoutMs = 200): Notifier {
  const config = {
    ...{ smtp: undefined, telegramApiUrl: '', allowPrivateTargets: true, defaultTimeZone: 'UTC' },
  };
  const send = createSender({ config, secrets: secretsOf(), changes: { timeoutMs } });
  const delaysMs = Array.from({ length: 30 }, () => 20);
  const notifier = createNotifier({
    pool: database.pool,
    send,
    log,
    metrics,
    delaysMs,
    idleMs: 20,
    ...changes,
  });
  notifiers.push(notifier);
  return notifier;
}

async function tell(count: number, changes: Record<string, unknown> = {}): Promise<string[]> {
  const events = Array.from({ length: count }, (_, index) =>
    alertEvent({ id: channels * 1_000 + index, channels: [channel], ...changes }),
  );
  await tellEvents(database.pool, events);
  while ((await followOutbox({ pool: database.pool, epoch, log, metrics })) > 0);
  return events.map((event) => event.event_id);
}

const states = async (id = channel) => {
  const query = { channelId: id, eventId: undefined, states: undefined, before: undefined, limit: 1_000 };
  return (await listDeliveries(database.pool, query)).map(({ state }) => state);
};
const allDelivered = async (count: number) =>
  (await states()).filter((state) => state === 'delivered').length === count;
const eventIds = (list: { body: string }[]) =>
  list.map(({ body }) => JSON.parse(body).event_id as string).sort();

test('a receiver that fails, hangs, cuts off and is killed gets every event in the end, none twice under one id', async () => {
  const everyFault: Behaviour[] = [
    answers(500, {}, 'no'),
    answers(429, { 'retry-after': '0' }),
    answers(302, { location: '/elsewhere' }),
    hangs,
    (response) => response.destroy(),
    (response) => response.writeHead(503).write('never ends'),
  ];
  const tried = new Map<string, number>();
  receiver.behave((response, received, number) => {
    const times = (tried.get(received.id) ?? 0) + 1;
    tried.set(received.id, times);
    if (times > 2) takes(response, received, number);
    else everyFault[number % everyFault.length]!(response, received, number);
  });
  const ids = await tell(12);
  start();
  await until('some arrive', () => receiver.taken.length >= 3);
  await receiver.kill();
  await until('it is missed', async () => {
    const { rows } = await database.pool.query({
      text: "select from ops.delivery where channel_id = $1 and last_error like '%ECONNREFUSED%'",
      values: [channel],
    });
    return rows.length > 0;
  });
  await receiver.start();
  await until('all are delivered', () => allDelivered(12));
  const taken = new Map(receiver.taken.map((one) => [one.id, one]));
  assert.deepEqual(eventIds([...taken.values()]), ids.sort());
  // A body is the same each time, so that a receiver may compare.
  for (const one of receiver.all) assert.equal(one.body, taken.get(one.id)!.body);
  assert.equal(new Set(receiver.all.map(({ id }) => id)).size, 12);
});

test('every attempt is in the log, and the last of them ends it; it can be sent again', async () => {
  receiver.behave(answers(500, {}, 'line one\n\u0000line two'));
  await tell(1);
  start({ delaysMs: [5, 5] }, 20_000);
  await until('it fails for good', async () => (await states())[0] === 'failed');
  const query = { channelId: channel, eventId: undefined, states: undefined, before: undefined, limit: 1 };
  const { delivery_id: id } = (await listDeliveries(database.pool, query))[0]!;
  const failed = await findDelivery(database.pool, id);
  assert.equal(failed.last_error, 'the receiver answered 500: line one line two');
  const shown = failed.attempts.map(({ attempt, outcome, status }) => [attempt, outcome, status]);
  assert.deepEqual(shown, [
    [1, 'retry', 500],
    [2, 'retry', 500],
    [3, 'failed', 500],
  ]);
  receiver.behave(takes);
  await resendDelivery(database.pool, id);
  await until('it arrives', () => allDelivered(1));
  const { attempts, ...sent } = await findDelivery(database.pool, id);
  assert.deepEqual([attempts.length, sent.attempt_count, sent.last_error], [4, 4, null]);
  assert.equal(new Set(receiver.all.map((one) => one.id)).size, 1);
});

test('410 switches the channel off, and what waits for it is not sent', async () => {
  receiver.behave(answers(410));
  await tell(6);
  start({}, 20_000);
  await until('nothing waits', async () => !(await states()).includes('waiting'));
  const { rows } = await database.pool.query({
    text: 'select enabled, disabled_reason from ops.channel where channel_id = $1',
    values: [channel],
  });
  assert.deepEqual(rows, [{ enabled: false, disabled_reason: 'the receiver is gone (410)' }]);
  assert.ok(receiver.all.length <= 4, `${receiver.all.length} were sent`);
  assert.deepEqual(new Set(await states()), new Set(['failed', 'skipped']));
  const before = receiver.all.length;
  await tell(1);
  assert.equal((await states())[0], 'skipped');
  assert.equal(receiver.all.length, before);
});

test('what an address answers that a channel no longer has is not held against its new one', async (t) => {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  receiver.behave(async (response) => {
    asked.resolve();
    await answered.promise;
    response.writeHead(410).end();
  });
  await tell(1);
  start({}, 20_000);
  await asked.promise;
  const elsewhere = await startReceiver();
  t.after(() => elsewhere.stop());
  await put(channel, elsewhere.url);
  answered.resolve();
  await until('the old address has answered', async () => (await states())[0] === 'failed');
  const { rows } = await database.pool.query({
    text: 'select enabled, disabled_reason, failing_since from ops.channel where channel_id = $1',
    values: [channel],
  });
  assert.deepEqual(rows, [{ enabled: true, disabled_reason: null, failing_since: null }]);
  await tell(1);
  await until('the new one has the next', () => allDelivered(1));
});

test('one that hangs holds up no other', async () => {
  receiver.behave(hangs);
  const other = await startReceiver();
  const good = `${channel}-good`;
  await put(good, other.url);
  await tell(200);
  // Nobody waits here for those that hang: they are given back when the notifier stops.
  start({}, 60_000);
  await until('some hang', () => receiver.all.length > 0);
  const events = Array.from({ length: 20 }, (_, id) => alertEvent({ id: 900_000 + id, channels: [good] }));
  await tellEvents(database.pool, events);
  while ((await followOutbox({ pool: database.pool, epoch, log, metrics })) > 0);
  await until('the others arrive', () => other.taken.length === 20);
  assert.ok(receiver.all.length <= 4, `${receiver.all.length} hang at once`);
  await notifiers.pop()!.stop();
  const { rows } = await database.pool.query({
    text: 'select distinct state, tries, lease_id from ops.delivery where channel_id = $1',
    values: [channel],
  });
  assert.deepEqual(rows, [{ state: 'waiting', tries: 0, lease_id: null }]);
  await other.stop();
});

test('several notifiers share the work and send nothing twice', async () => {
  const ids = await tell(120);
  for (let number = 0; number < 4; number++) start({}, 20_000);
  await until('all are delivered', () => allDelivered(120));
  assert.deepEqual(eventIds(receiver.all), ids.sort());
});

test('of one alert nothing is sent before what came earlier has ended', async () => {
  const story = ['alert.fired', 'alert.resolved', 'alert.fired', 'alert.resolved'];
  const events = story.map((type, number) =>
    alertEvent({ id: `story-${channels}`, type, channels: [channel], value: number }),
  );
  await tellEvents(database.pool, events);
  while ((await followOutbox({ pool: database.pool, epoch, log, metrics })) > 0);
  receiver.behave((response, _, number) => response.writeHead(number % 3 === 0 ? 200 : 500).end());
  for (let number = 0; number < 3; number++) start({}, 20_000);
  await until('all are delivered', () => allDelivered(4));
  assert.deepEqual(
    receiver.taken.map(({ body }) => JSON.parse(body).value),
    [0, 1, 2, 3],
  );
  assert.deepEqual(
    receiver.all.map(({ body }) => JSON.parse(body).value),
    [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3],
  );
});

test('what another notifier took up and never ended is taken over, and its late end changes nothing', async () => {
  await tell(1);
  const sent = Promise.withResolvers<void>();
  const late = Promise.withResolvers<void>();
  const frozen = createNotifier({
    ...{ pool: database.pool, log, metrics, idleMs: 20, leaseMs: 100 },
    async send() {
      sent.resolve();
      await late.promise;
      return { result: 'failed', status: null, error: 'too late' };
    },
  });
  await sent.promise;
  start();
  await until('it is taken over', () => allDelivered(1));
  late.resolve();
  await frozen.stop();
  assert.deepEqual(await states(), ['delivered']);
});

/** An event that holds so many lists, each in the one before. */
function nested(levels: number): Buffer {
  const event = JSON.stringify(alertEvent({ channels: [channel], id: 'deep', deep: 'here' }));
  return Buffer.from(event.replace('"here"', `${'['.repeat(levels)}${']'.repeat(levels)}`));
}

test('a message of the topic that cannot be read or stored holds up no other', async () => {
  const values = [
    Buffer.from('no JSON'),
    null,
    Buffer.from('[]'),
    ...[3_000, 9_000, 100_000].map((levels) => nested(levels)),
    Buffer.from(JSON.stringify(alertEvent({ channels: [channel], long: 'x'.repeat(300_000) }))),
    Buffer.from(JSON.stringify(alertEvent({ channels: [channel], place_name: 'a\u0000b' }))),
    Buffer.from(JSON.stringify(alertEvent({ channels: [channel], event_id: 'none' }))),
    Buffer.from(JSON.stringify(alertEvent({ channels: [channel], id: 'good' }))),
  ];
  const unreadable = async () =>
    (await metrics.notifications.get()).values.find(({ labels }) => labels.result === 'unreadable')?.value ??
    0;
  const before = await unreadable();
  await inTransaction(database.pool, (client) =>
    takeMessages(
      client,
      values.map((value, offset) => ({
        value,
        headers: [[Buffer.from('entity-seq'), Buffer.from('12')]],
        origin: { topicId: '', topic: 'notifications', partition: 0, offset, from: offset },
      })),
      { log, metrics },
    ),
  );
  const { rows } = await database.pool.query({
    text: "select entity_key, entity_seq from ops.delivery where channel_id = $1 and entity_key <> 'alert:deep'",
    values: [channel],
  });
  assert.deepEqual(rows, [{ entity_key: 'alert:good', entity_seq: 12 }]);
  // How deep is too deep depends on the machine; whatever it is, it holds nothing up.
  assert.ok((await unreadable()) - before >= 6);
});

test('readers of one group share partitions, and those of another group have theirs', async () => {
  const { pool } = database;
  const reader = (group: string) => {
    const readerId = randomUUID();
    return { readerId, ...createReaders({ pool, readerId, group }) };
  };
  const [one, two, other] = [reader('processors'), reader('processors'), reader('notifiers')];
  await Promise.all([one, two, other].map((each) => each.beat()));
  assert.deepEqual(await one.beat(), [one.readerId, two.readerId].sort());
  assert.deepEqual(await other.beat(), [other.readerId]);
  await two.leave();
  assert.deepEqual(await one.beat(), [one.readerId]);
});

test('what happens is counted', async () => {
  const counted = (await metrics.deliveries.get()).values;
  for (const outcome of ['delivered', 'retry', 'failed'])
    assert.ok(
      counted.some(({ labels, value }) => labels.outcome === outcome && value > 0),
      outcome,
    );
  const text = await metrics.registry.getSingleMetricAsString('tillstream_delivery_seconds');
  assert.match(text, /tillstream_delivery_seconds_count\{kind="webhook"\} \d\d\d/);
});
