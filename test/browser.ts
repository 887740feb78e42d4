import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findBuild } from '../src/dashboard/find-build.ts';
import { noonZone } from './noon.ts';

const executable = process.env.CHROMIUM_PATH || '/usr/bin/chromium';
const switches = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

/** Undefined where Chromium can be started; otherwise what is missing, for a test to be skipped by name. */
export function whyNoBrowser(): string | undefined {
  if (existsSync(executable)) return undefined;
  return `Chromium: ${executable} is not there; install chromium or set CHROMIUM_PATH`;
}

/** A browser page that remembers everything that went wrong on it. */
export type WatchedPage = {
  page: Page;
  /** What a test does on purpose, such as a request that is refused, is no trouble. */
  allow(pattern: RegExp): void;
  /** Fails if there was a console error, a failed request or an uncaught error that nobody allowed. */
  assertCalm(): void;
  /** Fails on what axe finds serious or critical on the page as it is. */
  assertAccessible(): Promise<void>;
  close(): Promise<void>;
};
export type TestBrowser = {
  open(options?: BrowserContextOptions): Promise<WatchedPage>;
  stop(): Promise<void>;
};

/** One Chromium with a profile of its own; every page has its own storage. */
export async function startTestBrowser(): Promise<TestBrowser> {
  // On a busy machine it takes longer than a page waits.
  await findBuild();
  const browser = await chromium.launch({ executablePath: executable, args: switches });
  return {
    open: (options) => openPage(browser, options),
    stop: () => browser.close(),
  };
}

async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({
    ...{ viewport: { width: 1280, height: 800 }, locale: 'en-US', reducedMotion: 'reduce' },
    timezoneId: noonZone,
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const troubles: string[] = [];
  const allowed: RegExp[] = [];
  page.on('console', (message) => {
    const { url } = message.location();
    if (message.type() === 'error') troubles.push(`console: ${message.text()} (${url})`);
  });
  page.on('pageerror', (error) => troubles.push(`error: ${error.stack ?? error.message}`));
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    // The page itself gives up what it no longer needs.
    if (reason !== 'net::ERR_ABORTED')
      troubles.push(`request: ${request.method()} ${request.url()} ${reason}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400)
      troubles.push(`answer: ${response.status()} ${response.request().method()} ${response.url()}`);
  });
  return {
    page,
    allow: (pattern) => void allowed.push(pattern),
    assertCalm() {
      const found = troubles.filter((trouble) => !allowed.some((pattern) => pattern.test(trouble)));
      assert.deepEqual(found, []);
    },
    assertAccessible: () => assertAccessible(page),
    close: () => context.close(),
  };
}

type Violation = {
  id: string;
  impact: string;
  help: string;
  nodes: { target: string[]; failureSummary: string }[];
};
const axeSource = () => readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** axe comes by the debugger, which the policy of the page does not bind. */
async function assertAccessible(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axeSource() });
  const { result } = await session.send('Runtime.evaluate', {
    expression:
      "axe.run(document, { resultTypes: ['violations'] }).then((found) => JSON.stringify(found.violations))",
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  const violations = (JSON.parse(result.value as string) as Violation[])
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, help, nodes }) =>
        `${id}: ${help}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join('; ')}`,
    );
  assert.deepEqual(violations, []);
}
