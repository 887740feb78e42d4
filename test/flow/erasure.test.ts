import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { createCustomersRebuild } from '../../src/customers/rebuild-customers.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { forEachStream, receipt, startTestProgram, type TestProgram } from '../program.ts';
import { settleVault } from '../vault/fixture.ts';

forEachStream((stream) => {
  let tested: TestProgram;
  before(async () => {
    tested = await startTestProgram({ ERASURE_KEY: 'a key for erasures, of the tests only' }, { stream });
  });
  after(() => tested.stop());

  const person = 'Личность-42';
  const bought = (id: string, changes: Record<string, unknown> = {}) =>
    receipt({ transaction_id: id, customer_id: person, customer_name: 'Иван Тайный', ...changes });

  async function send(...documents: Record<string, unknown>[]): Promise<any[]> {
    const answer = await tested.call('POST', '/api/checks/', documents, { prefer: 'wait=5' });
    assert.ok(answer.body.results, JSON.stringify(answer.body));
    await tested.settle();
    return answer.body.results;
  }

  async function verdictOf(document: unknown): Promise<number> {
    const { status } = await tested.call('POST', '/api/checks/', document, { prefer: 'wait=5' });
    await tested.settle();
    return status;
  }

  async function untilErased(): Promise<void> {
    for (let tries = 0; tries < 1_200; tries++) {
      const { rows } = await tested.database.pool.query(
        'select count(*) as n from ops.erased_customer where done_at is null',
      );
      if (rows[0].n === 0) return await settleVault(tested);
      await sleep(50);
    }
    assert.fail('the journal was not rewritten');
  }

  /** Every table in which some row holds a text, as text or as bytes. */
  async function tablesWith(text: string): Promise<string[]> {
    const { pool } = tested.database;
    const { rows } = await pool.query(
      `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
     where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
    );
    const hex = (value: string) => Buffer.from(value).toString('hex');
    const ascii = JSON.stringify(text).replace(
      /[\u0080-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    const found: string[] = [];
    for (const { name } of rows) {
      const hits = await pool.query({
        text: `select count(*) as n from ${name} as t where position($1 in t::text) > 0 or position($2 in t::text) > 0 or position($3 in t::text) > 0`,
        values: [text, hex(text), hex(ascii.slice(1, -1))],
      });
      if (hits.rows[0].n > 0) found.push(name);
    }
    return found;
  }

  const popularity = async () => {
    const { as_of: _, ...rest } = (await tested.call('GET', '/api/analytics/popularity?by=category')).body;
    return rest;
  };
  const sales = async () =>
    (await tested.call('GET', '/api/analytics/sales?granularity=year&group_by=category')).body.rows;

  test('a person is erased everywhere, and no sum and no number of customers changes', async () => {
    await tested.call('POST', '/api/tag-rules/', {
      tag: 'buyer',
      scope: 'total',
      metric: 'orders',
      threshold: 0,
    });
    await send(
      bought('e-1'),
      bought('e-2'),
      bought('e-3', { type: 'refund' }),
      receipt({ transaction_id: 'e-other', customer_id: 'somebody else' }),
    );
    await send(
      bought('e-2', { revision: 1, nds_amount: 1 }),
      bought('e-1', { nds_amount: 2 }),
      bought('e-4', { total_amount: -1 }),
    );
    await send(bought('e-2', { nds_amount: 0 }));
    // As Python writes it, and bytes that are no JSON.
    const escaped = JSON.stringify(bought('e-5')).replace(
      /[\u0080-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    assert.equal(await verdictOf(escaped), 201);
    await verdictOf(`{"customer_id":"${person}",`);
    const reference = `/api/reference/users/${encodeURIComponent(person)}`;
    assert.equal((await tested.call('PUT', reference, { name: 'Тайный Гость' })).status, 200);
    assert.equal((await tested.call('GET', `/api/customers/${encodeURIComponent(person)}`)).status, 200);
    const before = [await popularity(), await sales()];
    assert.ok((await tablesWith(person)).includes('stg.journal'));

    const answer = await tested.call('DELETE', `/api/customers/${encodeURIComponent(person)}`);
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    assert.equal((await tested.call('GET', `/api/customers/${encodeURIComponent(person)}`)).status, 404);
    await untilErased();
    await tested.settle();

    assert.deepEqual(await tablesWith(person), []);
    const again = await tested.call('PUT', reference, { name: 'Тайный Гость' });
    assert.deepEqual([again.status, again.body.errors[0].code], [422, 'erased_person']);
    assert.deepEqual(await tablesWith('Тайный'), []);
    assert.deepEqual([await popularity(), await sales()], before);
    assert.deepEqual(await tested.audit(), []);
    const listed = (await tested.call('GET', '/api/customers/?tag=buyer')).body.results;
    assert.deepEqual(
      listed.map((one: any) => one.customer_id),
      ['somebody else'],
    );
    const { rows } = await tested.database.pool.query(
      "select event, payload from ops.outbox where event = 'customer.erased'",
    );
    assert.deepEqual(Object.keys(rows[0].payload), ['user_id']);
  });

  test('what an erased person sent is known again, and what names them later loads without', async () => {
    const { a: _, ...same } = { a: 0, ...bought('e-1') };
    assert.equal(await verdictOf(bought('e-1')), 200, 'the same bytes');
    const turned = Object.fromEntries(Object.entries(same).reverse());
    assert.equal(await verdictOf(turned), 200, 'the same values');
    assert.equal(await verdictOf({ ...turned, nds_amount: 0.5 }), 409, 'other values');
    assert.equal(await verdictOf(bought('e-6')), 201);
    assert.equal(await verdictOf(bought('e-6')), 200);
    assert.equal(await verdictOf(Object.fromEntries(Object.entries(bought('e-6')).reverse())), 200);
    assert.equal(await verdictOf(bought('e-2', { revision: 5 })), 201);
    await verdictOf(bought('e-7', { items: [] }));
    assert.deepEqual(await tablesWith(person), []);
    assert.deepEqual(await tablesWith('Тайный'), []);
    assert.deepEqual(await tested.audit(), []);
    const { warehouse } = tested.program;
    const metrics = createMetrics();
    const further = createCustomersRebuild({
      ...warehouse,
      metrics,
      clock: systemClock,
      defaultTimeZone: 'UTC',
    });
    const before = [await popularity(), await sales()];
    await rebuildMarts({ ...warehouse, log: createLog('silent'), metrics, progress: () => {}, further });
    assert.deepEqual([await popularity(), await sales()], before);
    assert.deepEqual(await tested.audit(), []);
    assert.equal(
      (await tested.call('DELETE', `/api/customers/${encodeURIComponent(person)}`)).body.job_id,
      null,
    );
  });

  test('sales and corrections that come while a person is erased leave nothing of them', async () => {
    const guest = 'guest-in-motion';
    const sale = (id: number, revision: number) =>
      receipt({ transaction_id: `motion-${id}`, customer_id: guest, customer_name: 'Пётр', revision });
    for (let id = 0; id < 60; id++) await tested.call('POST', '/api/checks/', sale(id, 0));
    let ended = false;
    const loading = [0, 1].map(async (half) => {
      for (let round = 1; !ended || round < 4; round++)
        for (let id = half; id < 80 && (!ended || round < 4); id += 2)
          assert.equal((await tested.call('POST', '/api/checks/', sale(id, round))).status, 202);
    });
    await sleep(100);
    assert.equal((await tested.call('DELETE', `/api/customers/${guest}`)).status, 202);
    await untilErased();
    ended = true;
    await Promise.all(loading);
    await tested.settle();
    assert.deepEqual(await tablesWith(guest), []);
    assert.deepEqual(await tablesWith('Пётр'), []);
    assert.deepEqual(await tested.audit(), []);
  });
});
