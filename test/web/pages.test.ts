import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { createLog } from '../../src/base/log.ts';
import { type Program, startProgram } from '../../src/start-program.ts';
import { startTestBrowser, type TestBrowser, whyNoBrowser } from '../browser.ts';
import { noonTime, noonZone } from '../noon.ts';
import { adminToken, receipt, startTestProgram, type TestProgram } from '../program.ts';

const skip = whyNoBrowser() ?? false;
const firstLoadBytes = 300_000;

describe('the dashboard', { skip }, () => {
  let tested: TestProgram;
  let browser: TestBrowser;
  let program: Program;
  before(async () => {
    [tested, browser] = await Promise.all([
      startTestProgram({ DEFAULT_TIME_ZONE: noonZone }),
      startTestBrowser(),
    ]);
    program = tested.program;
    const sent = [
      receipt({ customer_id: 'ann' }),
      receipt({ transaction_id: 'r-2', timestamp: '2024-02-09T10:00:00', payment_method: 'cash' }),
      receipt({
        transaction_id: 'r-3',
        timestamp: noonTime(),
        place_id: 'corner',
        place_name: 'Corner shop',
      }),
    ];
    const answer = await tested.call('POST', '/api/checks/', sent);
    assert.equal(answer.body.accepted, 3);
    await tested.settle();
  });
  after(async () => {
    await browser.stop();
    if (program !== tested.program) await program.stop();
    await tested.stop();
  });

  const address = (path: string) => `${tested.program.address}/${path}`;
  const signedIn = (path: string, token = adminToken) =>
    `${address(path)}#token=${encodeURIComponent(token)}`;
  const heading = (page: Page, name: string) => page.getByRole('heading', { name, level: 1 }).waitFor();

  test('a token signs in, and one that is refused leads back with a reason', async () => {
    const watched = await browser.open();
    const { page } = watched;
    watched.allow(/401/);
    await page.goto(address('sales'));
    await watched.assertAccessible();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Paste a token.').waitFor();
    await page.getByLabel('Token').fill('not-a-token-of-anybody-at-all');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('unknown, expired or revoked').waitFor();
    await page.getByLabel('Token').fill(adminToken);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await heading(page, 'Sales');
    assert.equal(page.url(), address('sales'));
    assert.equal(await page.evaluate('localStorage.length'), 0, 'a token is kept for the tab alone');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You have signed out.').waitFor();
    assert.equal(await page.evaluate('sessionStorage.length'), 0);
    await watched.close();
    watched.assertCalm();
  });

  test('roles decide what is shown; a revoked token opens nothing', async () => {
    const made = await tested.call('POST', '/api/tokens/', { name: 'reader', roles: ['analyst'] });
    const watched = await browser.open();
    const { page } = watched;
    watched.allow(/401/);
    await page.goto(signedIn('tokens', made.body.secret));
    await page.getByText('needs a token with the role admin').waitFor();
    assert.equal(page.url(), address('tokens'), 'the token is taken out of the address');
    const names = await page.getByRole('navigation').getByRole('link').allTextContents();
    assert.deepEqual(names, ['Today', 'Sales', 'Products', 'Reports']);
    await page.getByRole('link', { name: 'Sales' }).click();
    await heading(page, 'Sales');
    await tested.call('DELETE', `/api/tokens/${made.body.token_id}`);
    // Given anew: a request still on its way may have ended the page's session already.
    await page.goto(signedIn('products', made.body.secret));
    await page.getByText('unknown, expired or revoked').waitFor();
    assert.equal(await page.evaluate('sessionStorage.length'), 0);
    await watched.close();
    watched.assertCalm();
  });

  test('today moves as a receipt arrives, and its first load is small', async () => {
    const watched = await browser.open();
    const { page } = watched;
    const bodies: Promise<number>[] = [];
    page.on('requestfinished', (request) => {
      if (!request.url().includes('/api/'))
        bodies.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
    });
    await page.goto(signedIn(''));
    await page.getByRole('link', { name: 'Corner shop' }).waitFor();
    await page.locator('canvas').nth(1).waitFor();
    const bytes = (await Promise.all(bodies)).reduce((sum, one) => sum + one, 0);
    assert.ok(bytes > 50_000 && bytes < firstLoadBytes, `${bytes} bytes`);
    const row = page.getByRole('row', { name: /Corner shop/ });
    assert.match((await row.textContent()) ?? '', /27\.47/);
    const one = receipt({
      transaction_id: 'live-1',
      timestamp: noonTime(),
      place_id: 'corner',
      place_name: 'Corner shop',
    });
    await tested.call('POST', '/api/checks/', one);
    await row.getByText('54.94').waitFor();
    await watched.assertAccessible();
    await watched.close();
    watched.assertCalm();
  });

  test('the hours of today are of the clock of each place', async () => {
    // East in the morning and west in the evening, so that it is the same day there.
    const eastwards = new Date().getUTCHours() < 12 ? 5 : -5;
    const time_zone = eastwards > 0 ? 'Etc/GMT-5' : 'Etc/GMT+5';
    await tested.call('PUT', '/api/places/far', { place_name: 'Far shop', time_zone });
    const local = new Date(Date.now() + eastwards * 3_600_000).toISOString();
    const far = receipt({ transaction_id: 'far-1', timestamp: local.slice(0, 19), place_id: 'far' });
    await tested.call('POST', '/api/checks/', far);
    const watched = await browser.open();
    const { page } = watched;
    await page.goto(signedIn(''));
    await page.getByRole('button', { name: 'By hour' }).click();
    await page.getByText('As a table').first().click();
    const row = page.getByRole('row').filter({ has: page.getByText(`${local.slice(11, 13)}:00`) });
    await row.getByText(/27\.47/).waitFor();
    await watched.close();
    watched.assertCalm();
  });

  test('a day without a sale is drawn as nought, in its place', async () => {
    const watched = await browser.open();
    const { page } = watched;
    await page.goto(signedIn('sales?period=custom&from=2024-02-01&to=2024-02-29&compare='));
    await page.getByText('As a table').click();
    await page
      .getByRole('row', { name: /Feb 8/ })
      .getByText(/0\.00$/)
      .waitFor();
    assert.equal(await page.getByRole('row').count(), 4);
    await watched.close();
    watched.assertCalm();
  });

  for (const look of [
    { name: 'English, light, wide', locale: 'en-GB', colorScheme: 'light', width: 1280 },
    { name: 'Russian, dark, narrow', locale: 'ru-RU', colorScheme: 'dark', width: 390 },
  ] as const) {
    test(`every page of sales is whole and accessible: ${look.name}`, async () => {
      const { locale, colorScheme, width } = look;
      const watched = await browser.open({ locale, colorScheme, viewport: { width, height: 800 } });
      const { page } = watched;
      const isRussian = locale === 'ru-RU';
      for (const [path, title] of [
        ['', isRussian ? 'Сегодня' : 'Today'],
        ['sales?period=all&compare=', isRussian ? 'Продажи' : 'Sales'],
        ['products?kind=year&date=2024-01-01', isRussian ? 'Товары и категории' : 'Products and categories'],
      ] as const) {
        await page.goto('about:blank');
        await page.goto(signedIn(path));
        await heading(page, title);
        await page.locator('canvas').first().waitFor();
        await watched.assertAccessible();
        const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
        assert.equal(await page.evaluate(overflow), 0, `${path} scrolls sideways`);
      }
      if (width < 860) {
        await page.getByRole('button', { name: 'Меню' }).click();
        await watched.assertAccessible();
        await page.getByRole('button', { name: 'EN, English' }).click();
        await page.getByRole('link', { name: 'Sales' }).click();
        await heading(page, 'Sales');
      }
      await watched.close();
      watched.assertCalm();
    });
  }

  test('pages share what they ask alike, a dialog gives the focus back, and one can skip to the content', async () => {
    const watched = await browser.open();
    const { page } = watched;
    await page.goto(signedIn('reports'));
    const ask = page.getByRole('button', { name: 'Ask for a report' });
    for (const leave of [
      () => page.keyboard.press('Escape'),
      () => page.getByRole('dialog').getByRole('button', { name: 'Close' }).click(),
    ]) {
      await ask.press('Enter');
      await page.getByLabel('Place').selectOption('Corner shop');
      await leave();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await ask.and(page.locator(':focus')).waitFor();
    }
    await page.getByRole('link', { name: 'Sales' }).click();
    await page.getByRole('combobox', { name: 'Place' }).selectOption('Corner shop');
    await page.waitForURL(/place=corner/);
    await page.reload();
    await heading(page, 'Sales');
    await page.getByRole('link', { name: 'Skip to the content' }).press('Enter');
    await page.locator('#content:focus').waitFor();
    assert.match(page.url(), /sales\?.*place=corner/);
    await watched.close();
    watched.assertCalm();
  });

  test('an address that nobody wrote is told to be none, and an id may hold anything', async () => {
    const watched = await browser.open();
    const { page } = watched;
    watched.allow(/404/);
    await page.goto(signedIn('nowhere/at/all'));
    await heading(page, 'Not here');
    await page.getByRole('link', { name: 'To the first page' }).click();
    await heading(page, 'Today');
    await page.locator('#content:focus').waitFor();
    await page.goto(address('customers/50%2525'));
    await heading(page, '50%25');
    await watched.close();
    watched.assertCalm();
  });

  test('a program that is not ready is shown so, and not asked without end', async () => {
    const watched = await browser.open();
    const { page } = watched;
    watched.allow(/503/);
    const asked = { ready: 0, audits: 0 };
    page.on('request', (request) => {
      if (request.url().includes('/api/audits/')) asked.audits += 1;
    });
    const { promise: asks, resolve } = Promise.withResolvers<void>();
    await page.route('**/readyz', async (route) => {
      asked.ready += 1;
      if (asked.ready === 3) resolve();
      await route.fulfill({ status: 503, json: { ready: false, checks: { kafka: 'does not answer' } } });
    });
    await page.goto(signedIn('health'));
    await page.getByText('does not answer').waitFor();
    await asks;
    assert.equal(asked.audits, 1);
    assert.equal(await page.getByText('Connection lost').count(), 0);
    await watched.close();
    watched.assertCalm();
  });

  test('the address holds the view; the table is ordered; files hold what is shown', async () => {
    const watched = await browser.open();
    const { page } = watched;
    await page.goto(signedIn('sales?period=custom&from=2024-02-01&to=2024-02-29&compare='));
    await page.getByLabel('Split by').selectOption('category');
    await page.getByRole('button', { name: 'Table' }).click();
    await page.getByRole('cell', { name: 'electronics' }).first().waitFor();
    await page.getByRole('button', { name: 'Net', exact: true }).click();
    await page.waitForURL(/order=-net/);
    const first = page.getByRole('row').nth(1);
    await first.getByText('groceries').waitFor();
    assert.match(page.url(), /group=category.*view=table/);
    await page.reload();
    await first.getByText('groceries').waitFor();
    const saved = async (name: string) => {
      const downloading = page.waitForEvent('download');
      await page.getByRole('button', { name }).click();
      const download = await downloading;
      return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
    };
    const csv = await saved('CSV');
    assert.equal(csv.name, 'sales-day-category-2024-02-01-2024-02-29.csv');
    assert.match(csv.bytes.toString(), /^period,category,currency,sales/);
    assert.match(csv.bytes.toString(), /2024-02-07,electronics,RUB,5\.49/);
    assert.equal((await saved('Parquet')).bytes.subarray(0, 4).toString(), 'PAR1');
    await page.goBack();
    await page.locator('canvas').waitFor();
    await watched.close();
    watched.assertCalm();
  });

  test('what the program refuses is shown in its words', async () => {
    const watched = await browser.open();
    watched.allow(/422/);
    await watched.page.goto(
      signedIn('sales?period=custom&from=2024-02-01&to=2024-02-29&group=product&granularity=hour'),
    );
    await watched.page.getByText('products are kept by day, not by hour').waitFor();
    await watched.assertAccessible();
    await watched.close();
    watched.assertCalm();
  });

  test('it goes on when the program restarts under it', async () => {
    const watched = await browser.open();
    const { page } = watched;
    watched.allow(
      /ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED|SOCKET_NOT_CONNECTED)|50[234]/,
    );
    await page.goto(signedIn(''));
    await page.getByText('Live', { exact: true }).waitFor();
    await program.stop();
    await page.getByText('Connection lost').waitFor();
    const port = Number(new URL(tested.program.address).port);
    program = await startProgram({ config: { ...tested.config, port }, log: createLog('silent') });
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('Connection lost').waitFor({ state: 'detached' });
    const late = receipt({
      transaction_id: 'late',
      timestamp: noonTime(),
      place_id: 'late',
      place_name: 'Night shop',
    });
    await tested.callNow('POST', '/api/checks/', late);
    await page.getByRole('link', { name: 'Night shop' }).waitFor();
    await watched.close();
    watched.assertCalm();
  });
});
