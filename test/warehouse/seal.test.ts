import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { CodedError } from '../../src/base/errors.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { createCustomersRebuild } from '../../src/customers/rebuild-customers.ts';
import { ensurePartitions } from '../../src/warehouse/installation.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { planSeal, sealJournal } from '../../src/warehouse/seal.ts';
import { findBehind } from '../../src/warehouse/seal-refusals.ts';
import { takeSnapshot } from '../../src/warehouse/take-snapshot.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';
import { differencesOf, settleVault } from '../vault/fixture.ts';

let tested: TestProgram;
let stalePosition: number;
let early: Date;
const query = async (text: string, values: unknown[] = []) =>
  (await tested.database.pool.query(text, values)).rows;

const nowMs = Date.now();
/** The first of the month so many months ago. */
const monthsAgo = (months: number) => {
  const now = new Date(nowMs);
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1));
};
const scopeOf = (months: number) => ({ before: monthsAgo(months), identity: 'source' as const });
const dayMs = 86_400_000;

/** Documents as they arrived then. */
async function loadAt(receivedAtMs: number, documents: Record<string, unknown>[]) {
  const { warehouse } = tested.program;
  const incoming = documents.map((document) =>
    warehouse.parse({
      source: 'receipt',
      receivedAtMs,
      contentType: 'application/json',
      body: Buffer.from(JSON.stringify(document)),
      resolved: warehouse.resolvedDefaults,
    }),
  );
  return (await warehouse.load(incoming)).map((outcome) => outcome.verdict);
}
const sale = (id: string, months: number, changes: Record<string, unknown> = {}) =>
  receipt({
    transaction_id: id,
    place_id: `p-${id.length % 3}`,
    customer_id: `c-${id.at(-1)}`,
    timestamp: `${monthsAgo(months).toISOString().slice(0, 7)}-05T10:00:00`,
    ...changes,
  });
const line = (price: number) => ({
  items: [{ product_id: 'p', quantity: 1, price, category: 'c' }],
  total_amount: price,
});

async function snapshot(): Promise<Date> {
  const { pool, epoch } = tested.program.warehouse;
  return (await takeSnapshot({ pool, epoch })).takenAt!;
}
const figures = async () => ({
  hours: await query('select * from cdm.sales_hour order by 1, 2, 3, 4, 5, 6'),
  products: await query('select * from cdm.product_day order by 1, 2, 3, 4, 5, 6, 7'),
  counters: await query(
    'select c.customer_id, u.* from cdm.user_counter as u join cdm.customer as c using (user_no) order by 1, 2, 3, 4',
  ),
});
const settle = async () => {
  await tested.settle();
  await settleVault(tested);
};
async function assertClean(): Promise<void> {
  await settle();
  assert.deepEqual(await tested.audit(), []);
  assert.deepEqual(await differencesOf(tested), []);
}
const steps: string[] = [];
const deps = () => ({
  pool: tested.database.pool,
  sendsOrders: false,
  nowMs,
  progress: (step: string) => void steps.push(step),
});
const refusal = (pattern: RegExp) => (error: unknown) =>
  error instanceof CodedError && error.code === 'seal_refused' && pattern.test(error.message);

before(async () => {
  tested = await startTestProgram({ ERASURE_KEY: 'a-secret-of-the-tests-only-1' });
  for (let months = 12; months >= 0; months -= 3)
    await ensurePartitions(tested.database.pool, monthsAgo(months).getTime());
  for (let months = 13; months >= 1; months--) {
    if (months === 10) early = await snapshot();
    const atMs = monthsAgo(months).getTime() + 5 * dayMs;
    await loadAt(
      atMs,
      Array.from({ length: 12 }, (_, index) => sale(`m${months}-${index}`, months)),
    );
    // Corrected in the same month, resent, late and contradicted.
    await loadAt(atMs + dayMs, [sale(`m${months}-1`, months, { revision: 2, ...line(3) })]);
    await loadAt(atMs + 2 * dayMs, [
      sale(`m${months}-0`, months),
      sale(`m${months}-1`, months, { revision: 1, ...line(4) }),
      sale(`m${months}-2`, months, line(7)),
    ]);
    // Corrected a month later, and once more.
    await loadAt(atMs + 31 * dayMs, [sale(`m${months}-3`, months, { revision: 1, ...line(5) })]);
    await loadAt(nowMs, [sale(`m${months}-4`, months, { revision: 1, ...line(6) })]);
  }
  await settle();
  const stale = await query("select min(position) as position from stg.journal where verdict = 'stale'");
  stalePosition = stale[0].position;
});
after(() => tested.stop());

test('it is refused where it may not be', async () => {
  await assert.rejects(sealJournal(deps(), scopeOf(0)), refusal(/too new.*or an earlier one/));
  // The snapshot of before has not seen what came after it.
  await assert.rejects(sealJournal(deps(), scopeOf(3)), refusal(/not all .* followed yet \(snapshot\)/));
  await snapshot();
  // Whoever else uses the server may hold the end of its look back.
  await query('update cdm.touched_until set at_xid = pg_current_xact_id()');
  const stands = async (pattern: RegExp, sendsOrders = false) => {
    await assert.rejects(sealJournal({ ...deps(), sendsOrders }, scopeOf(6)), refusal(pattern));
    assert.equal((await planSeal({ ...deps(), sendsOrders }, scopeOf(6))).refusals.length, 1);
  };
  await query(
    "insert into pgboss.job (name, state, start_after) values ('reattribute', 'created', now() + interval '1 day')",
  );
  await stands(/1 re-attributions are pending; wait/);
  await query(
    "delete from pgboss.job where name = 'reattribute' and start_after > now() + interval '1 hour'",
  );
  await query("insert into ops.erased_customer (customer_hash) values ('\\x00')");
  await stands(/1 erasures are not done; wait/);
  await query('delete from ops.erased_customer');
  // Kafka's sender reads orders alone, and is at the beginning: as long as there are none it misses nothing.
  const ofOne = `from (select min(position) as first from stg.journal where sale_seq is not null) as f where position = first`;
  await query(`update stg.journal set source = 'order' ${ofOne}`);
  await stands(/not all .* followed yet \(sender of orders\)/, true);
  assert.deepEqual(
    await findBehind(tested.database.pool, monthsAgo(6), false),
    [],
    'without Kafka nobody sends',
  );
  await query(`update stg.journal set source = 'receipt' ${ofOne}`);
  assert.deepEqual(await query('select from ops.seal'), []);
});

test('marts, audits and what is registered are as before, and the old months are gone', async () => {
  const right = await figures();
  const sales = await query('select * from stg.sale order by 1, 2, 3');
  const plan = await planSeal(deps(), scopeOf(6));
  const sealed = await sealJournal(deps(), scopeOf(6));
  assert.deepEqual(plan.refusals, []);
  assert.equal(sealed!.sales, plan.sales);
  assert.equal(sealed!.rowsKept + sealed!.rowsDropped, plan.rows);
  assert.deepEqual(sealed!.partitions, plan.partitions);
  assert.equal(plan.sales, 7 * 12);
  assert.equal(sealed!.rowsKept, 7 * 12);
  assert.ok(sealed!.bytesFreed > 0);
  const left = await query(
    "select c.relname as name from pg_inherits as i join pg_class as c on c.oid = i.inhrelid where i.inhparent = 'stg.journal'::regclass",
  );
  assert.ok(left.some(({ name }) => name === 'sealed_sale'));
  assert.ok(!left.some(({ name }) => plan.partitions.includes(`stg.${name}`)));
  assert.deepEqual(await figures(), right);
  assert.deepEqual(await query('select * from stg.sale order by 1, 2, 3'), sales);
  await assertClean();
});

test('what changed since a snapshot from before is refused, and what it reported is still answered', async () => {
  const date = `${monthsAgo(12).toISOString().slice(0, 7)}-05`;
  const changes = (since: Date) =>
    tested.call('GET', `/api/analytics/changes?date=${date}&since=${since.toISOString()}`);
  const refused = await changes(early);
  assert.equal(refused.status, 422, JSON.stringify(refused.body));
  assert.equal(refused.body.type.split('#').at(-1), 'not_answerable');
  assert.match(refused.body.detail, /is sealed, so what changed since .* cannot be told sale by sale/);
  // A transaction of whoever else uses the server may be older than the sealed rows are here.
  for (let since = await snapshot(); ; since = await snapshot()) {
    const answer = await changes(since);
    if (answer.status === 422) continue;
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.deepEqual(answer.body.results, []);
    break;
  }
  const then = await tested.call('GET', `/api/analytics/?from=${date}&to=${date}&at=${early.toISOString()}`);
  assert.equal(then.status, 200);
  assert.ok(then.body.results.length > 0, JSON.stringify(then.body));
});

test('a sealed sale is resent, contradicted, corrected and refunded as before', async () => {
  const id = 'm9-5';
  const post = (document: Record<string, unknown>) => tested.call('POST', '/api/checks/', document);
  const verdicts = await loadAt(nowMs, [
    sale(id, 9),
    sale(id, 9, line(2)),
    sale(id, 9, { revision: 1, ...line(2) }),
    sale('m9-3', 9, { revision: 0 }),
    sale('m9-3', 9, { revision: 1, ...line(5) }),
  ]);
  assert.deepEqual(verdicts, ['duplicate', 'conflict', 'corrected', 'stale', 'duplicate']);
  const refund = sale('refund-9', 9, { type: 'refund', original_transaction_id: 'm9-6' });
  assert.equal((await post(refund)).status, 202);
  assert.equal((await post(sale('m9-7', 9, { revision: 4, ...line(9) }))).status, 202);
  await assertClean();
  const { body } = await tested.call('GET', `/api/checks/${id}`);
  assert.equal(body.document.total_amount, 2);
  assert.equal(body.sealed_before, monthsAgo(6).toISOString());
  assert.deepEqual(
    body.history.map((row: { verdict: string }) => row.verdict),
    ['accepted', 'duplicate', 'conflict', 'corrected'],
  );
});

test('a change of the reference moves sealed sales, and an erasure reaches them', async () => {
  await tested.call('PUT', '/api/places/p-1', { since: 'beginning', time_zone: 'Asia/Tokyo' });
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await sleep(20);
  };
  await until(async () => (await tested.program.jobs.pending('reattribute')) === 0);
  await settle();
  assert.ok((await query("select from stg.journal where verdict = 'reattributed'")).length > 20);
  assert.deepEqual(await tested.audit(), []);
  const erased = await tested.call('DELETE', '/api/customers/c-5');
  assert.ok(erased.status < 300, JSON.stringify(erased.body));
  await until(async () => (await tested.program.jobs.pending('erase-customer')) === 0);
  await assertClean();
  const named = `select position from stg.journal
    where position('"c-5"'::bytea in document) > 0 or contributions::text like '%"c-5"%'`;
  assert.deepEqual(await query(named), []);
  assert.deepEqual(await loadAt(nowMs, [sale('m9-5', 9, { revision: 1, ...line(2) })]), ['duplicate']);
});

test('a second seal goes on where the first one ended', async () => {
  const right = await figures();
  await query('update cdm.touched_until set at_xid = pg_current_xact_id()');
  const sealed = await sealJournal(deps(), scopeOf(3));
  assert.ok(sealed!.partitions.includes('stg.sealed_sale'));
  assert.equal(sealed!.sales, 10 * 12);
  assert.equal(await sealJournal(deps(), scopeOf(3)), undefined);
  assert.equal(await sealJournal(deps(), scopeOf(6)), undefined);
  assert.deepEqual(await figures(), right);
  await assertClean();
  assert.deepEqual(await query("select from pg_trigger where tgname = 'seal_change'"), []);
  assert.deepEqual(await query("select from pg_namespace where nspname = 'stg_next'"), []);
});

test('what was dropped is told as such', async () => {
  const journal = await tested.call('GET', '/api/journal?limit=1');
  assert.equal(journal.body.sealed_before, monthsAgo(3).toISOString());
  const gone = await tested.call('GET', `/api/journal/${stalePosition}`);
  assert.equal(gone.status, 404);
  assert.match(gone.body.detail, /is sealed, and what did not count then is gone/);
});

test('a rebuild begins with what is sealed and gives the same figures', async () => {
  const right = await figures();
  const { reference, parse, epoch } = tested.program.warehouse;
  const rebuilt = await rebuildMarts({
    ...{ pool: tested.database.pool, reference, parse, epoch },
    ...{ log: createLog('silent'), metrics: createMetrics(), progress: () => {} },
    further: createCustomersRebuild({
      ...tested.program.warehouse,
      ...{ metrics: createMetrics(), clock: systemClock, defaultTimeZone: 'UTC' },
    }),
  });
  assert.deepEqual([rebuilt.recomputed, rebuilt.repaired], [0, 0]);
  assert.deepEqual(await figures(), right);
  await assertClean();
});
