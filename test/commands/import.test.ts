import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestProgram, type TestProgram } from '../program.ts';
import { runCommand, startCommand } from './run-command.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-import-command-'));
const pizzas = ['examples/pizza-place/order_details.csv', '--mapping', 'examples/pizza-place/mapping.json'];
let program: TestProgram;
let database: TestProgram['database'];
let env: Record<string, string>;

/** The imports run beside a program on the same database, whose API is asked. */
before(async () => {
  program = await startTestProgram();
  database = program.database;
  env = { DATABASE_URL: database.connectionString, DATA_DIR: folder };
});
after(async () => {
  await program.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function figures(): Promise<unknown> {
  const ask = async (query: string) => {
    const range = 'place_id=pizza-place&from=2015-01-01&to=2015-12-31';
    const { status, body } = await program.call('GET', `/api/analytics/sales?${range}&${query}`);
    assert.equal(status, 200);
    return body.rows as { sales: number; receipts: number; units: number; category: string }[];
  };
  const [total] = await ask('granularity=total');
  const months = await ask('granularity=month');
  const categories = await ask('granularity=total&group_by=category&order=category');
  return {
    total: { sales: total?.sales, orders: total?.receipts, units: total?.units },
    months: months.map((row) => row.sales),
    categories: categories.map(({ category, sales, receipts }) => ({ category, sales, orders: receipts })),
  };
}

const year = {
  total: { sales: 817_860.05, orders: 21_350, units: 49_574 },
  months: [
    69_793.3, 65_159.6, 70_397.1, 68_736.8, 71_402.75, 68_230.2, 72_557.9, 68_278.25, 64_180.05, 64_027.6,
    70_395.35, 64_701.15,
  ],
  categories: [
    { category: 'Chicken', sales: 195_919.5, orders: 8_536 },
    { category: 'Classic', sales: 220_053.1, orders: 10_859 },
    { category: 'Supreme', sales: 208_197, orders: 9_085 },
    { category: 'Veggie', sales: 193_690.45, orders: 8_941 },
  ],
};

test('an import killed half-way and run again gives the exact year, and so does a rebuild', async () => {
  const first = startCommand(['import', ...pizzas, '--batch', '200'], env);
  const stored = async () => {
    const { rows } = await database.pool.query('select max(done_records) as done from ops.import_progress');
    return (rows[0].done as number | null) ?? 0;
  };
  while ((await stored()) < 4_000 && first.child.exitCode === null) await sleep(5);
  first.child.kill('SIGKILL');
  assert.equal((await first.ended).signal, 'SIGKILL', first.output());
  const done = await stored();
  assert.ok(done >= 4_000 && done < 21_350, `${done} documents were done`);

  const second = await runCommand(['import', ...pizzas], env);
  assert.equal(second.code, 0, second.output);
  assert.match(second.output, new RegExp(`${21_350 - done} documents .*after ${done} of an earlier run`));
  assert.deepEqual(await figures(), year);

  const third = await runCommand(['import', ...pizzas], env);
  assert.match(third.output, /was imported before \(21350 documents\)/);
  assert.equal((await runCommand(['audit'], env)).code, 0);
  const rebuild = await runCommand(['rebuild'], env);
  assert.equal(rebuild.code, 0, rebuild.output);
  assert.deepEqual(await figures(), year);
});

test('what is rejected is told by line, kept, journaled, and makes the exit code 2', async () => {
  const receipt = JSON.parse(readFileSync('examples/receipt.json', 'utf8'));
  const file = path.join(folder, 'some.ndjson');
  const bad = JSON.stringify({ ...receipt, transaction_id: 'bad', total_amount: 'much' });
  writeFileSync(file, `${JSON.stringify(receipt)}\n${bad}\nnot json\n`);
  const { code, output } = await runCommand(['import', file], env);
  assert.equal(code, 2, output);
  assert.match(output, /3 documents \(1 accepted, 2 rejected\)/);
  assert.match(output, /line 2: \/total_amount/);
  assert.match(output, /line 3: not JSON/);
  assert.equal(readFileSync(`${file}.rejected`, 'utf8'), `${bad}\nnot json\n`);
  const { rows } = await database.pool.query(
    "select document from stg.journal where verdict = 'rejected' order by position",
  );
  assert.deepEqual(
    rows.map((row) => row.document.toString()),
    [bad, 'not json'],
  );
  assert.equal((await runCommand(['import', file], env)).code, 2);
});

test('Ctrl-C ends an import cleanly, and the same command goes on', async () => {
  const receipt = JSON.parse(readFileSync('examples/receipt.json', 'utf8'));
  const file = path.join(folder, 'many.ndjson');
  const count = 20_000;
  const receipts = Array.from({ length: count }, (_, index) =>
    JSON.stringify({ ...receipt, transaction_id: `many-${index}` }),
  );
  writeFileSync(file, receipts.join('\n'));
  const first = startCommand(['import', file, '--batch', '100'], env);
  const loaded = async () => {
    const { rows } = await database.pool.query(
      "select count(*) as n from stg.sale where source_id like 'many-%'",
    );
    return rows[0].n as number;
  };
  while ((await loaded()) === 0 && first.child.exitCode === null) await sleep(10);
  first.child.kill('SIGINT');
  const stopped = await first.ended;
  assert.equal(stopped.code, 130, stopped.output);
  assert.match(stopped.output, /stopped; the same command goes on/);
  const before = await loaded();
  assert.ok(before < count);
  const second = await runCommand(['import', file], env);
  assert.equal(second.code, 0, second.output);
  assert.match(second.output, new RegExp(`${count - before} accepted.*after ${before} of an earlier run`));
  assert.equal(await loaded(), count);
});

test('mistakes on the command line say what to do', async () => {
  const cases: [string[], RegExp][] = [
    [[path.join(folder, 'none.ndjson')], /there is no file/],
    [['examples/pizza-place/orders.csv'], /needs --mapping/],
    [['examples/receipt.json', '--batch', '0'], /from 1 to 2000/],
    [['examples/receipt.json', '--source', 'invoice'], /receipt, transaction, order/],
    [['examples/receipt.json', '--place', '店'.repeat(171)], /at most 512 bytes/],
  ];
  for (const [args, expected] of cases) {
    const { code, output } = await runCommand(['import', ...args], env);
    assert.equal(code, 1, output);
    assert.match(output, expected);
    assert.doesNotMatch(output, /at .*\.ts:\d+/, 'a stack is no message');
  }
});
