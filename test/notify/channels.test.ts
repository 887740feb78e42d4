import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { diagnoseChannels } from '../../src/commands/doctor-channels.ts';
import { createSecrets, ForeignSecret } from '../../src/notify/secrets.ts';
import { startTestProgram, type TestProgram } from '../program.ts';
import { alertEvent, tellEvents, until } from './events.ts';
import { answers, isSigned, type Receiver, startReceiver, takes } from './receiver.ts';
import { startSmtpServer } from './smtp-server.ts';

let tested: TestProgram;
let receiver: Receiver;
let smtp: Awaited<ReturnType<typeof startSmtpServer>>;
before(async () => {
  receiver = await startReceiver();
  smtp = await startSmtpServer();
  tested = await startTestProgram({
    ...{ ALLOW_PRIVATE_TARGETS: 'true', REPORT_LANGUAGE: 'en', SMTP_URL: smtp.url },
    ...{ SMTP_FROM: 'till@example.com', TELEGRAM_API_URL: new URL(receiver.url).origin },
  });
});
after(async () => {
  await tested.stop();
  await receiver.stop();
  await smtp.stop();
});

const put = (id: string, body: unknown) => tested.call('PUT', `/api/channels/${id}`, body);
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const token = '123456:ABC-DEF1234ghIkl';

test('a secret that is left out is made and shown once; after that it stays until another is asked for', async () => {
  const made = await put('made', { kind: 'webhook', url: receiver.url });
  assert.equal(made.status, 201);
  assert.match(made.body.secret, /^whsec_[\w+/]{43}=$/);
  const test = await tested.call('POST', '/api/channels/made/test');
  assert.deepEqual(
    [test.status, test.body.delivered, test.body.status, test.body.error],
    [200, true, 200, null],
  );
  assert.ok(isSigned(receiver.all.at(-1)!, made.body.secret));
  assert.equal(JSON.parse(receiver.all.at(-1)!.body).type, 'channel.test');
  const kept = await put('made', { kind: 'webhook', url: `${receiver.url}/again` });
  assert.deepEqual([kept.status, kept.body.secret, kept.body.has_secret], [200, null, true]);
  await tested.call('POST', '/api/channels/made/test');
  assert.equal(receiver.all.at(-1)!.url, '/hook/again');
  assert.ok(isSigned(receiver.all.at(-1)!, made.body.secret));
  const other = await put('made', { kind: 'webhook', url: receiver.url, new_secret: true });
  assert.notEqual(other.body.secret, made.body.secret);
  await put('made', { kind: 'webhook', url: receiver.url, secret });
  await tested.call('POST', '/api/channels/made/test');
  assert.ok(isSigned(receiver.all.at(-1)!, secret));
});

test('every kind is tried out, and no answer and no table tells a secret', async () => {
  const url = `${receiver.url}/T000/hidden-part`;
  const bodies: Record<string, object> = {
    hook: { kind: 'webhook', url: receiver.url, secret },
    mail: { kind: 'email', to: ['ops@example.com'] },
    chat: { kind: 'telegram', chat_id: -100123, bot_token: token },
    slack: { kind: 'slack', url },
  };
  receiver.behave(answers(200, {}, '{"ok":true}'));
  for (const [id, body] of Object.entries(bodies)) {
    const saved = await put(id, body);
    assert.equal(saved.status, 201, JSON.stringify(saved.body));
    const tried = await tested.call('POST', `/api/channels/${id}/test`);
    assert.equal(tried.body.delivered, true, JSON.stringify(tried.body));
  }
  assert.equal(receiver.all.at(-1)!.url, '/hook/T000/hidden-part');
  assert.match(smtp.mails[0]!.data, /The channel mail works/);
  // What is secret and left out stays as it was.
  assert.equal((await put('chat', { kind: 'telegram', chat_id: '@ops' })).status, 200);
  assert.equal((await put('slack', { kind: 'slack', language: 'ru' })).body.host, new URL(url).host);
  for (const id of ['chat', 'slack'])
    assert.equal((await tested.call('POST', `/api/channels/${id}/test`)).body.delivered, true);
  assert.match(JSON.parse(receiver.all.at(-1)!.body).text, /Проверка канала/);
  receiver.behave(takes);
  const answered = JSON.stringify([
    (await tested.call('GET', '/api/channels/')).body,
    (await tested.call('GET', '/api/channels/slack')).body,
  ]);
  const { rows } = await tested.database.pool.query('select c::text as row from ops.channel as c');
  const stored = rows.map(({ row }) => row).join();
  for (const hidden of [secret, secret.slice(6), token, 'hidden-part']) {
    assert.ok(!answered.includes(hidden), hidden);
    assert.ok(!stored.includes(hidden) && !stored.includes(Buffer.from(hidden).toString('hex')), hidden);
  }
});

test('everything that is wrong with a channel is told at once', async () => {
  const refused = async (body: object) => {
    const answer = await put('wrong', body);
    assert.equal(answer.status, 422, JSON.stringify(answer.body));
    return answer.body.errors.map((one: { pointer: string }) => one.pointer).sort();
  };
  assert.deepEqual(await refused({ kind: 'webhook' }), ['/body/url']);
  assert.deepEqual(await refused({ kind: 'webhook', url: 'x', secret: 'short', to: [] }), [
    '/body/secret',
    '/body/to',
    '/body/url',
  ]);
  assert.deepEqual(await refused({ kind: 'email', to: ['a@b.c', 'a@b.c\r\nBcc: x@y.z'] }), ['/body/to/1']);
  assert.deepEqual(await refused({ kind: 'telegram', chat_id: 'a b' }), ['/body/bot_token', '/body/chat_id']);
  assert.deepEqual(await refused({ kind: 'telegram', chat_id: '1', bot_token: '../x' }), ['/body/bot_token']);
  assert.deepEqual(await refused({ kind: 'slack' }), ['/body/url']);
  assert.equal((await put('pigeon', { kind: 'pigeon' })).status, 422);
  assert.equal((await put('a%20b', { kind: 'webhook', url: receiver.url })).status, 422);
  assert.equal((await tested.call('GET', '/api/channels/wrong')).status, 404);
});

test('a channel that is off or gone takes nothing, and what was sent to it stays in the log', async () => {
  const pool = tested.database.pool;
  await put('off', { kind: 'webhook', url: receiver.url, enabled: false });
  const event = alertEvent({ channels: ['off', 'hook'] });
  await tellEvents(pool, [event]);
  const list = async () =>
    (await tested.call('GET', `/api/deliveries/?event_id=${event.event_id}&state=delivered,skipped`)).body
      .results;
  await until('both come to their end', async () => (await list()).length === 2);
  const [hook, off] = (await list()).toSorted((a: any, b: any) => (a.channel_id < b.channel_id ? -1 : 1));
  assert.deepEqual(
    [hook.state, off.state, off.last_error],
    ['delivered', 'skipped', 'the channel is switched off'],
  );
  assert.equal((await tested.call('POST', `/api/deliveries/${off.delivery_id}/resend`)).status, 409);
  await put('off', { kind: 'webhook', url: receiver.url });
  const again = await tested.call('POST', `/api/deliveries/${off.delivery_id}/resend`);
  assert.equal(again.status, 202);
  const sent = ({ state }: any) => state === 'delivered';
  await until('it is sent', async () => (await list()).filter(sent).length === 2);
  assert.equal(receiver.all.at(-1)!.id, again.body.message_id);
  assert.equal((await tested.call('DELETE', '/api/channels/off')).status, 200);
  const { body } = await tested.call('GET', `/api/deliveries/${off.delivery_id}`);
  assert.deepEqual([body.kind, body.state, body.attempts.length], [null, 'delivered', 1]);
  assert.equal((await tested.call('GET', '/api/deliveries/?limit=1')).body.results.length, 1);
});

test('what was encrypted under another key is told of, and what a key reads belongs to one channel', async () => {
  const { pool } = tested.database;
  const own = createSecrets({ pool, secretsKey: 'a key of the configuration, long enough' });
  const made = createSecrets({ pool, secretsKey: undefined });
  const sealed = await own.seal('hidden', 'ops');
  assert.equal(await own.open(sealed, 'ops'), 'hidden');
  await assert.rejects(own.open(sealed, 'other'));
  await assert.rejects(made.open(sealed, 'ops'), ForeignSecret);
  // What was encrypted before there was a SECRETS_KEY can be read with it.
  assert.equal(await own.open(await made.seal('older', 'ops'), 'ops'), 'older');
  await pool.query({
    text: 'update ops.channel set secret = $1 where channel_id = $2',
    values: [await own.seal('{}', 'hook'), 'hook'],
  });
  const { body } = await tested.call('POST', '/api/channels/hook/test');
  assert.equal(body.delivered, false);
  assert.match(body.error, /another SECRETS_KEY/);
});

test('doctor names the channels through which nothing comes', async () => {
  const { pool } = tested.database;
  await put('broken', { kind: 'webhook', url: 'http://127.0.0.1:1/' });
  await pool.query(
    "update ops.channel set failing_since = now(), last_error = 'connect ECONNREFUSED' where channel_id = 'broken'",
  );
  await pool.query(
    "update ops.channel set enabled = false, disabled_reason = 'gone' where channel_id = 'made'",
  );
  const findings = await diagnoseChannels(pool, { ...tested.config, smtp: undefined });
  const text = findings.map((finding) => `${finding.level} ${finding.text}`).join('\n');
  assert.match(text, /^ok channels: \d+, deliveries that wait: 0\n/);
  assert.match(text, /warn channel broken \(webhook\) has failed since 2.*connect ECONNREFUSED/);
  assert.match(text, /warn channel made \(webhook\) was switched off: gone/);
  assert.match(text, /warn channel mail \(email\) needs SMTP_URL/);
});
