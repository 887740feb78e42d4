import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ageTags, applyRule } from '../../src/customers/apply-tag-rule.ts';
import { type CustomersFixture, createCustomersFixture } from './fixture.ts';

let fixture: CustomersFixture;
before(async () => {
  fixture = await createCustomersFixture('2024-03-10T12:00:00Z');
});
after(() => fixture.database.drop());

async function load(...documents: Record<string, unknown>[]): Promise<void> {
  const outcomes = await fixture.loader.load(documents.map((document) => fixture.parse(document)));
  for (const outcome of outcomes) assert.equal(outcome.verdict, 'accepted');
}

async function tagged(ruleId: number): Promise<string[]> {
  const { rows } = await fixture.pool.query({
    text: `select c.customer_id from ops.customer_tag as t join cdm.customer as c on c.user_no = t.user_no
      where t.rule_id = $1 and t.assigned order by 1`,
    values: [ruleId],
  });
  return rows.map((row) => row.customer_id);
}

const on = (date: string, customer: string, id: string, changes: Record<string, unknown> = {}) => ({
  transaction_id: id,
  customer_id: customer,
  timestamp: `${date}T12:00:00`,
  ...changes,
});
const at = (date: string) => ({
  ...fixture,
  defaultTimeZone: 'UTC',
  clock: { nowMs: () => Date.parse(date) },
});

test('a window counts the last days alone, and each night takes back what has aged out', async () => {
  const rule = await fixture.rule({ tag: 'week', metric: 'orders', threshold: 1, window_days: 7 });
  await load(
    on('2024-03-03', 'early', 'w-1'),
    on('2024-03-04', 'early', 'w-2'),
    on('2024-03-04', 'fits', 'w-3'),
    on('2024-03-10', 'fits', 'w-4'),
    on('2024-03-09', 'late', 'w-5'),
    on('2024-03-10', 'late', 'w-6'),
  );
  await fixture.follow();
  assert.deepEqual(await tagged(rule.rule_id), ['fits', 'late'], 'the third of March is out');
  await ageTags(at('2024-03-10T23:59:00Z'));
  assert.deepEqual(await tagged(rule.rule_id), ['fits', 'late']);
  const aged = await ageTags(at('2024-03-11T00:01:00Z'));
  assert.deepEqual(aged, { rules: 1, changed: 1 });
  assert.deepEqual(await tagged(rule.rule_id), ['late']);
  assert.deepEqual(await ageTags(at('2024-03-11T12:00:00Z')), { rules: 0, changed: 0 }, 'once a day');
});

test('a rule can come true as well when a refund ages out', async () => {
  const rule = await fixture.rule({
    tag: 'spent lately',
    metric: 'spent',
    threshold: 2_000,
    window_days: 3,
    currency: 'RUB',
  });
  await load(on('2024-03-08', 'returner', 'x-1', { type: 'refund' }), on('2024-03-10', 'returner', 'x-2'));
  await fixture.follow();
  assert.ok(!(await tagged(rule.rule_id)).includes('returner'));
  await ageTags(at('2024-03-11T00:01:00Z'));
  assert.ok((await tagged(rule.rule_id)).includes('returner'));
});

test('a rule applied beside followers and loads tags everyone once', async () => {
  const customers = Array.from({ length: 300 }, (_, index) => `crowd-${index}`);
  await load(...customers.map((customer) => on('2024-01-01', customer, `one-${customer}`)));
  const rule = await fixture.rule({ tag: 'twice', metric: 'orders', threshold: 1 });
  const other = fixture.openPool();
  let isLoading = true;
  const loads = (async () => {
    for (let start = 0; start < 300; start += 30)
      await load(...customers.slice(start, start + 30).map((one) => on('2024-01-02', one, `two-${one}`)));
    isLoading = false;
  })();
  const followers = [
    fixture.follower({ rowsPerStep: 40 }),
    fixture.follower({ pool: other, rowsPerStep: 25 }),
  ].map(async (follower) => {
    while (isLoading || (await follower.step()) > 0) await follower.step();
  });
  const deps = { ...fixture, defaultTimeZone: 'UTC' };
  const jobs = [0, 1, 2].map(() => applyRule(deps, { ruleId: rule.rule_id, version: 1 }));
  await Promise.all([loads, ...followers, ...jobs]);
  // One that met the lock of another has stood back; whatever is left is followed now.
  await fixture.follow();
  await other.end();
  assert.deepEqual(
    await tagged(rule.rule_id).then((list) => list.filter((one) => one.startsWith('crowd'))),
    customers.sort(),
  );
  const { rows } = await fixture.pool.query(
    `select count(*) as events, count(distinct entity_key) as entities from ops.outbox
     where payload->>'tag' = 'twice' and payload->>'customer_id' like 'crowd%'`,
  );
  assert.deepEqual(rows[0], { events: 300, entities: 300 });
  const counted = await fixture.pool.query(
    `select u.orders, count(*) as counters from cdm.user_counter as u join cdm.customer as c on c.user_no = u.user_no
     join cdm.counted_key as k on k.key_no = u.key_no and k.scope = 'total'
     where c.customer_id like 'crowd%' group by 1`,
  );
  assert.deepEqual(counted.rows, [{ orders: 2, counters: 300 }]);
  assert.equal(
    await applyRule(deps, { ruleId: rule.rule_id, version: 7 }),
    undefined,
    'another version is not ours',
  );
});
