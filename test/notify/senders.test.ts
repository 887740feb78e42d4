import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Message, Send, SendDeps } from '../../src/notify/outcome.ts';
import { readRetryAfter, retryDelayMs, usualDelaysMs } from '../../src/notify/retry-delay.ts';
import { sendSlack, sendTelegram } from '../../src/notify/send-chat.ts';
import { sendEmail } from '../../src/notify/send-email.ts';
import { sendWebhook } from '../../src/notify/send-webhook.ts';
import { resolveWithSystem } from '../../src/notify/target.ts';
import { alertEvent } from './events.ts';
import { answers, isSigned, type Receiver, startReceiver, takes } from './receiver.ts';
import { bodyOf, headerOf, startSmtpServer } from './smtp-server.ts';

let receiver: Receiver;
let smtp: Awaited<ReturnType<typeof startSmtpServer>>;
before(async () => {
  receiver = await startReceiver();
  smtp = await startSmtpServer();
});
after(async () => {
  await receiver.stop();
  await smtp.stop();
});

const deps = (changes: Partial<SendDeps> = {}): SendDeps => ({
  ...{
    smtp: { url: smtp.url, from: 'Till <till@example.com>' },
    telegramApiUrl: new URL(receiver.url).origin,
  },
  ...{ allowPrivateTargets: true, defaultTimeZone: 'Europe/Moscow', resolve: resolveWithSystem },
  ...{ timeoutMs: 20_000, nowMs: () => Date.now(), ...changes },
});
type Kind = 'webhook' | 'email' | 'telegram' | 'slack';
async function send<K extends Kind>(
  how: Send<K>,
  changes: Pick<Message<K>, 'settings' | 'secret'> & Partial<Message<K>>,
  own: Partial<SendDeps> = {},
) {
  const message = { id: 'msg_1', event: alertEvent(), language: 'en' as const, settled: [], ...changes };
  return await how(deps(own), message);
}
const told = () => JSON.parse(receiver.all.at(-1)!.body);

test('a webhook is signed as Standard Webhooks says, with the secret as it was given', async () => {
  const settings = { url: receiver.url };
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  for (const given of [secret, secret.slice('whsec_'.length)]) {
    const sent = await send(sendWebhook, { settings, secret: { secret: given } });
    assert.deepEqual(sent, { result: 'delivered', status: 200, error: null });
    assert.ok(isSigned(receiver.all.at(-1)!, secret));
    assert.ok(!isSigned(receiver.all.at(-1)!, 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'));
  }
  assert.equal(receiver.all.at(-1)!.headers['content-type'], 'application/json');
  // The example of the specification.
  const { signWebhook, keyOfSecret } = await import('../../src/notify/sign-webhook.ts');
  const signed = signWebhook(
    { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}', atMs: 1_614_265_330_000 },
    keyOfSecret(secret)!,
  );
  assert.equal(signed['webhook-signature'], 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

test('a receiver is waited for as long as it asks, within bounds, and a day is the end', async () => {
  const nowMs = Date.parse('2026-12-31T23:59:30Z');
  const call = (status: number, header: string) => {
    receiver.behave(answers(status, { 'retry-after': header }));
    const secret = { secret: 'whsec_'.padEnd(38, 'a') };
    return send(sendWebhook, { settings: { url: receiver.url }, secret }, { nowMs: () => nowMs });
  };
  assert.equal((await call(429, '7')).retryAfterMs, 7_000);
  assert.equal((await call(503, 'soon')).retryAfterMs, undefined);
  assert.equal((await call(503, new Date(nowMs + 60_000).toUTCString())).retryAfterMs, 60_000);
  receiver.behave(takes);
  assert.equal(readRetryAfter('Wed, 21 Oct 2015 07:28:00 GMT', nowMs), 0);
  const delays = (random: number) =>
    usualDelaysMs.map((_, index) => retryDelayMs(index + 1, usualDelaysMs, 0, random)!);
  assert.ok(delays(0)[0]! <= 30_000);
  for (const random of [0, 0.5, 1]) {
    const list = delays(random);
    assert.deepEqual(
      list,
      list.toSorted((a, b) => a - b),
    );
    const whole = list.reduce((sum, ms) => sum + ms, 0);
    assert.ok(whole > 18 * 3_600_000 && whole <= 86_400_000, `${whole}`);
  }
  assert.equal(retryDelayMs(usualDelaysMs.length + 1, usualDelaysMs, 0, 0), undefined);
  assert.equal(retryDelayMs(1, usualDelaysMs, 60_000, 0), 60_000);
  assert.equal(retryDelayMs(1, usualDelaysMs, 90_000_000, 0), 3_600_000);
});

const mail = (to: string[], settled: string[] = []) => ({
  settings: { to, from: null },
  secret: null,
  settled,
});

test('a mail says what happened in the language of its channel, under one Message-ID', async () => {
  const to = ['one@example.com', 'two@example.com'];
  const language = 'ru' as const;
  assert.equal((await send(sendEmail, { ...mail(to), language })).result, 'delivered');
  assert.equal((await send(sendEmail, { ...mail(to), language })).result, 'delivered');
  const [first, second] = smtp.mails as [(typeof smtp.mails)[0], (typeof smtp.mails)[0]];
  assert.deepEqual([first.from, first.to], ['till@example.com', to]);
  assert.equal(headerOf(first, 'Message-ID'), '<msg_1@example.com>');
  assert.equal(headerOf(second, 'Message-ID'), headerOf(first, 'Message-ID'));
  assert.equal(headerOf(first, 'Subject'), 'Тревога: Low sales (Store <ABC>)');
  const text = bodyOf(first);
  assert.match(text, /Чистые продажи: 812,5 RUB, ниже 1\s000 RUB/);
  assert.match(text, /Обычно: 1\s500 RUB/);
  // In the zone of the installation.
  assert.match(text, /Период: 31 янв\. 2026 г\., 14:00 – .*15:00/);
  assert.match(text, /- товар Latte & co: 12 вместо 40/);
});

test('an alert is told in the words of its rule where they are of the language of the channel', async () => {
  const texts: string[] = [];
  for (const language of [undefined, 'en', 'ru'])
    for (const type of ['alert.fired', 'alert.resolved']) {
      const event = alertEvent({ language, type });
      await send(sendEmail, { ...mail(['one@example.com']), event });
      texts.push(bodyOf(smtp.mails.at(-1)!));
    }
  const has = (pattern: RegExp) => texts.map((text) => pattern.test(text));
  assert.deepEqual(has(/net is 812.5/), [true, true, true, true, false, false]);
  assert.deepEqual(has(/Net sales: 812.5/), [true, true, false, false, true, true]);
  assert.deepEqual(has(/below 1,000/), [true, false, false, false, true, false]);
  assert.deepEqual(has(/- product Latte/), [true, false, false, false, true, false]);
});

test('what a mail server refuses for good is not tried again, each recipient gets a mail once', async () => {
  const outcome = async (
    reply: (command: string) => string | undefined,
    to = ['one@example.com'],
    own: Partial<SendDeps> = {},
  ) => {
    smtp.replyWith(reply);
    const { result, status, settled } = await send(sendEmail, mail(to), own);
    return [result, status, settled];
  };
  const on = (start: string, text: string) => (command: string) =>
    command.startsWith(start) ? text : undefined;
  const before = smtp.mails.length;
  assert.deepEqual(await outcome(on('.', '554 spam')), ['failed', 554, undefined]);
  assert.deepEqual(await outcome(on('.', '451 later')), ['retry', 451, undefined]);
  assert.deepEqual(await outcome(on('MAIL', '421 busy')), ['retry', 421, undefined]);
  assert.deepEqual(await outcome(on('RCPT', '550 nobody')), ['failed', 550, []]);
  // A fault of the configuration, which may be put right while the message waits.
  assert.deepEqual(await outcome(on('AUTH', '535 wrong password')), ['retry', 535, undefined]);
  assert.deepEqual(await outcome(on('EHLO', ''), ['one@example.com'], { timeoutMs: 200 }), [
    'retry',
    null,
    undefined,
  ]);
  assert.equal(smtp.mails.length, before);
  const both = ['here@example.com', 'later@example.com'];
  const first = await outcome(on('RCPT TO:<later', '450 later'), both);
  assert.deepEqual(first, ['retry', 450, ['here@example.com']]);
  smtp.replyWith(() => undefined);
  assert.equal((await send(sendEmail, mail(both, ['here@example.com']))).result, 'delivered');
  assert.deepEqual(
    smtp.mails.slice(before).map(({ to }) => to),
    [['here@example.com'], ['later@example.com']],
  );
  const away = await send(sendEmail, mail(both), {
    smtp: { url: 'smtp://127.0.0.1:1', from: 'a@example.com' },
  });
  assert.equal(away.result, 'retry');
  assert.equal((await send(sendEmail, mail(both), { smtp: undefined })).result, 'retry');
});

test('a title cannot put a header into a mail, nor a name a tag into a chat', async () => {
  const rule_name = 'Low\r\nBcc: other@example.com\u2028\u0000 <b>&*_`';
  const event = alertEvent({ rule_name });
  await send(sendEmail, { ...mail(['one@example.com']), event });
  const sent = smtp.mails.at(-1)!;
  assert.equal(headerOf(sent, 'Bcc'), '');
  assert.deepEqual(sent.to, ['one@example.com']);
  receiver.behave(answers(200, {}, '{"ok":true,"result":{}}'));
  const secret = { bot_token: '123456:ABC-DEF1234ghIkl' };
  const answer = await send(sendTelegram, { settings: { chat_id: '@ops' }, secret, event });
  assert.deepEqual(answer, { result: 'delivered', status: 200, error: null });
  assert.equal(receiver.all.at(-1)!.url, `/bot${secret.bot_token}/sendMessage`);
  assert.equal(told().chat_id, '@ops');
  assert.match(
    told().text,
    /^<b>Alert: Low Bcc: other@example\.com &lt;b&gt;&amp;\*_` \(Store &lt;ABC&gt;\)<\/b>\n/,
  );
  assert.match(told().text, /- product Latte &amp; co: 12 instead of 40/);
  await send(sendSlack, { settings: { host: '' }, secret: { url: receiver.url }, event });
  assert.match(told().text, /&lt;b&gt;&amp;\*\u2060_\u2060`\u2060 \(Store &lt;ABC&gt;\)\*\n/);
  const drivers = Array.from({ length: 5 }, () => ({ kind: 'product', name: '&'.repeat(290), value: 1 }));
  const long = alertEvent({
    rule_name: '<'.repeat(5_000),
    place_name: '&'.repeat(5_000),
    explanation: { drivers },
  });
  await send(sendTelegram, { settings: { chat_id: '1' }, secret, event: long });
  // The limit holds for what is shown: an escape counts as the character that it stands for.
  const shown = told()
    .text.replace(/<\/?b>/g, '')
    .replace(/&(amp|lt|gt);/g, '&');
  assert.ok(shown.length <= 4_096, `${shown.length}`);
});

test('Telegram and Slack are understood in their own words, and no error holds a secret', async () => {
  const secret = { bot_token: '123456:ABC-DEF1234ghIkl' };
  const telegram = (status: number, body: object, own: Partial<SendDeps> = {}) => {
    receiver.behave(answers(status, {}, JSON.stringify(body)));
    return send(sendTelegram, { settings: { chat_id: '5' }, secret }, own);
  };
  const patience = { ok: false, description: 'Too Many Requests', parameters: { retry_after: 3 } };
  assert.deepEqual(await telegram(429, patience), {
    ...{
      result: 'retry',
      status: 429,
      error: 'Telegram answered 429: Too Many Requests',
      retryAfterMs: 3_000,
    },
  });
  assert.equal((await telegram(400, { ok: false, description: 'chat not found' })).result, 'failed');
  assert.equal((await telegram(401, { ok: false, description: 'Unauthorized' })).result, 'retry');
  assert.equal((await telegram(200, { ok: false })).result, 'retry');
  const away = await telegram(200, {}, { telegramApiUrl: 'http://127.0.0.1:1' });
  assert.doesNotMatch(JSON.stringify(away), /ABC-DEF/);
  const slack = (status: number, body: string) => {
    receiver.behave(answers(status, {}, body));
    return send(sendSlack, { settings: { host: '' }, secret: { url: `${receiver.url}/T0/B0/hidden` } });
  };
  assert.equal((await slack(200, 'ok')).result, 'delivered');
  assert.deepEqual(await slack(404, 'no_service'), {
    result: 'failed',
    status: 404,
    error: 'Slack answered 404: no_service',
  });
  assert.equal((await slack(500, 'rollup_error')).result, 'retry');
  await receiver.kill();
  assert.doesNotMatch(JSON.stringify(await slack(200, '')), /hidden/);
  await receiver.start();
});
