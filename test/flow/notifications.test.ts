import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { alertEvent, tellEvents, until } from '../notify/events.ts';
import { isSigned, type Receiver, startReceiver } from '../notify/receiver.ts';
import { forEachStream, startTestProgram, type TestProgram } from '../program.ts';

forEachStream((stream) => {
  let tested: TestProgram;
  let receiver: Receiver;
  let secret: string;
  before(async () => {
    tested = await startTestProgram({ ALLOW_PRIVATE_TARGETS: 'true' }, { stream });
    receiver = await startReceiver();
    const put = await tested.call('PUT', '/api/channels/ops', { kind: 'webhook', url: receiver.url });
    assert.equal(put.status, 201, JSON.stringify(put.body));
    secret = put.body.secret;
  });
  after(async () => {
    await tested.stop();
    await receiver.stop();
  });

  test('an event in the outbox reaches its channel, signed, once; what names none goes nowhere', async () => {
    const events = Array.from({ length: 20 }, (_, id) => alertEvent({ id, rule_name: `Rule ${id}` }));
    const pool = tested.database.pool;
    await tellEvents(pool, [
      { type: 'audit.difference', audit_id: 1 },
      // None of these can be read, and none holds the others up.
      { channels: ['ops'], type: 'alert.fired' },
      alertEvent({ channels: 'ops' }),
      ...events,
      // Taken twice, as after a COMMIT whose answer was lost.
      ...events.slice(0, 5),
      alertEvent({ channels: ['nobody'] }),
    ]);
    await until('every event arrives', () => receiver.taken.length >= 20);
    await until('the last one is taken', async () => {
      const { body } = await tested.call('GET', '/api/deliveries/?channel_id=nobody');
      return body.results.length === 1 && body.results[0].state === 'skipped';
    });
    const { body } = await tested.call('GET', '/api/deliveries/?channel_id=ops');
    assert.equal(body.results.length, 20);
    assert.equal(receiver.taken.length, 20);
    assert.equal(new Set(receiver.taken.map(({ id }) => id)).size, 20);
    for (const received of receiver.taken) assert.ok(isSigned(received, secret), received.id);
    const sent = receiver.taken.map((one) => JSON.parse(one.body));
    assert.deepEqual(new Set(sent.map((one) => one.event_id)), new Set(events.map((one) => one.event_id)));
    const { channels: _channels, ...first } = events[0]!;
    assert.deepEqual(
      sent.find((one) => one.event_id === first.event_id),
      first,
    );
  });

  test('an alert is told to be over after it was told of', async () => {
    const before = receiver.taken.length;
    receiver.behave((response, { body }, number) => {
      // The news is taken at the second try only.
      const isNews = JSON.parse(body).type === 'alert.fired' && number === before + 1;
      response.writeHead(isNews ? 503 : 200).end();
    });
    await tellEvents(tested.database.pool, [
      alertEvent({ id: 77 }),
      alertEvent({ id: 77, type: 'alert.resolved', resolved_at: '2026-01-31T13:00:00.000Z' }),
    ]);
    await until('the first try fails', () => receiver.all.length > before);
    // Waits for its turn, which is some seconds away; a channel that is put again is tried at once.
    const tryNow = () => tested.call('PUT', '/api/channels/ops', { kind: 'webhook', url: receiver.url });
    await until('both arrive', async () => {
      await tryNow();
      return receiver.taken.length >= before + 2;
    });
    const types = receiver.taken.slice(before).map(({ body }) => JSON.parse(body).type);
    assert.deepEqual(types, ['alert.fired', 'alert.resolved']);
  });
});
