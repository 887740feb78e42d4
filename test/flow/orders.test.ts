import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { orderExample } from '../../src/sales/order.ts';
import { forEachStream, startTestProgram, type TestProgram } from '../program.ts';

forEachStream((stream) => {
  let tested: TestProgram;
  before(async () => {
    tested = await startTestProgram({}, { stream });
  });
  after(() => tested.stop());

  const wait = { prefer: 'wait=5' };
  const send = (body: unknown, headers: Record<string, string> = wait) =>
    tested.call('POST', '/api/orders/', body, headers);

  /** The message of the documentation about another order, at a place of its own. */
  function order(
    place: string,
    payload: Record<string, unknown> = {},
    message: Record<string, unknown> = {},
  ) {
    const restaurant = { id: place };
    const whole = {
      ...orderExample,
      object_id: place,
      payload: { ...orderExample.payload, restaurant, ...payload },
    };
    return { ...whole, ...message };
  }
  async function total(place: string) {
    const query = `granularity=total&group_by=payment_method&place_id=${place}`;
    return (await tested.call('GET', `/api/analytics/sales?${query}`)).body.rows[0];
  }
  async function found(place: string) {
    return (await tested.call('GET', `/api/orders/${place}`)).body;
  }

  test('an order counts while it is closed, and no longer once it is cancelled', async () => {
    const at = (time: string, final_status: string) =>
      order('way', { update_ts: `2023-04-01 ${time}`, final_status });
    assert.equal((await send(at('18:55:52', 'OPEN'))).body.verdict, 'accepted');
    assert.equal((await found('way')).status, 'open');
    assert.equal(await total('way'), undefined);
    assert.equal((await send(at('19:14:45', 'COOKING'))).body.verdict, 'corrected');
    assert.equal(await total('way'), undefined);
    await send(at('20:45:43', 'CLOSED'));
    assert.equal((await total('way')).sales, 875);
    assert.equal((await send(at('20:12:14', 'DELIVERING'))).body.verdict, 'stale');
    assert.equal((await total('way')).sales, 875);
    await tested.settle();
    assert.equal((await send(at('21:00:00', 'CANCELLED'))).body.verdict, 'corrected');
    assert.equal(await total('way'), undefined);
    const { status, business_date, version, history } = await found('way');
    assert.deepEqual([status, business_date], ['cancelled', '2023-04-01']);
    assert.match(version, /^2023-04-01T21:00:00\.000000 .* 4$/);
    assert.deepEqual(
      history.map((entry: any) => [entry.verdict, entry.total_change]),
      [
        ['accepted', 0],
        ['corrected', 0],
        ['corrected', 875],
        ['stale', 0],
        ['corrected', -875],
      ],
    );
    await send(order('way', { update_ts: '2023-04-01 22:00:00' }));
    assert.equal((await total('way')).sales, 875, 'an order that is closed again counts again');
    await tested.settle();
    assert.deepEqual(await tested.audit(), []);
  });

  test('of two states of one second the later one holds, whichever comes first', async () => {
    const { statuses } = orderExample.payload;
    const closed = (place: string) => order(place);
    const delivering = (place: string) =>
      order(place, { final_status: 'DELIVERING', statuses: statuses.slice(1) });
    const cancelled = (place: string) => order(place, { final_status: 'CANCELLED' });
    await send([delivering('s-1'), closed('s-1')]);
    await send([closed('s-2'), delivering('s-2')]);
    await send([cancelled('s-3'), closed('s-3'), delivering('s-3')]);
    const statusOf = async (place: string) => (await found(place)).status;
    assert.deepEqual(
      [await statusOf('s-1'), await statusOf('s-2'), await statusOf('s-3')],
      ['closed', 'closed', 'cancelled'],
    );
  });

  test('bonuses, payment method, tips and VAT reach the figures', async () => {
    const extras = { payment_method: 'card', tips_amount: 50, nds_amount: 145.83 };
    await send(order('extras', { bonus_payment: 75, payment: 800, ...extras }));
    const { payment_method, sales, discounts, nds, tips, units } = await total('extras');
    assert.deepEqual(
      { payment_method, sales, discounts, nds, tips, units },
      { payment_method: 'card', sales: 875, discounts: 75, nds: 145.83, tips: 50, units: 5 },
    );
    await send(order('plain'));
    const plain = await total('plain');
    assert.deepEqual([plain.payment_method, plain.nds, plain.tips], ['unknown', 0, 0]);
  });

  test('another message of the same version is a conflict that speaks of update_ts', async () => {
    await send(order('conflict'));
    const other = await send(order('conflict', { cost: 1000 }));
    assert.deepEqual([other.status, other.body.code], [409, 'conflict']);
    assert.match(other.body.detail, /the same update_ts was first; send a later update_ts/);
    assert.equal((await total('conflict')).sales, 875);
    const moved = await send(order('elsewhere', {}, { object_id: 'conflict' }));
    assert.deepEqual(
      [moved.body.errors[0].code, moved.body.errors[0].pointer],
      ['id_of_another_place', '/object_id'],
    );
    const stale = await send(order('conflict', { update_ts: '2023-01-01 00:00:00' }));
    assert.deepEqual([stale.status, /newer update_ts/.test(stale.body.detail)], [409, true]);
  });

  test('messages about anything else are kept, not counted, and can be replayed', async () => {
    const user = { object_id: 'u-9', object_type: 'user', payload: { name: 'x' } };
    assert.deepEqual((await send(user)).body, {
      transaction_id: 'u-9',
      status: 'accepted',
      verdict: 'ignored',
    });
    const quick = await send(user, {});
    assert.deepEqual([quick.status, quick.body], [202, { transaction_id: 'u-9', status: 'accepted' }]);
    assert.deepEqual((await send({ object_type: 'x' }, {})).body, {
      transaction_id: null,
      status: 'accepted',
    });
    const journal = await tested.call('GET', '/api/journal?verdict=ignored&transaction_id=u-9');
    assert.equal(journal.body.results.length, 2);
    assert.equal(journal.body.results[0].source, 'order');
    const { position } = journal.body.results[0];
    const kept = await tested.call('GET', `/api/journal/${position}`);
    assert.deepEqual(kept.body.document, user);
    const replayed = await tested.call('POST', `/api/journal/${position}/replay`, {
      document: order('replayed'),
    });
    assert.equal(replayed.body.results[0].verdict, 'accepted');
    const batch = await send([user, order('beside')]);
    assert.deepEqual([batch.body.accepted, batch.body.rejected], [2, 0]);
  });

  test('bad messages are problems with pointers, never a 500, and are kept', async () => {
    const item = orderExample.payload.order_items[0]!;
    const items = (changes: Record<string, unknown>) => ({
      order_items: [item, item, item, { ...item, ...changes }],
    });
    /** body, pointer, code */
    const cases: [unknown, string, string][] = [
      ['{"object_type":', '', 'not_json'],
      ['null', '', 'wrong_type'],
      [order('bad', {}, { object_type: undefined }), '/object_type', 'missing'],
      [order('bad', {}, { payload: [] }), '/payload', 'wrong_type'],
      [order('bad', items({ price: -1 })), '/payload/order_items/3/price', 'negative'],
      [order('bad', items({ quantity: 1.0001 })), '/payload/order_items/3/quantity', 'too_many_decimals'],
      [order('bad', items({ id: 'a\u0000' })), '/payload/order_items/3/id', 'nul_character'],
      [order('bad', { final_status: 'LOST' }), '/payload/final_status', 'unknown_value'],
      [order('bad', { date: '2023-04-31 10:00:00' }), '/payload/date', 'invalid_timestamp'],
    ];
    for (const [body, pointer, code] of cases) {
      const { status, body: answer } = await send(body);
      assert.equal(status, 422, JSON.stringify(answer));
      assert.deepEqual([answer.errors[0].pointer, answer.errors[0].code], [pointer, code]);
      const kept = await tested.call('GET', `/api/journal/${answer.position}`);
      assert.deepEqual([kept.body.verdict, kept.body.source], ['rejected', 'order']);
    }
  });

  test('a token bound to a restaurant neither sends nor reads another one', async () => {
    const created = await tested.call('POST', '/api/tokens/', {
      name: 'kitchen',
      roles: ['collector'],
      place_id: 'mine',
    });
    const bound = { authorization: `Bearer ${created.body.secret}`, ...wait };
    assert.equal((await send(order('mine', { restaurant: undefined }), bound)).status, 201);
    assert.equal((await total('mine')).receipts, 1);
    const foreign = await send(order('theirs'), bound);
    assert.deepEqual([foreign.status, foreign.body.code], [403, 'foreign_place']);
    assert.equal(foreign.body.errors[0].pointer, '/payload/restaurant/id');
    const stolen = await send(
      order('mine', { update_ts: '2023-05-01 00:00:00' }, { object_id: 'way' }),
      bound,
    );
    assert.deepEqual([stolen.status, stolen.body.errors[0].pointer], [403, '/payload/restaurant/id']);
    assert.equal((await tested.call('GET', '/api/orders/way', undefined, bound)).status, 404);
    assert.equal((await tested.call('GET', '/api/orders/mine', undefined, bound)).status, 200);
  });

  test('the zone of a restaurant says on which day its orders count', async () => {
    await tested.call('PUT', '/api/places/far', {
      time_zone: 'Asia/Vladivostok',
      business_day_start: '03:00',
    });
    await send(order('far', { date: '2023-04-02 01:30:00' }));
    const days = await tested.call(
      'GET',
      '/api/analytics/sales?granularity=hour&place_id=far&from=2023-04-01&to=2023-04-01',
    );
    assert.deepEqual(
      days.body.rows.map((row: any) => row.period),
      ['2023-04-02T01:00:00+10:00'],
    );
  });
});
