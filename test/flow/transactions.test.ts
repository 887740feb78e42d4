import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { forEachStream, startTestProgram, type TestProgram } from '../program.ts';

forEachStream((stream) => {
  let tested: TestProgram;
  before(async () => {
    tested = await startTestProgram({}, { stream });
  });
  after(() => tested.stop());

  const wait = { prefer: 'wait=5' };

  function transaction(changes: Record<string, unknown> = {}) {
    return {
      transaction_id: 't-1',
      product_id: 'p-1',
      quantity: 2,
      total_amount: 21.98,
      timestamp: '2024-02-07T12:34:56',
      place_id: 'shop',
      customer_id: 'u-1',
      ...changes,
    };
  }
  const send = (body: unknown, headers: Record<string, string> = wait) =>
    tested.call('POST', '/api/transactions/', body, headers);
  async function total(place: string) {
    const query = `granularity=total&group_by=source&place_id=${place}`;
    return (await tested.call('GET', `/api/analytics/sales?${query}`)).body.rows[0];
  }

  test('a transaction is counted once, corrected by its revision, lowered by a refund', async () => {
    const first = await send(transaction());
    assert.deepEqual(
      [first.status, first.body],
      [201, { transaction_id: 't-1', status: 'accepted', verdict: 'accepted' }],
    );
    assert.equal((await send(transaction())).body.verdict, 'duplicate');
    const other = await send(transaction({ total_amount: 5 }));
    assert.deepEqual([other.status, other.body.code], [409, 'conflict']);
    assert.match(other.body.detail, /same revision 0 was first; send a higher revision/);
    assert.equal((await total('shop')).net, 21.98);
    assert.equal((await send(transaction({ total_amount: 10, revision: 1 }))).body.verdict, 'corrected');
    const stale = await send(transaction());
    assert.deepEqual([stale.status, stale.body.code], [409, 'stale']);
    assert.match(stale.body.detail, /newer revision/);
    await send(transaction({ transaction_id: 't-2', type: 'refund', quantity: 1, total_amount: 4 }));
    const { source, sales, refunds, net, receipts, units } = await total('shop');
    assert.deepEqual(
      { source, sales, refunds, net, receipts, units },
      { source: 'transaction', sales: 10, refunds: 4, net: 6, receipts: 1, units: 1 },
    );
    await tested.settle();
    assert.equal((await total('shop')).net, 6);
    assert.deepEqual(await tested.audit(), []);
  });

  test('the same id as a receipt and as a transaction are two sales', async () => {
    const id = { transaction_id: 'both', place_id: 'both' };
    const items = [{ product_id: 'p', quantity: 1, price: 5, category: 'c' }];
    const receipt = { ...id, timestamp: '2024-02-07T12:00:00', items, total_amount: 5, nds_amount: 0 };
    await tested.call('POST', '/api/checks/', { ...receipt, payment_method: 'cash' });
    await send(transaction(id));
    const rows = (await tested.call('GET', '/api/analytics/sales?place_id=both&group_by=source')).body.rows;
    assert.deepEqual(rows.map((row: any) => [row.source, row.sales]).sort(), [
      ['receipt', 5],
      ['transaction', 21.98],
    ]);
  });

  test('GET gives the transaction as it counts now, with its history', async () => {
    const { status, body } = await tested.call('GET', '/api/transactions/t-1');
    assert.equal(status, 200);
    assert.deepEqual([body.status, body.revision, body.document.total_amount], ['closed', 1, 10]);
    assert.deepEqual(
      body.history.map((entry: any) => [entry.verdict, entry.revision, entry.total_change]),
      [
        ['accepted', 0, 21.98],
        ['duplicate', 0, 0],
        ['conflict', 0, 0],
        ['corrected', 1, -11.98],
        ['stale', 0, 0],
      ],
    );
    assert.equal((await tested.call('GET', '/api/transactions/none')).status, 404);
    assert.equal((await tested.call('GET', '/api/checks/t-1')).status, 404, 'it is no receipt');
  });

  test('a batch answers per transaction; the rejected ones can be found and replayed', async () => {
    const batch = [
      transaction({ transaction_id: 'b-1', place_id: 'batch' }),
      transaction({ transaction_id: 'b-2', place_id: 'batch', quantity: -1 }),
    ];
    const answer = await send(batch);
    assert.deepEqual(
      [answer.status, answer.body.results.map((result: any) => [result.transaction_id, result.status])],
      [
        202,
        [
          ['b-1', 'accepted'],
          ['b-2', 'rejected'],
        ],
      ],
    );
    assert.equal(answer.body.results[1].errors[0].pointer, '/quantity');
    const journal = await tested.call('GET', '/api/journal?source=transaction&verdict=rejected');
    const [row] = journal.body.results;
    assert.deepEqual([row.transaction_id, row.place_id], ['b-2', 'batch']);
    const document = transaction({ transaction_id: 'b-2', place_id: 'batch', quantity: 1 });
    const replayed = await tested.call('POST', `/api/journal/${row.position}/replay`, { document });
    assert.equal(replayed.body.results[0].verdict, 'accepted');
    assert.equal((await total('batch')).receipts, 2);
  });

  test('a token bound to a place fills it in and reaches no other', async () => {
    const created = await tested.call('POST', '/api/tokens/', {
      name: 'till',
      roles: ['collector'],
      place_id: 'mine',
    });
    const bound = { authorization: `Bearer ${created.body.secret}`, ...wait };
    assert.equal(
      (await send(transaction({ transaction_id: 'm-1', place_id: undefined }), bound)).status,
      201,
    );
    assert.equal((await total('mine')).receipts, 1);
    const foreign = await send(transaction({ transaction_id: 'm-2', place_id: 'theirs' }), bound);
    assert.deepEqual([foreign.status, foreign.body.code], [403, 'foreign_place']);
    const stolen = await send(transaction({ place_id: 'mine', revision: 9 }), bound);
    assert.deepEqual([stolen.status, stolen.body.errors[0].pointer], [403, '/place_id']);
    assert.equal((await tested.call('GET', '/api/transactions/t-1', undefined, bound)).status, 404);
  });
});
