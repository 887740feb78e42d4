import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { chromium } from 'playwright-core';

/**
 * `node scripts/screenshot.ts ADDRESS TOKEN`: the dashboard of a running program (of `npm run demo`, say) as
 * docs/dashboard.png.
 */
const [address = 'http://127.0.0.1:8080', token = ''] = process.argv.slice(2);
const file = path.resolve(import.meta.dirname, '../docs/dashboard.png');
const size = { width: 1360, height: 940 };
/** For the drawings to be complete and a few sales to come in. */
const settleMs = 6_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH || '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
});
try {
  const context = await browser.newContext({ viewport: size, deviceScaleFactor: 1.5, colorScheme: 'light' });
  const page = await context.newPage();
  await page.goto(`${address}/#token=${encodeURIComponent(token)}`);
  await page.locator('canvas').first().waitFor();
  await page.waitForTimeout(settleMs);
  await mkdir(path.dirname(file), { recursive: true });
  await page.screenshot({ path: file });
  console.log(`wrote ${path.relative(process.cwd(), file)}`);
} finally {
  await browser.close();
}
