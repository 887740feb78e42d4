import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { countTail, createFold } from '../../src/warehouse/fold.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** Journal rows of daily files, each of so many products; the products themselves are not needed here. */
const insertFiles = `
  insert into stg.journal (epoch, received_at, source, verdict, contributions)
  select 1, now(), 'daily', 'accepted', jsonb_build_array(jsonb_build_object('f', 2, 'sign', 1, 'refund', 0,
    'place', 'p', 'date', '2024-01-01', 'hour', 0, 'at', 0, 'got', 0, 'source', 'daily', 'payment', 'unknown',
    'currency', 'RUB', 'total', 1, 'nds', 0, 'tips', 0, 'discount', 0, 'categories', '[]'::jsonb,
    'products', '[]'::jsonb, 'lines', -1, 'count', $2::int, 'units', 1))
  from generate_series(1, $1)`;

test('large daily files are folded a few at a time, small ones together, and each once', async () => {
  const { pool } = database;
  const fold = createFold({ pool, epoch: 1, log: createLog('silent'), metrics: createMetrics() });
  const folded = async () =>
    (await pool.query('select sum(receipts) as files from cdm.sales_hour')).rows[0].files;
  await pool.query(insertFiles, [5, 150_000]);
  await pool.query(insertFiles, [1, 1_000_000]);
  await pool.query(insertFiles, [100, 1_000]);
  const steps: [rows: number, files: number][] = [];
  while ((await countTail(pool, 1, ['fold'])) > 0) {
    const rows = await fold.step();
    if (rows > 0) steps.push([rows, Number(await folded())]);
  }
  const full = fold.rowsPerStep;
  assert.deepEqual(steps, [
    // Whatever is left makes a step count as full, so that nobody takes it for the last.
    [full, 2],
    [full, 4],
    [full, 6],
    [100, 106],
  ]);
});
