import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import type { Incoming, Outcome } from '../../src/sales/sale.ts';
import { createDirectStream } from '../../src/stream/direct-stream.ts';

const outcome: Outcome = { verdict: 'accepted', position: '1', problems: [] };

/** Documents of which only the sale's id matters; undefined is one that is no sale. */
function documents(...ids: (string | undefined)[]): Incoming[] {
  return ids.map((id) => {
    const sale = id === undefined ? undefined : { sourceId: id };
    return { source: 'receipt', body: Buffer.from('{}'), sale } as unknown as Incoming;
  });
}

/** A stream whose loads end when the test says so. */
function startStream() {
  const begun: { ids: string[]; end: () => void }[] = [];
  const stream = createDirectStream({
    load: (batch) =>
      new Promise((resolve) => {
        const ids = batch.map((incoming) => incoming.sale?.sourceId ?? '-');
        begun.push({ ids: [...new Set(ids)], end: () => resolve(batch.map(() => outcome)) });
      }),
    admit: async () => true,
    clock: systemClock,
    log: createLog('silent'),
  });
  const append = (list: Incoming[]) => stream.append(list, systemClock.nowMs() + 60_000);
  const turns = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  };
  return { begun, append, turns, stop: () => stream.stop() };
}

const many = (id: string | undefined) => documents(...Array.from({ length: 300 }, () => id));

test('two loads run at once, but never two with documents of one sale', async () => {
  const { begun, append, turns, stop } = startStream();
  const first = append(documents('a', 'b'));
  await turns();
  const second = append(many('b'));
  const third = append(many('c'));
  await turns();
  assert.deepEqual(
    begun.map(({ ids }) => ids),
    [['a', 'b']],
    'the sale b is in hand, and what came after it does not overtake it',
  );
  begun[0]!.end();
  await first;
  await turns();
  assert.deepEqual(begun[1]!.ids, ['b', 'c']);
  const fourth = append(many('d'));
  await turns();
  assert.deepEqual(begun[2]!.ids, ['d'], 'another sale is loaded meanwhile');
  for (const load of begun) load.end();
  assert.equal((await Promise.all([second, third, fourth])).flat().length, 900);
  await stop();
});

test('documents that are no sale wait for nobody', async () => {
  const { begun, append, turns, stop } = startStream();
  const first = append(documents(undefined));
  await turns();
  const second = append(many(undefined));
  await turns();
  assert.equal(begun.length, 2);
  for (const load of begun) load.end();
  await Promise.all([first, second]);
  await stop();
});

test('few documents wait for the load under way and go together', async () => {
  const { begun, append, turns, stop } = startStream();
  const waiting = [append(documents('a'))];
  await turns();
  waiting.push(append(documents('b')), append(documents('c')));
  await turns();
  assert.equal(begun.length, 1);
  begun[0]!.end();
  await waiting[0];
  await turns();
  assert.deepEqual(begun[1]!.ids, ['b', 'c']);
  begun[1]!.end();
  await Promise.all(waiting);
  await stop();
});
