import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { startTestBrowser, type TestBrowser, type WatchedPage, whyNoBrowser } from '../browser.ts';
import { noonDate, noonTime, noonZone } from '../noon.ts';
import { adminToken, receipt, startTestProgram, type TestProgram } from '../program.ts';

const skip = whyNoBrowser() ?? false;
const hourMs = 3_600_000;

/** Each address of the pages where things are managed, with its heading in both languages. */
const pages: [path: string, english: string, russian: string][] = [
  ['customers', 'Customers', 'Клиенты'],
  ['customers/guest-1', 'Anna', 'Anna'],
  ['tags', 'Tags', 'Теги'],
  ['reports', 'Reports', 'Отчёты'],
  ['alerts', 'Alerts', 'Тревоги'],
  ['alerts/1', 'Low sales', 'Low sales'],
  ['alerts/rules', 'Alerts', 'Тревоги'],
  ['alerts/channels', 'Alerts', 'Тревоги'],
  ['alerts/deliveries', 'Alerts', 'Тревоги'],
  ['jobs', 'Jobs', 'Задания'],
  ['tokens', 'Tokens', 'Токены'],
  ['health', 'Health', 'Состояние'],
];

describe('the pages where things are managed', { skip }, () => {
  let tested: TestProgram;
  let browser: TestBrowser;
  let watched: WatchedPage;
  let page: Page;
  let receiver: Server;
  const received: any[] = [];

  const address = (path: string) => `${tested.program.address}/${path}`;
  const hook = () => `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const call = async (method: string, url: string, body?: unknown) => {
    const answer = await tested.call(method, url, body);
    assert.ok(answer.status < 300, `${method} ${url}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const open = async (path: string, heading: string) => {
    await page.goto(address(path));
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
    while ((await page.locator('.loading').count()) > 0) await sleep(20);
  };

  before(async () => {
    receiver = createServer((incoming, outgoing) => {
      let text = '';
      incoming.on('data', (chunk) => (text += chunk));
      incoming.on('end', () => received.push(JSON.parse(text)) && outgoing.end());
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const env = {
      ...{ ERASURE_KEY: 'a key for erasures, of the tests only', ALLOW_PRIVATE_TARGETS: 'true' },
      DEFAULT_TIME_ZONE: noonZone,
    };
    [tested, browser] = await Promise.all([startTestProgram(env), startTestBrowser()]);
    await call('POST', '/api/checks/', salesOfTwoDays());
    await tested.settle();
    await call('POST', '/api/tag-rules/', { tag: 'regular', scope: 'total', metric: 'orders', threshold: 3 });
    await call('PUT', '/api/channels/ops', { kind: 'webhook', url: hook() });
    await call('POST', '/api/alert-rules/', alertRule);
    await call('POST', '/api/jobs/', { queue: 'audit' });
    await tested.database.pool.query(pastAlert);
    await tested.database.pool.query(failedDelivery);
    watched = await browser.open();
    page = watched.page;
    await page.goto(address(`#token=${adminToken}`));
    await page.getByRole('heading', { level: 1 }).waitFor();
  });
  after(async () => {
    await browser.stop();
    await tested.stop();
    receiver.close();
  });

  test('a tag rule shows whom it would tag, tags them, and one of them shows why', async () => {
    await open('tags', 'Tags');
    await page.getByRole('button', { name: 'New tag' }).click();
    await page.getByLabel('Tag', { exact: true }).fill('pizza lover');
    await page.getByLabel('Category').fill('pizza');
    await page.getByLabel('More than').fill('2');
    await page.getByRole('button', { name: 'Preview' }).click();
    const preview = page.getByRole('region', { name: 'Preview' });
    await preview.getByRole('heading', { name: '3 would have it now' }).waitFor();
    await watched.assertAccessible();
    await page.getByRole('button', { name: 'Save' }).click();
    const row = page.getByRole('row').filter({ hasText: 'pizza lover' });
    await row.getByText('applied', { exact: true }).waitFor();
    await row.getByRole('link', { name: 'Customers with the tag pizza lover' }).click();
    await page.getByRole('link', { name: 'Anna' }).click();
    await page
      .getByText(/orders counted/)
      .first()
      .waitFor();
    watched.assertCalm();
  });

  test('an alert rule is drawn on history and kept; what fired says why, and can be muted', async () => {
    await open('alerts/rules', 'Alerts');
    await page.getByRole('button', { name: 'New rule' }).click();
    await page.getByLabel('Name').fill('Hardly any sales');
    await page.getByLabel('Limit', { exact: true }).fill('100000');
    await page.getByLabel('ops').check();
    await page.getByLabel('Of the last days').selectOption('1');
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByRole('heading', { name: /It would have fired \d+ times/ }).waitFor();
    await page.locator('dialog canvas').waitFor();
    await watched.assertAccessible();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row').filter({ hasText: 'Hardly any sales' }).waitFor();
    const { results } = await call('GET', '/api/alert-rules/');
    const made = results.find((rule: any) => rule.name === 'Hardly any sales');
    assert.deepEqual([made.kind, made.below, made.channels], ['threshold', 100_000, ['ops']]);
    await open('alerts?rule_id=1', 'Alerts');
    await page.getByText('Only of the rule Low sales.').waitFor();
    await page.getByRole('button', { name: 'Show those of all rules' }).click();
    await page.getByText('Only of the rule').waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Low sales' }).first().click();
    await page.getByText('31 instead of 82').waitFor();
    await page.getByRole('button', { name: '8 hours' }).click();
    await page.getByText(/The rule is muted until/).waitFor();
    watched.assertCalm();
  });

  test('a channel is made with a secret that is shown once, tested, and sent what failed before', async () => {
    await open('alerts/channels', 'Alerts');
    await page.getByRole('button', { name: 'New channel' }).click();
    await page.getByLabel('Id', { exact: true }).fill('night');
    await page.getByLabel('Address').fill(hook());
    await page.getByRole('button', { name: 'Save' }).click();
    const shown = page.getByRole('dialog', { name: 'The secret of night' });
    assert.match(await shown.getByLabel('Secret that signs').inputValue(), /^whsec_/);
    await shown.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'Test the channel night' }).click();
    await page.getByText(/The test reached night/).waitFor();
    await open('alerts/deliveries', 'Alerts');
    await page.getByRole('button', { name: 'Details of delivery 1' }).click();
    await page.getByRole('button', { name: 'Send again' }).click();
    const again = page
      .getByRole('row')
      .filter({ has: page.getByLabel('Details of delivery 1', { exact: true }) });
    await again.getByText('delivered', { exact: true }).waitFor();
    const told = received.map(({ type, event_id }) => `${type} ${event_id}`);
    assert.ok(
      told.some((one) => one.startsWith('channel.test')),
      told.join(),
    );
    assert.ok(told.includes(`alert.fired ${failedEvent}`), told.join());
    watched.assertCalm();
  });

  test('a report is asked for and becomes final under the eyes of its reader', async () => {
    await open('reports', 'Reports');
    await page.getByRole('button', { name: 'Ask for a report' }).click();
    const day = noonDate();
    await page.getByLabel('First day').fill(day);
    await page.getByLabel('Last day').fill(day);
    await watched.assertAccessible();
    await page.getByRole('button', { name: 'Write it' }).click();
    await page.getByRole('heading', { name: /Sales report/ }).waitFor();
    await page.getByText('final', { exact: true }).waitFor();
    await watched.assertAccessible();
    watched.assertCalm();
  });

  test('a token works once its secret is copied, and no more once it is revoked', async () => {
    await open('tokens', 'Tokens');
    await page.getByRole('button', { name: 'New token' }).click();
    await page.getByLabel('Name').fill('till 7');
    await page.getByLabel(/^analyst/).check();
    await page.getByRole('button', { name: 'Create' }).click();
    const secret = await page.getByLabel('Secret', { exact: true }).inputValue();
    await watched.assertAccessible();
    await page.getByRole('button', { name: 'Done' }).click();
    const ask = async () =>
      (await tested.call('GET', '/api/places/', undefined, { authorization: `Bearer ${secret}` })).status;
    assert.equal(await ask(), 200);
    await page.getByRole('button', { name: 'Revoke till 7' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('row').filter({ hasText: 'till 7' }).waitFor({ state: 'detached' });
    assert.equal(await ask(), 401);
    watched.assertCalm();
  });

  test('a job that failed says why, and is done when it is tried again', async () => {
    const done = async () => (await call('GET', '/api/jobs/?state=completed')).results;
    while ((await done()).length === 0) await sleep(50);
    const [{ id }] = await done();
    await tested.database.pool.query(
      `update pgboss.job set state = 'failed', output = '{"value": {"message": "the disk is full"}}' where id = $1`,
      [id],
    );
    await open('jobs?state=failed', 'Jobs');
    const row = page.getByRole('row').filter({ hasText: 'the disk is full' });
    await row.getByRole('button', { name: /^Try again/ }).click();
    await page.getByText('No jobs to show').waitFor();
    while (!(await done()).some((job: any) => job.id === id)) await sleep(50);
    watched.assertCalm();
  });

  test('a file and a report that are not there are told of, and not asked for again and again', async () => {
    const alone = await browser.open();
    alone.allow(/404|422/);
    const own = alone.page;
    await own.clock.install();
    let asked = 0;
    await own.route('**/api/reports/4040', async (route) => {
      asked += 1;
      await route.continue();
    });
    await own.goto(address(`reports/4040#token=${adminToken}`));
    await own.getByRole('alert').waitFor();
    await own.clock.runFor(10_000);
    assert.equal(asked, 1);
    await own.route('**/api/customers/', (route) =>
      route.fulfill({ status: 422, json: { title: 'Too many rows', detail: 'ask for fewer customers' } }),
    );
    await own.goto(address('customers'));
    await own.getByRole('button', { name: 'CSV' }).click();
    await own.getByText('ask for fewer customers').waitFor();
    await alone.close();
    alone.assertCalm();
  });

  test('a person is erased only after the id was typed', async () => {
    await open('customers/guest-2', 'Vera');
    await page.getByRole('button', { name: 'Erase this person' }).click();
    const erase = page.getByRole('dialog').getByRole('button', { name: 'Erase', exact: true });
    assert.equal(await erase.isEnabled(), false);
    await page.getByLabel('Id of the person').fill('guest-2');
    await erase.click();
    await page.getByText('This person is erased.').waitFor();
    assert.equal((await tested.call('GET', '/api/customers/guest-2')).status, 404);
    watched.assertCalm();
  });

  test('every page is calm and accessible, light and dark, wide and narrow, in both languages', async () => {
    for (const [path, heading] of pages) {
      await open(path, heading);
      await watched.assertAccessible();
    }
    watched.assertCalm();
    const narrow = await browser.open({
      ...{ viewport: { width: 390, height: 800 }, locale: 'ru-RU', colorScheme: 'dark' },
    });
    page = narrow.page;
    await page.goto(address(`#token=${adminToken}`));
    await page.getByRole('heading', { level: 1 }).waitFor();
    for (const [path, , heading] of pages) {
      await open(path, heading);
      await narrow.assertAccessible();
      const isTooWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
      assert.equal(isTooWide, false, `${path} is wider than the screen`);
    }
    narrow.assertCalm();
  });
});

const alertRule = {
  ...{ name: 'Low sales', kind: 'threshold', metric: 'net', window_minutes: 60, below: 1 },
  channels: ['ops'],
};
const explanation = {
  text: 'Net of Arbat from 12:00 to 13:00 was 1240 RUB, under the limit of 1500.',
  drivers: [
    { kind: 'receipts', value: 31, baseline: 82, change: -2029.8 },
    { kind: 'average_receipt', value: 40, baseline: 39.8, change: 6.2 },
  ],
};
const pastAlert = {
  text: `insert into ops.alert (rule_id, rule_name, kind, metric, target, place_id, currency, value, baseline, threshold,
      window_from, window_to, explanation, channels, fired_at, resolved_at)
    values (1, 'Low sales', 'threshold', 'net', 'past', 'arbat', 'RUB', 1240, 3263.6, 1500, now() - interval '3 hours',
      now() - interval '2 hours', $1, '{ops}', now() - interval '2 hours', now() - interval '1 hour')`,
  values: [JSON.stringify(explanation)],
};
const failedEvent = '3f0c3d52-8f5e-4c39-9d7f-5a1d7f1f9a52';
const failedDelivery = {
  text: `insert into ops.delivery (event_id, channel_id, event, entity_key, entity_seq, payload, state, event_at, ended_at)
    values ($2, 'ops', 'alert.fired', 'alert:1', 1, $1, 'failed', now(), now())`,
  values: [
    JSON.stringify({
      ...{ event_id: failedEvent, type: 'alert.fired', id: 1 },
      ...{ created_at: '2026-01-31T10:01:00.000Z', rule_id: 1, rule_name: 'Low sales', kind: 'threshold' },
      ...{
        metric: 'net',
        place_id: 'arbat',
        place_name: 'Arbat',
        value: 1240,
        baseline: null,
        currency: 'RUB',
      },
      ...{ threshold: 1500, explanation, state: 'firing', channels: ['ops'] },
    }),
    failedEvent,
  ],
};

/** Four customers, each with a sale every hour. */
function salesOfTwoDays(): unknown[] {
  const names = ['Gleb', 'Anna', 'Vera', 'Darya'];
  return Array.from({ length: 96 }, (_, index) => {
    const timestamp = noonTime(Math.floor(index / 2) * hourMs + 60_000);
    const customer = index % 4;
    const category = index % 8 < 3 ? 'pizza' : 'coffee';
    return receipt({
      ...{ transaction_id: `sale-${index}`, timestamp },
      ...{
        place_id: index % 2 === 0 ? 'arbat' : 'airport',
        place_name: index % 2 === 0 ? 'Arbat' : 'Airport',
      },
      ...{ customer_id: `guest-${customer}`, customer_name: names[customer] },
      items: [
        { product_id: `p${index % 5}`, name: `Product ${index % 5}`, quantity: 1, price: 250, category },
      ],
      ...{ total_amount: 250, nds_amount: 0, tips_amount: 0 },
    });
  });
}
