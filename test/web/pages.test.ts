import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestBrowser, type TestBrowser, whyNoBrowser } from '../browser.ts';
import { adminToken, receipt, startTestProgram, type TestProgram } from '../program.ts';

const skip = whyNoBrowser() ?? false;

describe('the dashboard', { skip }, () => {
  let tested: TestProgram;
  let browser: TestBrowser;
  before(async () => {
    [tested, browser] = await Promise.all([startTestProgram(), startTestBrowser()]);
    await tested.call('POST', '/api/checks/', receipt());
  });
  after(async () => {
    await browser.stop();
    await tested.stop();
  });

  const address = (path: string) => `${tested.program.address}/${path}`;

  test('a token signs in and is taken out of the address', async () => {
    const watched = await browser.open();
    const { page } = watched;
    await page.goto(address(''));
    await watched.assertAccessible();
    await page.getByLabel('Token').fill(adminToken);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('navigation').getByRole('link', { name: 'Sales' }).click();
    await page.getByRole('heading', { name: 'Sales', level: 1 }).waitFor();
    await page.locator('canvas').waitFor();
    await watched.assertAccessible();
    await page.goto('about:blank');
    await page.goto(address(`products#token=${adminToken}`));
    await page.getByRole('heading', { name: 'Products', level: 1 }).waitFor();
    assert.equal(page.url(), address('products'));
    await watched.close();
    watched.assertCalm();
  });
});
