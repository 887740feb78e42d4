import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { readConfig } from '../../src/config.ts';
import { startProgram } from '../../src/start-program.ts';
import { adminToken } from '../program.ts';

const root = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-pizza-'));
const dataDir = path.join(folder, 'data');
for (const name of readdirSync(path.join(root, 'examples/pizza-place')))
  copyFileSync(path.join(root, 'examples/pizza-place', name), path.join(folder, name));
after(() => rmSync(folder, { recursive: true, force: true }));
const environment = {
  ...process.env,
  DATA_DIR: dataDir,
  ADMIN_TOKEN: adminToken,
  LOG_LEVEL: 'error',
  PORT: '0',
};

/** Worked out from the files with exact decimals, independently of this program. */
const revenueByMonth = [
  69793.3, 65159.6, 70397.1, 68736.8, 71402.75, 68230.2, 72557.9, 68278.25, 64180.05, 64027.6, 70395.35,
  64701.15,
];
const categories = [
  ['Classic', 220053.1, 10859],
  ['Supreme', 208197, 9085],
  ['Chicken', 195919.5, 8536],
  ['Veggie', 193690.45, 8941],
];

function run(args: string[]): {
  child: ChildProcess;
  done: Promise<{ code: number | null; output: string }>;
} {
  const child = spawn(process.execPath, ['src/main.ts', ...args], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (output += chunk));
  return { child, done: new Promise((resolve) => child.once('exit', (code) => resolve({ code, output }))) };
}

const importArguments = [
  'import',
  path.join(folder, 'order_details.csv'),
  '--mapping',
  path.join(folder, 'mapping.json'),
];

async function checkYear(): Promise<void> {
  const config = readConfig(environment);
  const program = await startProgram({ config, log: createLog('silent') });
  const ask = async (query: string): Promise<any> => {
    const answer = await fetch(
      `${program.address}/api/analytics/sales?from=2015-01-01&to=2015-12-31&${query}`,
      { headers: { authorization: `Bearer ${adminToken}` } },
    );
    return ((await answer.json()) as { rows: unknown }).rows;
  };
  try {
    const [total] = await ask('granularity=total');
    assert.deepEqual(
      [total.net, total.receipts, total.units, total.average_receipt, total.currency],
      [817860.05, 21350, 49574, 38.31, 'USD'],
    );
    assert.deepEqual(
      (await ask('granularity=month')).map((row: any) => row.net),
      revenueByMonth,
    );
    assert.deepEqual(
      (await ask('granularity=year&group_by=category&order=-sales')).map((row: any) => [
        row.category,
        row.net,
        row.receipts,
      ]),
      categories,
    );
    const products = await ask('granularity=total&group_by=product&order=-sales&limit=1');
    assert.equal(products[0].product_name, 'The Thai Chicken Pizza (L)');
  } finally {
    await program.stop();
  }
}

test("the pizzeria's year to the cent, killed half-way and run again, and after a rebuild", {
  timeout: 180_000,
}, async () => {
  const first = run(importArguments);
  await new Promise<void>((resolve) => {
    const look = setInterval(() => {
      if (first.child.exitCode !== null || readProgress() > 0) {
        clearInterval(look);
        resolve();
      }
    }, 20);
  });
  await new Promise((resolve) => setTimeout(resolve, 700));
  first.child.kill('SIGKILL');
  const killed = await first.done;
  assert.equal(killed.code, null, `the import ended before it could be killed: ${killed.output}`);
  const second = await run(importArguments).done;
  assert.equal(second.code, 0, second.output);
  await checkYear();
  const third = await run(importArguments).done;
  assert.match(third.output, /was imported before/);
  const again = await run([...importArguments, '--again']).done;
  assert.match(again.output, /21350 documents \(21350 duplicate\)/);
  const rebuilt = await run(['rebuild']).done;
  assert.equal(rebuilt.code, 0, rebuilt.output);
  assert.match(rebuilt.output, /21350 sales read, 0 computed anew/);
  await checkYear();
  const audit = await run(['audit']).done;
  assert.equal(audit.code, 0, audit.output);
  assert.match(audit.output, /21350 sales recomputed .* 0 differences/);
  const doctor = await run(['doctor']).done;
  assert.equal(doctor.code, 0, doctor.output);
});

/** Whether the import has come as far as its database. */
function readProgress(): number {
  try {
    return readFileSync(path.join(dataDir, 'server.json')).length > 0 &&
      JSON.parse(readFileSync(path.join(dataDir, 'server.json'), 'utf8')).port > 0
      ? 1
      : 0;
  } catch {
    return 0;
  }
}
