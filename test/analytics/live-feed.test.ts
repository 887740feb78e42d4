import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLiveFeed, type LiveFeedDeps } from '../../src/analytics/live-feed.ts';
import { CodedError } from '../../src/base/errors.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { noonDate, noonTime, noonZone } from '../noon.ts';
import { forEachStream, receipt, startTestProgram, type TestProgram } from '../program.ts';
import { type LiveReader, readLive } from './live-events.ts';

const admin = { authorization: 'Bearer admin-token-of-the-tests-only' };
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Whoever waits for an end that does not come fails by name instead of holding up the run. */
const limited = { timeout: 300_000 };

const ofPlace = (reader: LiveReader, place: string) => reader.places.get(`${place} RUB`);

forEachStream((stream) => {
  let tested: TestProgram;
  before(async () => {
    tested = await startTestProgram({ DEFAULT_TIME_ZONE: noonZone }, { stream });
  });
  after(() => tested.stop());

  const listen = (headers: Record<string, string> = admin) => readLive(tested.program.address, headers);
  const send = async (changes: Record<string, unknown>) => {
    const answer = await tested.callNow(
      'POST',
      '/api/checks/',
      receipt({ timestamp: noonTime(), ...changes }),
    );
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
  };
  const makeToken = async (body: Record<string, unknown>) => {
    const { body: token } = await tested.call('POST', '/api/tokens/', { name: 'live', ...body });
    return { id: token.token_id, authorization: `Bearer ${token.secret}` };
  };
  /** What the marts answer of today, in the words of the feed. */
  const today = async () => {
    const date = noonDate();
    const { body } = await tested.call(
      'GET',
      `/api/analytics/sales?granularity=total&group_by=place&from=${date}&to=${date}`,
    );
    return body.rows.map(({ refund_receipts: _, ...row }: any) => ({ ...row, business_date: date }));
  };

  test('receipts, corrections and refunds of today are told as running totals; older ones are not', async () => {
    const reader = await listen();
    assert.equal(reader.status, 200);
    assert.match(reader.headers.get('content-type')!, /^text\/event-stream/);
    assert.equal(reader.headers.get('x-accel-buffering'), 'no');
    await reader.until(({ events }) => events.length === 1);
    assert.equal(reader.events[0]!.event, 'today');
    await send({ transaction_id: 'a1', place_id: 'a' });
    await reader.until(() => ofPlace(reader, 'a')?.receipts === 1);
    assert.equal(reader.events.at(-1)!.event, 'sales');
    await send({ transaction_id: 'a0', place_id: 'a', timestamp: '2024-02-07T12:34:56' });
    await send({ transaction_id: 'a2', place_id: 'a' });
    await send({ transaction_id: 'a2', place_id: 'a', revision: 1, tips_amount: 5 });
    await send({ transaction_id: 'a3', place_id: 'a', type: 'refund' });
    await reader.until(() => ofPlace(reader, 'a')?.refunds === 27.47 && ofPlace(reader, 'a').tips !== 6);
    const { business_date, ...figures } = ofPlace(reader, 'a');
    assert.equal(business_date, noonDate());
    assert.deepEqual(figures, {
      ...{ place_id: 'a', place_name: 'Store ABCE', currency: 'RUB' },
      ...{ sales: 54.94, refunds: 27.47, net: 27.47, discounts: 0, receipts: 2, units: 3 },
      ...{ average_receipt: 27.47, nds: 2.47, tips: 5 },
    });
    reader.leave();
  });

  test('whoever joins when settles on what the marts answer', async () => {
    console.log(`SEED=${seed}`);
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return Math.floor((state / 2 ** 31) * below);
    };
    const readers = [await listen()];
    for (let round = 0; round < 5; round++) {
      const documents = Array.from({ length: 40 }, () =>
        receipt({
          ...{ transaction_id: `s${random(120)}`, revision: random(5), timestamp: noonTime() },
          ...{ place_id: `place-${random(6)}`, currency: random(4) === 0 ? 'USD' : 'RUB' },
          ...{ type: random(5) === 0 ? 'refund' : 'sale', tips_amount: random(9) },
        }),
      );
      await Promise.all(documents.map((one) => tested.callNow('POST', '/api/checks/', one)));
      readers.push(await listen());
    }
    const expected = await today();
    assert.ok(expected.length >= 6);
    // A place whose sales all went to another stays with noughts, which the marts leave out.
    const sold = (reader: LiveReader) =>
      [...reader.places.values()].filter((place) => place.receipts !== 0 || place.refunds !== 0);
    const sorted = (rows: any[]) =>
      rows
        .map((row) => JSON.stringify(Object.entries(row).sort(([one], [other]) => (one < other ? -1 : 1))))
        .sort();
    for (const reader of readers) {
      await reader
        .until(() => sorted(sold(reader)).join() === sorted(expected).join())
        .catch(() => assert.deepEqual(sorted(sold(reader)), sorted(expected)));
      reader.leave();
    }
  });

  // What follows is past the streams.
  if (stream === 'kafka') return;

  test('a reader that comes back is told what changed since, or everything where its event is not known', async () => {
    const [stays, goes] = [await listen(), await listen()];
    await send({ transaction_id: 'b1', place_id: 'b' });
    await send({ transaction_id: 'c1', place_id: 'c' });
    for (const reader of [stays, goes]) await reader.until(() => ofPlace(reader, 'c')?.receipts === 1);
    goes.leave();
    await send({ transaction_id: 'c2', place_id: 'c' });
    await stays.until(() => ofPlace(stays, 'c').receipts === 2);
    const id = goes.events.at(-1)!.id;
    const back = await listen({ ...admin, 'last-event-id': id });
    await back.until(({ events }) => events.length > 0);
    assert.equal(back.events[0]!.event, 'sales');
    assert.deepEqual(
      back.events[0]!.data.places.map((place) => [place.place_id, place.receipts]),
      [['c', 2]],
    );
    for (const unknown of ['nothing', 'another.3', `${id}9`]) {
      const fresh = await listen({ ...admin, 'last-event-id': unknown });
      await fresh.until(({ events }) => events.length > 0);
      assert.equal(fresh.events[0]!.event, 'today', unknown);
      assert.ok(fresh.places.size > 1);
      fresh.leave();
    }
    for (const reader of [stays, back]) reader.leave();
  });

  test('a bound token is told of its place alone; a revoked one is told no more', limited, async () => {
    const token = await makeToken({ roles: ['analyst'], place_id: 'mine' });
    const [bound, all] = [await listen(token), await listen()];
    assert.equal((await listen(await makeToken({ roles: ['collector'] }))).status, 403);
    await send({ transaction_id: 'other', place_id: 'other' });
    await send({ transaction_id: 'mine', place_id: 'mine' });
    for (const reader of [bound, all]) await reader.until(() => ofPlace(reader, 'mine')?.receipts === 1);
    assert.equal(ofPlace(all, 'other').receipts, 1);
    for (const { data } of bound.events)
      assert.deepEqual(
        [...new Set(data.places.map((place) => place.place_id))].join(),
        data.places.length ? 'mine' : '',
      );
    await tested.call('DELETE', `/api/tokens/${token.id}`);
    await bound.ended;
    assert.equal((await listen(token)).status, 401);
    all.leave();
  });

  test('marts that are rebuilt under a reader tell the same, and go on', async () => {
    const reader = await listen();
    await send({ transaction_id: 'd1', place_id: 'd' });
    await reader.until(() => ofPlace(reader, 'd')?.receipts === 1);
    const told = reader.events.length;
    await rebuildMarts({
      ...{ ...tested.program.warehouse, log: createLog('silent'), metrics: createMetrics() },
      progress: () => {},
    });
    await send({ transaction_id: 'd2', place_id: 'd' });
    await reader.until(() => ofPlace(reader, 'd').receipts === 2);
    const changed = reader.events.slice(told).flatMap(({ data }) => data.places.map((one) => one.place_id));
    assert.deepEqual(changed, ['d'], 'what a rebuild left as it was is not told again');
    reader.leave();
  });

  test('the loop of the live feed', limited, async (t) => {
    const { pool, reference } = tested.program.warehouse;
    let queries = 0;
    const counted = new Proxy(pool, {
      get: (target, name) => {
        if (name === 'query') queries++;
        const member = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    let nowMs = Date.parse('2025-03-07T20:00:00Z');
    const open = (more: Partial<LiveFeedDeps> = {}) =>
      createLiveFeed({
        ...{ pool: counted, reference, defaultTimeZone: 'UTC', clock: { nowMs: () => nowMs } },
        ...{ log: createLog('silent'), metrics: createMetrics(), tendEveryMs: 20, ...more },
      });
    const listener = (out: PassThrough) => ({
      ...{ out, placeId: undefined, lastEventId: undefined, mayListen: async () => true },
    });
    const told = (out: PassThrough) => {
      let text = '';
      out.on('data', (chunk) => (text += chunk));
      const last = () => JSON.parse(text.trim().split('data: ').at(-1)!.split('\n')[0]!).places;
      return async (fits: (places: any[]) => boolean) => {
        for (let attempt = 0; !(text.includes('data: ') && fits(last())); attempt++) {
          assert.ok(attempt < 6_000, text);
          await sleep(10);
        }
        return last();
      };
    };
    const send = async (id: string, place: string, timestamp = '2025-03-07T12:00:00') =>
      await tested.call('POST', '/api/checks/', receipt({ transaction_id: id, place_id: place, timestamp }));

    await t.test('nothing is read while nobody listens', async () => {
      const feed = open();
      const out = new PassThrough();
      await feed.listen(listener(out));
      assert.ok(queries > 0);
      out.destroy();
      // What was asked before may still be on its way.
      for (let looks = 0, before = -1; before !== queries; looks++, await sleep(700)) {
        assert.ok(looks < 4, 'it goes on reading');
        before = queries;
      }
    });

    await t.test(
      'the business date of a place passes, and it starts again with what was sold ahead',
      async () => {
        await tested.call('PUT', '/api/places/late', {
          time_zone: 'Europe/Moscow',
          business_day_start: '03:00',
        });
        await send('l1', 'late', '2025-03-07T22:00:00');
        await send('l2', 'late', '2025-03-08T04:00:00');
        await send('n1', 'noon');
        await tested.settle();
        // Untended, or a clock that jumps between two reads looks like figures that are not read any more.
        const feed = open({ tendEveryMs: 3_600_000 });
        const out = new PassThrough();
        const until = told(out);
        await feed.listen(listener(out));
        const first = await until((places) => places.length === 2);
        assert.deepEqual(first.map((one: any) => [one.place_id, one.business_date, one.receipts]).sort(), [
          ['late', '2025-03-07', 1],
          ['noon', '2025-03-07', 1],
        ]);
        // Midnight in UTC, and three in Moscow.
        nowMs = Date.parse('2025-03-08T00:00:01Z');
        const next = await until((places) => places[0].business_date === '2025-03-08');
        assert.deepEqual(
          next.map((one: any) => [one.place_id, one.receipts, one.sales, one.average_receipt]).sort(),
          [
            ['late', 1, 27.47, 27.47],
            ['noon', 0, 0, null],
          ],
        );
        nowMs = Date.parse('2025-03-07T20:00:00Z');
        out.destroy();
      },
    );

    await t.test(
      'a slow reader is owed no more than one event, catches up, and is dropped where it never reads',
      async () => {
        const metrics = createMetrics();
        const feed = open({ metrics });
        const slow = new PassThrough({ highWaterMark: 1 });
        const quick = new PassThrough();
        const until = told(quick);
        await feed.listen(listener(slow));
        await feed.listen(listener(quick));
        const owed: number[] = [];
        for (let index = 0; index < 5; index++) {
          await send(`q${index}`, 'quick');
          await until((places) =>
            places.some((one) => one.place_id === 'quick' && one.receipts === index + 1),
          );
          owed.push(slow.writableLength + slow.readableLength);
        }
        assert.equal(owed[0], owed.at(-1), `what waits for it does not grow: ${owed.join()}`);
        const untilSlow = told(slow);
        await untilSlow((places) => places.some((one) => one.place_id === 'quick' && one.receipts === 5));
        slow.pause();
        await send('q5', 'quick');
        await until((places) => places.some((one) => one.receipts === 6));
        // In steps between which it reads, since figures that are not read any more end every stream.
        for (let step = 0; step < 5; step++) {
          nowMs += 7_000;
          for (const before = queries; queries < before + 2; ) await sleep(10);
        }
        for (let attempt = 0; !slow.destroyed; attempt++) {
          assert.ok(attempt < 6_000, 'it is still connected');
          await sleep(10);
        }
        assert.match(await metrics.registry.metrics(), /live_ended_total\{reason="slow"\} 1/);
        assert.equal(quick.destroyed, false);
        quick.destroy();
      },
    );

    await t.test(
      'whoever is let go is told nothing more, however slowly it takes what it was sent',
      async () => {
        const metrics = createMetrics();
        const feed = open({ metrics });
        const slow = new PassThrough({ highWaterMark: 1 });
        const quick = new PassThrough();
        const errors: Error[] = [];
        slow.on('error', (error) => errors.push(error));
        let isKnown = true;
        await feed.listen({ ...listener(slow), mayListen: async () => isKnown });
        isKnown = false;
        const until = told(quick);
        await feed.listen(listener(quick));
        for (let attempt = 0; !slow.writableEnded; attempt++) {
          assert.ok(attempt < 500, 'it is still told');
          await sleep(10);
        }
        await send('w0', 'after');
        await until((places) => places.some((one) => one.place_id === 'after' && one.receipts === 1));
        await sleep(100);
        assert.deepEqual(errors, []);
        assert.match(await metrics.registry.metrics(), /live_ended_total\{reason="token"\} 1\n/);
        for (const out of [slow, quick]) out.destroy();
      },
    );

    await t.test('more readers than there is room for are told to come later', async () => {
      const feed = open({ mostListeners: 1 });
      const out = new PassThrough();
      await feed.listen(listener(out));
      await assert.rejects(
        feed.listen(listener(new PassThrough())),
        (error) => error instanceof CodedError && error.code === 'overloaded',
      );
      out.destroy();
      await sleep(0);
      const next = new PassThrough();
      await feed.listen(listener(next));
      next.destroy();
    });

    await t.test(
      'a feed that cannot read today is an error to its reader, and works again afterwards',
      async () => {
        let broken = true;
        let failed = 0;
        const failing = new Proxy(pool, {
          get: (target, name) => {
            if (name === 'query' && broken)
              return async () => {
                failed++;
                throw new Error('away');
              };
            const member = Reflect.get(target, name);
            return typeof member === 'function' ? member.bind(target) : member;
          },
        });
        const feed = open({ pool: failing });
        await assert.rejects(feed.listen(listener(new PassThrough())), /away/);
        broken = false;
        const out = new PassThrough();
        await feed.listen(listener(out.resume()));
        broken = true;
        failed = 0;
        const ended = new Promise((resolve) => out.once('end', resolve));
        while (failed === 0) await sleep(10);
        nowMs += 16_000;
        await ended;
      },
    );
  });

  test('readers are let go when the program stops', limited, async () => {
    const reader = await listen();
    await reader.until(({ events }) => events.length === 1);
    await tested.program.stop();
    await reader.ended;
  });
});
