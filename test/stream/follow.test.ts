import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { startFollower } from '../../src/stream/follow.ts';

const log = createLog('silent');
const longMs = 600_000;

for (const ends of ['with nothing to do', 'with an error'] as const)
  test(`a follower that is stopped within a step that ends ${ends} does not rest first`, {
    timeout: 20_000,
  }, async () => {
    let steps = 0;
    const under = Promise.withResolvers<void>();
    const step = async () => {
      steps++;
      await under.promise;
      if (ends === 'with an error') throw new Error('away');
      return 0;
    };
    const follower = startFollower({ name: 'test', log, step, idleMs: longMs });
    const stopped = follower.stop();
    under.resolve();
    await stopped;
    assert.equal(steps, 1);
  });

test('a follower that is poked within a step looks again at once', { timeout: 20_000 }, async () => {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let steps = 0;
  const step = async () => {
    steps++;
    if (steps === 2) second.resolve();
    await first.promise;
    return 0;
  };
  const follower = startFollower({ name: 'test', log, step, idleMs: longMs });
  follower.poke();
  first.resolve();
  await second.promise;
  await follower.stop();
  assert.equal(steps, 2);
});
