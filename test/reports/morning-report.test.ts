import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/base/log.ts';
import { startProgram } from '../../src/start-program.ts';
import { receipt, startTestProgram } from '../program.ts';

test('REPORT_SCHEDULE asks each morning, at the start for one that was missed, and without it no more', async () => {
  const tested = await startTestProgram({ REPORT_SCHEDULE: '00:00' });
  const { pool } = tested.database;
  const reports = async () => (await pool.query("select id from ops.report where origin = 'schedule'")).rows;
  const outputs = async () =>
    (
      await pool.query(
        "select output from pgboss.job where name = 'morning-report' and state = 'completed' order by completed_on",
      )
    ).rows.map(({ output }) => output);
  const done = async (count: number) => {
    while ((await outputs()).length < count) await sleep(50);
  };
  try {
    await done(1);
    assert.deepEqual(await outputs(), [{ skipped: 'nothing was sold yet' }]);
    const { rows } = await pool.query(
      "select cron, timezone from pgboss.schedule where name = 'morning-report'",
    );
    assert.deepEqual(rows, [{ cron: '0 0 * * *', timezone: 'UTC' }]);
    await tested.call('POST', '/api/checks/', receipt());
    const second = await startProgram({ config: tested.config, log: createLog('silent') });
    await done(2);
    await second.stop();
    assert.equal((await reports()).length, 1);
    const off = { ...tested.config, reportSchedule: undefined };
    const third = await startProgram({ config: off, log: createLog('silent') });
    await tested.program.jobs.stop();
    await third.jobs.enqueue(pool, 'morning-report', {});
    await done(3);
    await third.stop();
    assert.deepEqual((await outputs()).at(-1), { skipped: 'REPORT_SCHEDULE is not set' });
    assert.equal((await reports()).length, 1);
  } finally {
    await tested.stop();
  }
});
