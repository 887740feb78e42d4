import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

async function run(queue: string): Promise<any> {
  const { status, body } = await tested.call('POST', '/api/jobs/', { queue });
  assert.equal(status, 202, JSON.stringify(body));
  for (;;) {
    const job = (await tested.call('GET', `/api/jobs/${body.id}`)).body;
    assert.equal(job.error, null);
    if (job.state === 'completed') return job.result;
    await sleep(20);
  }
}

test('the program knows its schedules and does what they ask for', async () => {
  const { schedules } = (await tested.call('GET', '/api/jobs/')).body;
  assert.deepEqual(
    schedules
      .filter((one: any) => ['snapshot', 'audit', 'retention'].includes(one.queue))
      .map((one: any) => [one.queue, one.cron, one.time_zone])
      .sort(),
    [
      ['audit', '5 * * * *', 'UTC'],
      ['retention', '17 3 * * *', 'UTC'],
      ['snapshot', '0 * * * *', 'UTC'],
    ],
  );
  assert.deepEqual(await run('snapshot'), { taken_at: null, days: 0 });
  await tested.call('POST', '/api/checks/', receipt());
  const { taken_at: takenAt, days } = await run('snapshot');
  assert.equal(days, 1);
  const { body } = await tested.call('GET', `/api/analytics/?at=${takenAt}`);
  assert.equal(body.results[0].total_purchases, 1);
  assert.deepEqual(await run('audit'), { days: 1, sales: 1, differences: 0, waiting_days: 0 });
  await tested.database.pool.query("update ops.audit set finished_at = finished_at - interval '31 days'");
  assert.deepEqual(await run('retention'), {
    outbox: 0,
    audits: 1,
    rejected_bodies: 0,
    pulse: 0,
    snapshots: 0,
    deliveries: 0,
  });
});

test('what runs while sales are loaded and corrected finds nothing wrong, and reports what readers see', async () => {
  let sent = 0;
  let done = false;
  const load = async () => {
    for (let round = 0; round < 20; round++) {
      const documents = Array.from({ length: 20 }, (_, index) => {
        const number = (round * 13 + index) % 150;
        const day = String(1 + (number % 9)).padStart(2, '0');
        return receipt({
          transaction_id: `l-${number}`,
          revision: round,
          timestamp: `2026-03-${day}T12:00:00`,
          place_id: `p-${number % 4}`,
        });
      });
      assert.equal((await tested.call('POST', '/api/checks/', documents)).status, 202);
      sent += documents.length;
    }
    done = true;
  };
  const loading = load();
  let audits = 0;
  while (!done) {
    const audited = await run('audit');
    assert.equal(
      audited.differences,
      0,
      JSON.stringify((await tested.call('GET', '/api/audits/')).body.results[0]),
    );
    audits++;
    await run('snapshot');
  }
  await loading;
  assert.ok(audits > 0 && sent === 400);
  const { taken_at: takenAt } = await run('snapshot');
  const { results } = (await tested.call('GET', '/api/analytics/')).body;
  assert.deepEqual((await tested.call('GET', `/api/analytics/?at=${takenAt}`)).body.results, results);
  await tested.settle();
  assert.equal((await run('audit')).differences, 0);
});
