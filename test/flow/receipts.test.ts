import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { forEachStream, receipt, startTestProgram, type TestProgram } from '../program.ts';

forEachStream((stream) => {
  let tested: TestProgram;
  before(async () => {
    tested = await startTestProgram({}, { stream });
  });
  after(() => tested.stop());

  const wait = { prefer: 'wait=5' };
  const send = (body: unknown, headers: Record<string, string> = wait) =>
    tested.call('POST', '/api/checks/', body, headers);
  async function place(id: string) {
    const { body } = await tested.call('GET', `/api/analytics/?place_id=${id}`);
    return body.results[0];
  }

  test('the documented receipt gives the documented figures, once', async () => {
    const first = await send(receipt(), {});
    assert.equal(first.status, 202);
    assert.deepEqual(first.body, { transaction_id: 'unique_transaction_id297', status: 'accepted' });
    const expected = {
      place_id: 'unique_place_id1',
      place_name: 'Store ABCE',
      currency: 'RUB',
      total_purchases: 1,
      average_receipt: 27.47,
      refunds: 0,
      net: 27.47,
      taxes_amount: { total_nds: 2.47, total_tips: 3 },
      category_analytics: {
        electronics: { total_spent: 5.49, average_receipt: 5.49 },
        groceries: { total_spent: 21.98, average_receipt: 21.98 },
      },
    };
    assert.deepEqual(await place('unique_place_id1'), expected);
    assert.equal((await send(receipt())).status, 200);
    assert.deepEqual(await place('unique_place_id1'), expected);
    await tested.settle();
    assert.deepEqual(await place('unique_place_id1'), expected);
  });

  test('key order and the spelling of numbers make no other content, an unknown field does', async () => {
    const { tips_amount: _tips, ...rest } = receipt({ transaction_id: 'spelling' });
    await send({ ...rest, tips_amount: 3 });
    const respelt = JSON.stringify({ tips_amount: 3, ...rest }).replace(
      '"total_amount":27.47',
      '"total_amount":27.470',
    );
    assert.deepEqual((await send(respelt)).body.verdict, 'duplicate');
    const other = await send({ ...rest, tips_amount: 3, note: 'new' });
    assert.equal(other.status, 409);
    assert.equal(other.body.code, 'conflict');
    await send({ ...rest, tips_amount: 3, note: 'new' });
    const { body } = await tested.call('GET', '/api/journal?verdict=conflict&transaction_id=spelling');
    assert.equal(body.results.length, 1);
    assert.equal(body.results[0].seen_count, 2);
  });

  test('a revision replaces, an older one is stale, a refund lowers net only', async () => {
    const id = { place_id: 'corrected' };
    await send(receipt({ ...id, transaction_id: 'c-1' }));
    const items = [{ product_id: 'p', quantity: 1, price: 10, category: 'books' }];
    const corrected = await send(
      receipt({
        ...id,
        transaction_id: 'c-1',
        revision: 2,
        items,
        total_amount: 10,
        nds_amount: 1,
        tips_amount: 0,
      }),
    );
    assert.equal(corrected.status, 201);
    assert.equal(corrected.body.verdict, 'corrected');
    assert.equal((await send(receipt({ ...id, transaction_id: 'c-1', revision: 1 }))).status, 409);
    let now = await place('corrected');
    assert.equal(now.net, 10);
    assert.deepEqual(Object.keys(now.category_analytics), ['books']);
    await send(
      receipt({
        ...id,
        transaction_id: 'c-2',
        type: 'refund',
        original_transaction_id: 'c-1',
        items,
        total_amount: 4,
        nds_amount: 0.4,
        tips_amount: 0,
      }),
    );
    now = await place('corrected');
    assert.equal(now.total_purchases, 1);
    assert.equal(now.refunds, 4);
    assert.equal(now.net, 6);
    assert.equal(now.taxes_amount.total_nds, 0.6);
    const { body } = await tested.call('GET', '/api/checks/c-1');
    assert.equal(body.revision, 2);
    assert.deepEqual(
      body.history.map((entry: any) => [entry.verdict, entry.total_change]),
      [
        ['accepted', 27.47],
        ['corrected', -17.47],
        ['stale', 0],
      ],
    );
  });

  test('a batch answers per document, and good ones are not lost to bad ones', async () => {
    const batch = [
      receipt({ transaction_id: 'b-1', place_id: 'batch' }),
      { transaction_id: 'b-2' },
      receipt({ transaction_id: 'b-1', place_id: 'batch' }),
    ];
    const array = await send(batch);
    assert.equal(array.status, 202);
    assert.deepEqual([array.body.accepted, array.body.rejected], [2, 1]);
    assert.deepEqual(
      array.body.results.map((result: any) => [
        result.index,
        result.transaction_id,
        result.status,
        result.verdict,
      ]),
      [
        [0, 'b-1', 'accepted', 'accepted'],
        [1, 'b-2', 'rejected', 'rejected'],
        [2, 'b-1', 'accepted', 'duplicate'],
      ],
    );
    assert.equal(array.body.results[1].errors[0].pointer, '/timestamp');
    const lines = Array.from({ length: 2500 }, (_, index) =>
      JSON.stringify(receipt({ transaction_id: `n-${index}`, place_id: 'lines' })),
    ).join('\r\n');
    const streamed = await send(gzipSync(`\ufeff${lines}\n\n`), {
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
    });
    assert.equal(streamed.status, 202);
    assert.deepEqual([streamed.body.accepted, streamed.body.rejected], [2500, 0]);
    assert.equal((await place('lines')).total_purchases, 2500);
    const allBad = await send([{}, 5]);
    assert.equal(allBad.status, 422);
    assert.equal(allBad.body.rejected, 2);
  });

  test('a rejected document can be corrected and replayed, the row names the first', async () => {
    const bad = await send(receipt({ transaction_id: 'fix', place_id: 'fixed', total_amount: 'NaN' }));
    assert.equal(bad.status, 422);
    const { body } = await tested.call('GET', '/api/journal?verdict=rejected&transaction_id=fix');
    const { position } = body.results[0];
    assert.equal(body.results[0].problems[0].pointer, '/total_amount');
    const document = receipt({ transaction_id: 'fix', place_id: 'fixed' });
    const replayed = await tested.call('POST', `/api/journal/${position}/replay`, { document });
    assert.equal(replayed.body.results[0].verdict, 'accepted');
    assert.equal((await place('fixed')).net, 27.47);
    const rows = await tested.call('GET', '/api/journal?verdict=accepted&transaction_id=fix');
    assert.equal(rows.body.results[0].replay_of, position);
    assert.equal((await tested.call('POST', '/api/journal/99999999/replay', {})).status, 404);
  });

  test('tokens bound to a place neither write nor read another', async () => {
    const { body } = await tested.call('POST', '/api/tokens/', {
      name: 'till',
      roles: ['collector', 'analyst', 'operator'],
      place_id: 'mine',
    });
    const bound = { authorization: `Bearer ${body.secret}` };
    const { place_id: _place, ...unplaced } = receipt({ transaction_id: 'mine-1' });
    assert.equal((await send(unplaced, { ...bound, ...wait })).status, 201);
    assert.equal((await place('mine')).total_purchases, 1);
    const foreign = await send(receipt({ transaction_id: 'mine-2', place_id: 'theirs' }), {
      ...bound,
      ...wait,
    });
    assert.equal(foreign.status, 403);
    assert.equal(foreign.body.code, 'foreign_place');
    await send(receipt({ transaction_id: 'theirs-1', place_id: 'theirs' }));
    const stolen = await send(receipt({ transaction_id: 'theirs-1', place_id: 'mine', revision: 5 }), {
      ...bound,
      ...wait,
    });
    assert.equal(stolen.status, 403);
    assert.equal((await place('theirs')).total_purchases, 1);
    assert.equal((await tested.call('GET', '/api/checks/theirs-1', undefined, bound)).status, 404);
    assert.equal((await tested.call('GET', '/api/analytics/?place_id=theirs', undefined, bound)).status, 403);
    assert.deepEqual(
      (await tested.call('GET', '/api/analytics/', undefined, bound)).body.results.map(
        (one: any) => one.place_id,
      ),
      ['mine'],
    );
    const journal = await tested.call('GET', '/api/journal', undefined, bound);
    assert.deepEqual([...new Set(journal.body.results.map((row: any) => row.place_id))], ['mine']);
  });

  test('a corrected time zone moves the sales that are loaded, exactly', async () => {
    const id = { place_id: 'moving' };
    for (let hour = 0; hour < 24; hour++) {
      const timestamp = `2024-03-10T${String(hour).padStart(2, '0')}:30:00`;
      await send(receipt({ ...id, transaction_id: `z-${hour}`, timestamp }));
      await send(receipt({ ...id, transaction_id: `zz-${hour}`, timestamp: `${timestamp}Z` }));
    }
    assert.deepEqual(await tested.audit(), []);
    const changed = await tested.call('PUT', '/api/places/moving', {
      time_zone: 'Asia/Vladivostok',
      business_day_start: '03:00',
      since: 'beginning',
    });
    assert.equal(changed.status, 200);
    assert.notEqual(changed.body.job_id, null);
    const deadline = Date.now() + 120_000;
    for (;;) {
      const { rows } = await tested.database.pool.query(
        "select count(*) as waiting from stg.sale where place_id = 'moving' and reference_version < $1",
        [changed.body.reference_version],
      );
      if (rows[0].waiting === 0) break;
      assert.ok(Date.now() < deadline, 'the re-attribution did not finish');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const days = await tested.call('GET', '/api/analytics/sales?granularity=day&place_id=moving');
    // As written: 3 before 03:00 belong to the day before. With Z: local is ten hours later, so 7 fall past 03:00 of the next day.
    assert.deepEqual(
      days.body.rows.map((row: any) => [row.period, row.receipts]),
      [
        ['2024-03-09', 3],
        ['2024-03-10', 21 + 17],
        ['2024-03-11', 7],
      ],
    );
    const hours = await tested.call(
      'GET',
      '/api/analytics/sales?granularity=hour&place_id=moving&from=2024-03-09&to=2024-03-09',
    );
    assert.equal(hours.body.rows[0].period, '2024-03-10T00:00:00+10:00');
    await tested.settle();
    assert.deepEqual(await tested.audit(), []);
  });
});
