import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeReceipt, numbersFrom, readMenu } from '../../src/commands/trickle.ts';
import { type Running, runCommand, startCommand } from './run-command.ts';

const example = path.resolve(import.meta.dirname, '../../examples/pizza-place');
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-demo-'));
const token = 'admin-token-of-the-demo-test';
const running: Running[] = [];

after(async () => {
  for (const { child, ended } of running) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

async function printed(demo: Running, expected: RegExp): Promise<void> {
  while (!expected.test(demo.output())) {
    assert.equal(demo.child.exitCode, null, demo.output());
    await sleep(50);
  }
}

const figures = [
  /revenue +817,860\.05/,
  /orders +21,350/,
  /pizzas +49,574/,
  /average order +38\.31/,
  /Classic +220,053\.10 +in 10,859/,
  /Supreme +208,197\.00 +in +9,085/,
  /Chicken +195,919\.50 +in +8,536/,
  /Veggie +193,690\.45 +in +8,941/,
  ...[
    '69,793.30',
    '65,159.60',
    '70,397.10',
    '68,736.80',
    '71,402.75',
    '68,230.20',
    '72,557.90',
    '68,278.25',
    '64,180.05',
    '64,027.60',
    '70,395.35',
    '64,701.15',
  ].map((amount, month) => new RegExp(`2015-${String(month + 1).padStart(2, '0')} +${amount}`)),
];

test('the demo prints the year, its curls work as printed, receipts trickle in, Ctrl-C stops all', async () => {
  const dataDir = path.join(folder, 'data');
  // The demo keeps away from a database that the environment names.
  const demo = startCommand(['demo'], {
    DATA_DIR: dataDir,
    PORT: '0',
    ADMIN_TOKEN: token,
    DATABASE_URL: 'postgres://nobody:none@127.0.0.1:1/none',
  });
  running.push(demo);
  await printed(demo, /Ctrl-C stops everything/);
  for (const figure of figures) assert.match(demo.output(), figure);
  assert.match(demo.output(), /60 restaurants, the last 8 weeks/);
  assert.match(demo.output(), /20000 accepted, \d+ corrected/);
  assert.match(demo.output(), /tagged "regular" \(more than 10 orders\): [1-9]\d* guests/);
  const commands = demo.output().match(/^curl [^']*(?:'[^']*'[^'\n]*)+$/gm)!;
  assert.equal(commands.length, 2, demo.output());
  const [sent, read] = commands.map((command) =>
    JSON.parse(execFileSync('bash', ['-c', `${command} --silent --show-error`], { encoding: 'utf8' })),
  );
  assert.deepEqual(sent, { transaction_id: 'unique_transaction_id297', status: 'accepted' });
  assert.equal(read.results[0].total_purchases, 1);
  assert.equal(read.results[0].average_receipt, 27.47);

  const address = /API +(http:[^ ]+)\/api\//.exec(demo.output())![1];
  const live = async () => {
    const query = 'place_id=pizza-place&granularity=total&from=2016-01-01';
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${address}/api/analytics/sales?${query}`, { headers });
    return ((await response.json()) as { rows: { receipts: number }[] }).rows[0]?.receipts ?? 0;
  };
  while ((await live()) === 0) await sleep(200);

  demo.child.kill('SIGINT');
  const ended = await demo.ended;
  assert.equal(ended.code, 0, ended.output);
  assert.doesNotMatch(ended.output, /did not arrive/);
  assert.equal(existsSync(path.join(dataDir, 'postgres', 'postmaster.pid')), false);
});

test('on a folder whose admin token it does not know, it works with one of its own, revoked at the end', async () => {
  const env = { DATA_DIR: path.join(folder, 'data'), PORT: '0' };
  const demo = startCommand(['demo'], env);
  running.push(demo);
  await printed(demo, /Ctrl-C stops everything/);
  assert.match(demo.output(), /the admin token of this database is not known here.*set ADMIN_TOKEN/);
  for (const figure of figures) assert.match(demo.output(), figure);
  const [, secret] = /Bearer (ts_[\w-]+)/.exec(demo.output())!;
  const [, address] = /API +(http:[^ ]+)\/api\//.exec(demo.output())!;
  const ask = async (url: string) =>
    (await fetch(`${address}${url}`, { headers: { authorization: `Bearer ${secret}` } })).status;
  assert.equal(await ask('/api/analytics/'), 200);
  assert.equal(await ask('/api/tokens/'), 403);
  demo.child.kill('SIGINT');
  assert.equal((await demo.ended).code, 0, demo.output());
  assert.doesNotMatch(demo.output(), /did not arrive/);
  const listed = await runCommand(['token', 'list'], env);
  assert.match(listed.output, /demo {2}collector,analyst {2}all places {2}expires .* {2}revoked /);
});

test('a port that was asked for and is taken is an error with what to do', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  const env = { DATA_DIR: path.join(folder, 'data'), PORT: String(port), ADMIN_TOKEN: token };
  const { code, output } = await runCommand(['demo'], env);
  taken.close();
  assert.equal(code, 1, output);
  assert.match(output, new RegExp(`port ${port} is taken; set PORT to another`));
});

test('the same seed gives the same live receipts, and they add up', async () => {
  const menu = await readMenu(example);
  assert.equal(menu.length, 96);
  const fixed = { transaction_id: 'live-1', timestamp: '2024-01-01T00:00:00', place_id: 'pizza-place' };
  const [one, other] = [numbersFrom(7), numbersFrom(7)];
  for (let count = 0; count < 50; count++) {
    const receipt = makeReceipt(menu, one, fixed);
    assert.deepEqual(makeReceipt(menu, other, fixed), receipt);
    const items = receipt.items as { price: number; category: string }[];
    assert.ok(items.length >= 1 && items.length <= 4);
    assert.equal(
      Math.round((receipt.total_amount as number) * 100),
      items.reduce((sum, item) => sum + Math.round(item.price * 100), 0),
    );
  }
  assert.notDeepEqual(makeReceipt(menu, numbersFrom(8), fixed), makeReceipt(menu, numbersFrom(7), fixed));
});
