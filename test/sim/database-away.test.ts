import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { readConfig } from '../../src/config.ts';
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { startProgram } from '../../src/start-program.ts';
import { adminToken, receipt } from '../program.ts';

test('PostgreSQL going away: 503 with Retry-After, and recovery by itself', {
  timeout: 120_000,
}, async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-away-'));
  const log = createLog('silent');
  let server = await openEmbeddedPostgres({ dataDir, log });
  const config = readConfig({
    DATABASE_URL: server.connectionString,
    DATA_DIR: dataDir,
    PORT: '0',
    ADMIN_TOKEN: adminToken,
    LOG_LEVEL: 'silent',
    INTAKE_TIMEOUT_MS: '1500',
  });
  const program = await startProgram({ config, log });
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const send = (id: string) =>
    fetch(`${program.address}/api/checks/`, {
      method: 'POST',
      headers,
      body: JSON.stringify(receipt({ transaction_id: id })),
    });
  try {
    assert.equal((await send('before')).status, 202);
    await server.stop();
    const refused = await send('during');
    assert.equal(refused.status, 503);
    assert.match(refused.headers.get('retry-after')!, /^\d+$/);
    assert.equal(((await refused.json()) as { code: string }).code, 'database_unavailable');
    const asked = await fetch(`${program.address}/api/analytics/`, { headers });
    assert.equal(asked.status, 503);
    assert.equal((await fetch(`${program.address}/readyz`)).status, 503);
    assert.equal((await fetch(`${program.address}/healthz`)).status, 200);
    server = await openEmbeddedPostgres({ dataDir, log });
    assert.equal(new URL(server.connectionString).port, new URL(config.databaseUrl!).port);
    const deadline = Date.now() + 100_000;
    while ((await send('after')).status !== 202) assert.ok(Date.now() < deadline, 'it did not recover');
    const { results } = (await (await fetch(`${program.address}/api/analytics/`, { headers })).json()) as {
      results: { total_purchases: number }[];
    };
    assert.equal(results[0]!.total_purchases, 2);
  } finally {
    await program.stop();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
