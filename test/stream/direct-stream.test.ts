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
  const begun: { ids: string[]; count: number; batch: readonly Incoming[]; end: () => void }[] = [];
  const admits = { value: true };
  const stream = createDirectStream({
    load: (batch) =>
      new Promise((resolve) => {
        const ids = batch.map((incoming) => incoming.sale?.sourceId ?? '-');
        const end = () => resolve(batch.map(() => outcome));
        begun.push({ ids: [...new Set(ids)], count: ids.length, batch, end });
      }),
    admit: async () => admits.value,
    clock: systemClock,
    log: createLog('silent'),
  });
  const append = (list: Incoming[], waitMs = 60_000) => stream.append(list, systemClock.nowMs() + waitMs);
  const turns = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  };
  return { begun, append, turns, admits, stop: () => stream.stop() };
}

const many = (id: string | undefined) => documents(...Array.from({ length: 300 }, () => id));

test('two loads run at once, but never two with documents of one sale', async () => {
  const { begun, append, turns, stop } = startStream();
  const first = append(documents('a', 'b'));
  await turns();
  const second = append([...many('b'), ...documents('c')]);
  const third = append(many('d'));
  await turns();
  assert.deepEqual(
    begun.map(({ ids }) => ids),
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
    'the sale b is in hand, others are loaded meanwhile',
  );
  begun[1]!.end();
  await third;
  const fourth = append(documents('b', 'e'));
  await turns();
  assert.deepEqual(begun[2]!.ids, ['e']);
  begun[0]!.end();
  await first;
  await turns();
  assert.deepEqual([begun[3]!.ids, begun[3]!.count], [['b'], 301]);
  for (const load of begun) load.end();
  assert.equal((await Promise.all([second, third, fourth])).flat().length, 603);
  await stop();
});

test('documents of one sale are loaded in the order in which they came, whatever is in hand', async () => {
  const { begun, append, turns, stop } = startStream();
  const first = append(documents('sale-0'));
  await turns();
  // More than one batch, so that some of the sale that is in hand stand behind those that are taken.
  const ids = Array.from({ length: 2_600 }, (_, index) => `sale-${index % 7}`);
  const rest = append(documents(...ids).map((document, index) => ({ ...document, receivedAtMs: index })));
  await turns();
  assert.equal(begun.length, 2);
  for (let load = 0; load < begun.length; load++) {
    begun[load]!.end();
    await turns();
  }
  assert.equal((await Promise.all([first, rest])).flat().length, 2_601);
  const newest = new Map<string, number>();
  for (const { batch } of begun)
    for (const { sale, receivedAtMs = -1 } of batch) {
      assert.ok((newest.get(sale!.sourceId) ?? -2) < receivedAtMs, `${sale!.sourceId} at ${receivedAtMs}`);
      newest.set(sale!.sourceId, receivedAtMs);
    }
  await stop();
});

test('a caller whose time is up is told so, and what it sent is not begun afterwards', async () => {
  const { begun, append, turns, stop, admits } = startStream();
  admits.value = false;
  const late = append(documents('a'), 1);
  await assert.rejects(late, { code: 'overloaded' });
  admits.value = true;
  const next = append(documents('b'));
  await turns();
  assert.deepEqual(
    begun.map(({ ids }) => ids),
    [['b']],
  );
  begun[0]!.end();
  await next;
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
