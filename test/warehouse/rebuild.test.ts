import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { createFold } from '../../src/warehouse/fold.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { createNextMarts, swapMarts } from '../../src/warehouse/swap-marts.ts';
import { startCommand } from '../commands/run-command.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

const log = createLog('silent');
const metrics = createMetrics();
let tested: TestProgram;
const query = async (text: string) => (await tested.database.pool.query(text)).rows;
const generation = async () => (await query('select generation from cdm.generation'))[0].generation as number;
const rebuild = () => rebuildMarts({ ...tested.program.warehouse, log, metrics, progress: () => {} });

async function send(documents: Record<string, unknown>[]): Promise<void> {
  const { status, body } = await tested.call('POST', '/api/checks/', documents);
  assert.equal(status, 202, JSON.stringify(body));
}

before(async () => {
  tested = await startTestProgram();
  await send(
    Array.from({ length: 60 }, (_, index) =>
      receipt({
        transaction_id: `r-${index}`,
        place_id: `r-${index % 3}`,
        timestamp: `2024-0${1 + (index % 4)}-1${index % 10}T1${index % 10}:00:00`,
      }),
    ),
  );
  await tested.settle();
});
after(() => tested.stop());

const wholeMarts = ['sales_hour', 'sales_day', 'sales_month', 'sales_year', 'sales_chain_day', 'place_pulse'];
const lineMarts = ['category_hour', 'category_day', 'category_month', 'category_year', 'category_chain_day'];
const productMarts = ['product_day', 'product_month', 'product_year'];

/** Marts that are wrong all in the same way, so that a mixture with right ones shows in any answer. */
async function doubleMarts(): Promise<void> {
  const tables = [...wholeMarts, ...lineMarts, ...productMarts];
  await query(
    tables.map((table) => `update cdm.${table} set sales = 2 * sales, receipts = 2 * receipts`).join('; '),
  );
}

const questions = [
  '/api/analytics/?place_id=r-0',
  '/api/analytics/?from=2024-01-05&to=2024-03-12',
  '/api/analytics/sales?granularity=month&group_by=place&from=2024-01-01&to=2024-12-31',
  '/api/analytics/sales?granularity=day&group_by=category&from=2024-01-01&to=2024-12-31',
  '/api/analytics/sales?granularity=total&group_by=product&from=2024-01-12&to=2024-04-18',
  '/api/analytics/sales?granularity=month&from=2024-02-01&to=2024-03-31&compare=previous',
];
const ask = async (url: string) => {
  const { status, body } = await tested.call('GET', url);
  assert.equal(status, 200, JSON.stringify(body));
  return JSON.stringify(body);
};
const askAll = () => Promise.all(questions.map(ask));

test('a rebuild makes every mart right, whatever was in it', async () => {
  const right = await askAll();
  await doubleMarts();
  await query(
    "delete from cdm.sales_year; update cdm.cursor set position = 0, xid = '0'; delete from cdm.dirty",
  );
  const before = await generation();
  const rebuilt = await rebuild();
  assert.deepEqual(
    { sales: rebuilt.sales, recomputed: rebuilt.recomputed, generation: rebuilt.generation },
    {
      sales: 60,
      recomputed: 0,
      generation: before + 1,
    },
  );
  assert.deepEqual(await askAll(), right);
  assert.deepEqual(await tested.audit(), []);
  assert.deepEqual(await query("select to_regnamespace('cdm_next') as next"), [{ next: null }]);
});

test('readers see the old marts or the new, never a mixture, and never the old after the new', async () => {
  const fresh = await askAll();
  await doubleMarts();
  const old = await askAll();
  for (const [index, answer] of fresh.entries()) assert.notEqual(answer, old[index]);
  let rebuilding = true;
  const seen = questions.map(() => ({ old: 0, fresh: 0 }));
  const read = async (index: number) => {
    while (rebuilding || seen[index]!.fresh === 0) {
      const answer = await ask(questions[index]!);
      if (answer === fresh[index]) seen[index]!.fresh++;
      else {
        assert.equal(answer, old[index], `a mixture: ${questions[index]}`);
        assert.equal(seen[index]!.fresh, 0, `the old after the new: ${questions[index]}`);
        seen[index]!.old++;
      }
    }
  };
  const readers = questions.map((_, index) => read(index));
  await rebuild().finally(() => {
    rebuilding = false;
  });
  await Promise.all(readers);
  for (const { old: times } of seen) assert.ok(times > 0, 'every reader saw the old marts first');
});

test('loading goes on beside it, and every receipt is in the next answer', async () => {
  let rebuilding = true;
  let sent = 0;
  const load = async () => {
    while (rebuilding || sent < 20) {
      await send([receipt({ transaction_id: `beside-${sent}`, place_id: 'beside' })]);
      sent++;
      const { body } = await tested.call('GET', '/api/analytics/?place_id=beside');
      assert.equal(body.results[0].total_purchases, sent);
    }
  };
  const loading = load();
  for (let turn = 0; turn < 3; turn++) await rebuild();
  rebuilding = false;
  await loading;
  assert.deepEqual(await tested.audit(), []);
});

test('rows that are folded between the last catch-up and the swap are not lost', async () => {
  const { pool, epoch } = tested.program.warehouse;
  const deps = { pool, epoch, log, metrics };
  await createNextMarts(pool);
  const next = createFold({ ...deps, schema: 'cdm_next' });
  let turn = 0;
  await swapMarts({
    pool,
    catchUp: async () => {
      while ((await next.step()) > 0);
      // What is loaded and folded now goes into the old marts only.
      await send([receipt({ transaction_id: `late-${turn++}`, place_id: 'late' })]);
      const folded =
        "select coalesce(sum(receipts), 0)::integer as n from cdm.sales_hour where place_id = 'late'";
      while ((await query(folded))[0].n < turn) await tested.program.warehouse.settle();
    },
  });
  assert.deepEqual(await query("select from cdm.sales_hour where place_id = 'late'"), []);
  const { body } = await tested.call('GET', '/api/analytics/?place_id=late');
  assert.equal(body.results[0].total_purchases, turn);
  assert.deepEqual(await tested.audit(), []);
  await tested.settle();
  assert.deepEqual(await tested.audit(), []);
});

test('a swap that a reader holds up tries again, and others go on meanwhile', async () => {
  const before = await generation();
  const reader = await tested.database.pool.connect();
  await reader.query('begin; select from cdm.generation');
  const rebuilding = rebuild();
  const waiting = async () => (await query("select to_regnamespace('cdm_next') is not null as here"))[0].here;
  while (!(await waiting())) await sleep(10);
  for (let turn = 0; turn < 5; turn++) {
    await send([receipt({ transaction_id: `held-${turn}`, place_id: 'held' })]);
    const { body } = await tested.call('GET', '/api/analytics/?place_id=held');
    assert.equal(body.results[0].total_purchases, turn + 1);
    await sleep(200);
  }
  assert.equal(await generation(), before);
  await reader.query('commit');
  reader.release();
  assert.equal((await rebuilding).generation, before + 1);
  assert.deepEqual(await tested.audit(), []);
});

test('of two rebuilds at once the second waits, and both end', async () => {
  const before = await generation();
  const [one, two] = await Promise.all([rebuild(), rebuild()]);
  assert.deepEqual(new Set([one.generation, two.generation]), new Set([before + 1, before + 2]));
  assert.deepEqual(await tested.audit(), []);
});

test('killed half-way it leaves the old marts, and run again it ends', async () => {
  const before = await generation();
  const env = { DATABASE_URL: tested.database.connectionString, LOG_LEVEL: 'error' };
  const reader = await tested.database.pool.connect();
  await reader.query('begin; select from cdm.generation');
  const killed = startCommand(['rebuild'], env);
  const filled = async () => {
    const [here] = await query("select to_regclass('cdm_next.sales_hour') is not null as here");
    return here.here && (await query('select from cdm_next.sales_hour limit 1')).length > 0;
  };
  while (!(await filled())) {
    assert.equal(killed.child.exitCode, null, killed.output());
    await sleep(10);
  }
  killed.child.kill('SIGKILL');
  await killed.ended;
  await reader.query('commit');
  reader.release();
  assert.equal(await generation(), before);
  assert.deepEqual(await tested.audit(), []);
  const { code, output } = await startCommand(['rebuild'], env).ended;
  assert.equal(code, 0, output);
  assert.match(output, new RegExp(`marts generation ${before + 1}, `));
  assert.deepEqual(await tested.audit(), []);
});

test('what is recorded otherwise than the documents say is taken out and put in anew', async () => {
  await tested.settle();
  await query(
    `update stg.journal set contributions = jsonb_set(contributions, '{0,total}', '1') where source_id = 'r-7'`,
  );
  const rebuilt = await rebuild();
  assert.equal(rebuilt.recomputed, 1);
  assert.deepEqual(await tested.audit(), []);
  const { body } = await tested.call('GET', '/api/checks/r-7');
  assert.deepEqual(
    body.history.map((entry: { verdict: string }) => entry.verdict),
    ['accepted', 'reattributed'],
  );
});
