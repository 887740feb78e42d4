import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

let state = seed;
function random(below: number): number {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((state / 2_147_483_648) * below);
}

const zones = ['Europe/Moscow', 'Asia/Vladivostok', 'America/New_York', 'Asia/Kolkata', 'Pacific/Apia'];

test(`loads, reference changes, a re-attribution and a rebuild at once leave nothing behind (SEED=${seed})`, {
  timeout: 120_000,
}, async () => {
  let next = 0;
  let loading = true;
  let asked = 0;
  const load = async () => {
    while (loading) {
      const batch = Array.from({ length: 40 }, () =>
        receipt({
          transaction_id: random(4) === 0 && next > 0 ? `s-${random(next)}` : `s-${next++}`,
          revision: random(3),
          place_id: `zone-${random(2)}`,
          timestamp: `2024-03-${String(1 + random(28)).padStart(2, '0')}T${String(random(24)).padStart(2, '0')}:${random(6)}0:00${random(2) === 0 ? 'Z' : ''}`,
        }),
      );
      const answer = await tested.call('POST', '/api/checks/', batch);
      assert.equal(answer.status, 202, JSON.stringify(answer.body));
    }
  };
  const ask = async () => {
    while (loading) {
      const before = (await tested.call('GET', '/api/journal?verdict=accepted&limit=1')).body.results[0];
      const id = `now-${asked++}`;
      assert.equal(
        (await tested.call('POST', '/api/checks/', receipt({ transaction_id: id, place_id: 'counted' })))
          .status,
        202,
      );
      const answer = await tested.call('GET', '/api/analytics/?place_id=counted');
      assert.equal(answer.body.results[0].total_purchases, asked, `after ${JSON.stringify(before)}`);
    }
  };
  const change = async () => {
    for (let turn = 0; turn < 8; turn++) {
      const body = {
        time_zone: zones[random(zones.length)],
        business_day_start: `0${random(6)}:00`,
        since: random(2) === 0 ? 'beginning' : '2024-03-15',
      };
      const answer = await tested.call('PUT', `/api/places/zone-${random(2)}`, body);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  };
  const rebuild = async () => {
    const { warehouse } = tested.program;
    await rebuildMarts({
      ...warehouse,
      log: createLog('silent'),
      metrics: createMetrics(),
      progress: () => {},
    });
  };
  const background = [load(), load(), ask()];
  await Promise.all([change(), rebuild()]);
  loading = false;
  await Promise.all(background);
  const deadline = Date.now() + 100_000;
  while ((await tested.program.jobs.pending('reattribute')) > 0) {
    assert.ok(Date.now() < deadline, 'the re-attributions did not finish');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { rows } = await tested.database.pool.query(
    "select count(*) as stale from stg.sale where place_id like 'zone-%' and reference_version < (select max(version) from ops.reference_change where kind = 'place' and id = stg.sale.place_id)",
  );
  assert.equal(rows[0].stale, 0);
  assert.deepEqual(await tested.audit(), []);
  await tested.settle();
  assert.deepEqual(await tested.audit(), []);
});
