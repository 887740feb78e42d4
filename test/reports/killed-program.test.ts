import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Running, startCommand } from '../commands/run-command.ts';
import { fileOf, productOf } from '../intake/daily-reading.ts';
import { createTestDatabase } from '../postgres.ts';
import { adminToken } from '../program.ts';
import { startModelServer } from './model-server.ts';

test('a kill between an accepted daily file and its report loses no report, and writes none twice', async (context) => {
  // Nothing is answered until the program has been killed, so every report is still to be written then.
  let isKilled = false;
  const text = 'Выручка **150 000,00 ₽**.';
  const model = await startModelServer([() => (isKilled ? { text } : { hang: 'Выручка' })]);
  const database = await createTestDatabase();
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-killed-'));
  let running: Running | undefined;
  context.after(async () => {
    running?.child.kill('SIGKILL');
    await running?.ended;
    await model.stop();
    await database.drop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const env = {
    ...{ DATABASE_URL: database.connectionString, DATA_DIR: dataDir, PORT: '0', ADMIN_TOKEN: adminToken },
    ...{ LLM_BASE_URL: model.baseUrl, LLM_MODEL: 'm', LOG_LEVEL: 'error' },
  };
  const query = async (sql: string) => (await database.pool.query(sql)).rows;
  const start = async () => {
    running = startCommand(['start'], env);
    for (;;) {
      const address = /listens at (http:\/\/[\d.:]+)/.exec(running.output())?.[1];
      if (address !== undefined) return address;
      assert.equal(running.child.exitCode, null, running.output());
      await sleep(20);
    }
  };
  const address = await start();
  const send = async (date: string) => {
    const answer = await fetch(`${address}/api/daily-sales/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/xml' },
      body: fileOf(productOf(), `date="${date}" place_id="killed"`),
    });
    assert.equal(answer.status, 202);
    return ((await answer.json()) as { report_id: number }).report_id;
  };
  const promised = [await send('2024-01-01'), await send('2024-01-02')];
  // One is killed in the middle of its text, the last before anything was done for it.
  while (model.asked.length === 0) await sleep(20);
  promised.push(await send('2024-01-03'));
  running!.child.kill('SIGKILL');
  await running!.ended;
  isKilled = true;
  assert.deepEqual(await query('select count(*)::integer as n from ops.report where report is not null'), [
    { n: 0 },
  ]);
  // As if the worker had been silent for a minute.
  await query(
    "update pgboss.job set heartbeat_on = heartbeat_on - interval '1 minute' where state = 'active'",
  );

  await start();
  while ((await query('select from ops.report where report is null')).length > 0) await sleep(50);
  const rows = await query('select id, model, status, report from ops.report order by id');
  assert.deepEqual(
    rows,
    promised.map((id) => ({ id, model: 'm', status: 'done', report: `${text}\n` })),
  );
});
