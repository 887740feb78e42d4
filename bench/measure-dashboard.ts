import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { type BenchProgram, startBenchProgram, token } from './program.ts';
import { createReport, median, type Report } from './report.ts';

const executable = process.env.CHROMIUM_PATH || '/usr/bin/chromium';
const pizzaYear = 'examples/pizza-place';
const year = 'sales?period=custom&from=2015-01-01&to=2015-12-31&granularity=day&compare=';
const rounds = 9;
const limitMs = 1_000;
const limitKilobytes = 300;

type Load = { ms: number; kilobytes: number };

/**
 * The page of sales on a year by day, from an empty cache until its figures are drawn and it takes input, beside a bare
 * page of the same server. Left out where Chromium is missing.
 */
export async function measureDashboard(program: BenchProgram, report: Report): Promise<void> {
  if (!existsSync(executable)) return console.log(`no dashboard: ${executable} is not there`);
  await program.run(['import', `${pizzaYear}/order_details.csv`, '--mapping', `${pizzaYear}/mapping.json`]);
  await program.settle('idle');
  await (await fetch(program.url)).text();
  const browser = await chromium.launch({
    executablePath: executable,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  });
  try {
    const [loads, bare]: [Load[], number[]] = [[], []];
    for (let round = 0; round <= rounds; round++) {
      const [load, page] = [await loadYear(browser, program.url), await loadBare(browser, program.url)];
      // The first meets a browser that has only just started.
      if (round > 0) {
        loads.push(load);
        bare.push(page);
      }
    }
    const ms = median(loads.map((load) => load.ms));
    const kilobytes = Math.max(...loads.map((load) => load.kilobytes));
    report.add('sales of a year by day, empty cache, until drawn; limit', ms, limitMs, 'ms', '< 1');
    report.add('sales of a year by day, until drawn; page of the docs', ms, median(bare), 'ms', '<= 20');
    report.add('first load of the dashboard, compressed; limit', kilobytes, limitKilobytes, 'kB', '< 1');
  } finally {
    await browser.close();
  }
}

async function loadYear(browser: Browser, url: string): Promise<Load> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
  const page = await context.newPage();
  const sizes: Promise<number>[] = [];
  page.on('requestfinished', (request) => {
    if (!request.url().includes('/api/'))
      sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
  });
  const started = performance.now();
  await page.goto(`${url}/${year}#token=${token}`, { waitUntil: 'commit' });
  await page.locator('[data-drawn="365"] canvas').waitFor();
  // Answered between two frames, so nothing holds the page up any more.
  await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))');
  const ms = performance.now() - started;
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  await context.close();
  return { ms, kilobytes: bytes / 1000 };
}

async function loadBare(browser: Browser, url: string): Promise<number> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const started = performance.now();
  await page.goto(`${url}/docs/errors`);
  const ms = performance.now() - started;
  await context.close();
  return ms;
}

if (import.meta.main) {
  const program = await startBenchProgram();
  try {
    await measureDashboard(program, createReport({}));
  } finally {
    await program.stop();
  }
}
