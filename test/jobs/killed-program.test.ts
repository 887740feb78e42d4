import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Running, runCommand, startCommand } from '../commands/run-command.ts';
import { createTestDatabase } from '../postgres.ts';
import { adminToken, receipt } from '../program.ts';

test('a program killed in the middle of a re-attribution: the next one ends it', async (context) => {
  const database = await createTestDatabase();
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-killed-'));
  let running: Running | undefined;
  context.after(async () => {
    running?.child.kill('SIGKILL');
    await running?.ended;
    await database.drop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const env = {
    DATABASE_URL: database.connectionString,
    DATA_DIR: dataDir,
    PORT: '0',
    ADMIN_TOKEN: adminToken,
    LOG_LEVEL: 'error',
  };
  const query = async (text: string) => (await database.pool.query(text)).rows;
  const start = async () => {
    running = startCommand(['start'], env);
    for (;;) {
      const address = /listens at (http:\/\/[\d.:]+)/.exec(running.output())?.[1];
      if (address !== undefined) return address;
      assert.equal(running.child.exitCode, null, running.output());
      await sleep(20);
    }
  };
  const call = async (address: string, method: string, url: string, body: unknown) => {
    const answer = await fetch(address + url, {
      method,
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    assert.ok(answer.ok, `${answer.status}`);
    return (await answer.json()) as { reference_version: number };
  };

  const address = await start();
  const documents = Array.from({ length: 700 }, (_, index) =>
    receipt({ transaction_id: `k-${String(index).padStart(3, '0')}`, place_id: 'killed' }),
  );
  await call(address, 'POST', '/api/checks/', documents);
  // The job comes as far as this sale, in its second step, and is killed there.
  const holder = await database.pool.connect();
  await holder.query("begin; select from stg.sale where source_id = 'k-300' for update");
  const { reference_version: version } = await call(address, 'PUT', '/api/places/killed', {
    time_zone: 'Asia/Tokyo',
    business_day_start: '22:00',
    since: 'beginning',
  });
  const moved = async () =>
    (await query(`select count(*)::integer as n from stg.sale where reference_version = ${version}`))[0].n;
  while ((await moved()) < 250) await sleep(20);
  running!.child.kill('SIGKILL');
  await running!.ended;
  await holder.query('commit');
  holder.release();
  assert.equal(await moved(), 250);
  assert.deepEqual(await query("select state from pgboss.job where name = 'reattribute'"), [
    { state: 'active' },
  ]);
  // As if the worker had been silent for a minute.
  await query("update pgboss.job set heartbeat_on = heartbeat_on - interval '1 minute'");

  await start();
  while (
    (await query("select from pgboss.job where name = 'reattribute' and state <> 'completed'")).length > 0
  )
    await sleep(50);
  assert.equal(await moved(), 700);
  assert.deepEqual(await query("select output from pgboss.job where name = 'reattribute'"), [
    { output: { sales: 450, scanned: 450, changed: 450, unreadable: 0 } },
  ]);
  const { code, output } = await runCommand(['audit'], env);
  assert.equal(code, 0, output);
});
