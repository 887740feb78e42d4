import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { readConfig } from '../../src/config.ts';
import { startProgram } from '../../src/start-program.ts';
import { makeBackup } from '../../src/transfer/backup.ts';
import { settleInstallation } from '../../src/warehouse/installation.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../postgres.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';
import { runCommand } from './run-command.ts';

let tested: TestProgram;
let unused: TestDatabase;
let restored: TestDatabase;
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-scope-'));
before(async () => {
  tested = await startTestProgram({ PRODUCT_ID_SCOPE: 'place' });
  unused = await createTestDatabase();
  restored = await createEmptyDatabase();
});
after(async () => {
  await tested.stop();
  await unused.drop();
  await restored.drop();
  rmSync(folder, { recursive: true, force: true });
});

const run = (args: string[], scope: string, { connectionString }: TestDatabase) =>
  runCommand(args, { DATABASE_URL: connectionString, DATA_DIR: folder, PRODUCT_ID_SCOPE: scope });

test('whose ids they are is chosen before any is kept', async () => {
  assert.equal(readConfig({}).productIdScope, 'chain');
  assert.throws(
    () => readConfig({ PRODUCT_ID_SCOPE: 'shop' }),
    /PRODUCT_ID_SCOPE is "shop"; give one of chain, place/,
  );
  const settle = (scope: 'chain' | 'place') => settleInstallation(unused.pool, 'source', scope);
  for (const scope of ['place', 'chain', 'place'] as const) await settle(scope);
  await unused.pool.query("insert into ops.reference (kind, id, fields) values ('product', 'a:1', '{}')");
  await assert.rejects(settle('chain'), /of each place by itself; set PRODUCT_ID_SCOPE=place/);
  assert.equal((await settle('place')).identity, 'source');
});

test('once there are sales every other start says what to set, and doctor too', async () => {
  const sold = ['a', 'b'].map((place) => receipt({ transaction_id: place, place_id: place }));
  assert.equal((await tested.call('POST', '/api/checks/', sold, { prefer: 'wait=5' })).body.accepted, 2);
  await tested.settle();
  const refusal =
    /PRODUCT_ID_SCOPE is chain, but this database holds ids .* of each place by itself; set PRODUCT_ID_SCOPE=place/;
  const config = { ...tested.config, productIdScope: 'chain' as const };
  await assert.rejects(startProgram({ config, log: createLog('silent') }), refusal);
  const both = { ...config, identity: 'place' as const };
  await assert.rejects(
    startProgram({ config: both, log: createLog('silent') }),
    /set IDENTITY=source; PRODUCT_ID/,
  );
  const doctor = await run(['doctor'], 'chain', tested.database);
  assert.equal(doctor.code, 1);
  assert.match(doctor.output, refusal);
});

test('a backup carries the choice', async () => {
  const backup = path.join(folder, 'backup');
  await makeBackup({ pool: tested.database.pool, onProgress: () => () => {} }, backup);
  const refused = await run(['restore', backup], 'chain', restored);
  assert.notEqual(refused.code, 0);
  assert.match(refused.output, /the backup was made under place; set PRODUCT_ID_SCOPE=place/);
  const done = await run(['restore', backup], 'place', restored);
  assert.equal(done.code, 0, done.output);
  await assert.rejects(settleInstallation(restored.pool, 'source', 'chain'), /set PRODUCT_ID_SCOPE=place/);
  const { rows } = await restored.pool.query('select distinct product_id from cdm.product_day order by 1');
  assert.deepEqual(
    rows.map((row) => row.product_id),
    ['a:product_id_1', 'a:product_id_2', 'b:product_id_1', 'b:product_id_2'],
  );
});
