import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { watchFollowerLag } from '../../src/stream/follower-lag.ts';
import { countTail } from '../../src/warehouse/fold.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

test('a follower is as far behind as the oldest sale that it has not taken', async () => {
  const { pool } = tested.database;
  const metrics = createMetrics();
  const watch = watchFollowerLag({
    ...{ pool, metrics, log: createLog('silent') },
    countRows: () => countTail(pool, 10),
  });
  const lags = async (): Promise<Record<string, number>> => {
    const { values } = await metrics.followerLagSeconds.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels.follower, value]));
  };
  const becomes = async (wanted: (seconds: number) => boolean) => {
    for (let attempt = 0; attempt < 3_000; attempt++) {
      watch.poke();
      const found = await lags();
      if (Object.keys(found).length === 3 && Object.values(found).every(wanted)) return found;
      await sleep(20);
    }
    throw new Error(`still ${JSON.stringify(await lags())}`);
  };
  const holder = new pg.Client({ connectionString: tested.database.connectionString });
  try {
    await becomes((seconds) => seconds === 0);
    // Nobody takes rows that are younger than the oldest transaction that writes.
    await holder.connect();
    await holder.query('begin; select pg_current_xact_id()');
    assert.equal((await tested.call('POST', '/api/checks/', receipt())).status, 202);
    const found = await becomes((seconds) => seconds > 0);
    assert.deepEqual(Object.keys(found).sort(), ['customers', 'fold', 'vault']);
    assert.equal((await metrics.tailRows.get()).values[0]!.value, 1);
    await holder.query('rollback');
    await becomes((seconds) => seconds === 0);
  } finally {
    await holder.end();
    await watch.stop();
  }
});
