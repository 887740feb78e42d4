import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askReadiness } from '../../src/http/readiness.ts';

test('a check that does not answer in time is not passed, and keeps nobody waiting', async () => {
  const never = new Promise<string>(() => {});
  const checks = new Map([
    ['database', () => never],
    ['stream', async () => 'ok, 3 partitions'],
  ]);
  const answer = await askReadiness(checks, 20);
  assert.deepEqual(answer, {
    ready: false,
    checks: { database: 'does not answer', stream: 'ok, 3 partitions' },
  });
  checks.set('database', async () => 'ok');
  assert.equal((await askReadiness(checks, 60_000)).ready, true);
});
