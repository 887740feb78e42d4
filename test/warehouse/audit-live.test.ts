import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { createJobs } from '../../src/jobs/jobs.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { runCommand, startCommand } from '../commands/run-command.ts';
import { createTestDatabase } from '../postgres.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
let state = seed;
function random(below: number): number {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((state / 2_147_483_648) * below);
}
const two = (value: number) => String(value).padStart(2, '0');

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

test(`audits beside loads, corrections, reference changes and a rebuild find nothing (SEED=${seed})`, async () => {
  let loading = true;
  let next = 0;
  const load = async () => {
    while (loading) {
      const batch = Array.from({ length: 15 }, () => {
        const revision = random(3);
        return receipt({
          transaction_id: revision > 0 && next > 0 ? `live-${random(next)}` : `live-${next++}`,
          revision,
          place_id: `live-${random(3)}`,
          type: random(5) === 0 ? 'refund' : 'sale',
          timestamp: `2024-0${1 + random(3)}-${two(1 + random(28))}T${two(random(24))}:00:00${random(2) === 0 ? 'Z' : ''}`,
        });
      });
      const { status } = await tested.call('POST', '/api/checks/', batch);
      assert.equal(status, 202);
    }
  };
  const change = async () => {
    for (const zone of ['Europe/Moscow', 'Asia/Kolkata', 'America/New_York', 'Pacific/Apia']) {
      const body = {
        time_zone: zone,
        business_day_start: `0${random(6)}:00`,
        since: random(2) === 0 ? 'beginning' : '2024-02-10',
      };
      const { status } = await tested.call('PUT', `/api/places/live-${random(3)}`, body);
      assert.equal(status, 200);
      await sleep(150);
    }
  };
  const rebuild = async () => {
    const rebuilt = await rebuildMarts({
      ...tested.program.warehouse,
      log: createLog('silent'),
      metrics: createMetrics(),
      progress: () => {},
    });
    assert.equal(rebuilt.repaired, 0, 'nothing was wrong');
  };
  const audit = async () => {
    for (let turn = 0; turn < 10; turn++) assert.deepEqual(await tested.audit(), [], `audit ${turn}`);
  };
  const loads = [load(), load()];
  try {
    await Promise.all([audit(), change(), rebuild()]);
  } finally {
    loading = false;
    await Promise.all(loads);
  }
  assert.ok(next > 100, `${next} sales were loaded meanwhile`);
});

test('the command waits until the sales are where they belong', async () => {
  await tested.call('POST', '/api/checks/', receipt({ transaction_id: 'waits', place_id: 'waiting' }));
  const holder = await tested.database.pool.connect();
  await holder.query("begin; select from stg.sale where place_id = 'waiting' for update");
  const { body } = await tested.call('PUT', '/api/places/waiting', {
    time_zone: 'Asia/Tokyo',
    since: 'beginning',
  });
  assert.notEqual(body.job_id, null);
  const running = startCommand(['audit'], {
    DATABASE_URL: tested.database.connectionString,
    LOG_LEVEL: 'error',
  });
  while (!running.output().includes('waiting for')) {
    assert.equal(running.child.exitCode, null, running.output());
    await sleep(20);
  }
  assert.match(running.output(), /^waiting for \d re-attributions$/m);
  await holder.query('commit');
  holder.release();
  const { code, output } = await running.ended;
  assert.equal(code, 0, output);
  const { rows } = await tested.database.pool.query(
    "select reference_version from stg.sale where place_id = 'waiting'",
  );
  assert.equal(rows[0].reference_version, body.reference_version);
});

test('with no program to do the work the command says so and does not wait', async () => {
  const database = await createTestDatabase();
  try {
    const jobs = await createJobs({
      connectionString: database.connectionString,
      log: createLog('silent'),
    });
    const client = await database.pool.connect();
    await jobs.enqueue(client, 'reattribute', { kind: 'place', id: 'nowhere', version: 1 });
    client.release();
    await jobs.stop();
    const { code, output } = await runCommand(['audit'], {
      DATABASE_URL: database.connectionString,
      LOG_LEVEL: 'error',
    });
    assert.equal(code, 0, output);
    assert.match(output, /^1 re-attributions are pending, and no program runs .*start it/m);
    assert.match(output, / 0 differences$/m);
  } finally {
    await database.drop();
  }
});
