import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

const refunds = {
  ...{ name: 'Large refunds', kind: 'refunds', metric: 'refund_amount', window_minutes: 60, above: 100 },
  channels: ['ops'],
};
const largest = { transaction_id: 'refund-1', type: 'refund', timestamp: new Date().toISOString() };

/** Runs the job now, and answers once it is done. */
async function judge(): Promise<void> {
  for (;;) {
    const asked = await tested.call('POST', '/api/jobs/', { queue: 'alerts' });
    if (asked.status >= 300) {
      // That of the minute is just running.
      await sleep(100);
      continue;
    }
    for (;;) {
      const { body } = await tested.call('GET', `/api/jobs/${asked.body.id}`);
      if (body.state === 'completed') return;
      assert.ok(['created', 'active', 'waiting', 'queued'].includes(body.state), JSON.stringify(body));
      await sleep(50);
    }
  }
}

async function tokenOf(body: Record<string, unknown>): Promise<Record<string, string>> {
  const made = await tested.call('POST', '/api/tokens/', { name: 't', ...body });
  return { authorization: `Bearer ${made.body.token ?? made.body.secret}` };
}

test('a large refund is told within the minute, by its receipt and no person', async () => {
  assert.equal((await tested.call('POST', '/api/alert-rules/', refunds)).status, 201);
  const low = {
    name: 'Low',
    kind: 'threshold',
    metric: 'net',
    place_id: 'north',
    window_minutes: 60,
    below: 10,
  };
  assert.equal((await tested.call('POST', '/api/alert-rules/', low)).status, 201);
  const now = new Date().toISOString();
  const items = [{ product_id: 'p', quantity: 1, price: 150, category: 'c' }];
  const sold = { place_id: 'arbat', place_name: 'Arbat', items, total_amount: 150, customer_id: 'anna' };
  await tested.call('POST', '/api/checks/', [
    receipt({ ...sold, transaction_id: 'sale-1', timestamp: now }),
    receipt({ ...sold, ...largest }),
    receipt({ ...largest, transaction_id: 'refund-2', place_id: 'arbat' }),
  ]);
  await tested.settle();
  await judge();
  const { body } = await tested.call('GET', '/api/alerts/?state=firing&place_id=arbat');
  assert.equal(body.results.length, 1, JSON.stringify(body));
  const [alert] = body.results;
  assert.deepEqual(
    [alert.rule_name, alert.place_name, alert.currency, alert.value, alert.threshold, alert.state],
    ['Large refunds', 'Arbat', 'RUB', 150, 100, 'firing'],
  );
  assert.match(
    alert.explanation.text,
    /^A refund of 150 RUB at Arbat \(receipt refund-1\), over the limit of 100/,
  );
  assert.doesNotMatch(JSON.stringify(body), /anna/);
  await judge();
  assert.equal((await tested.call('GET', '/api/alerts/')).body.results.length, 2);
});

test('alerts are listed newest first, by pages, filters and as CSV', async () => {
  const first = (await tested.call('GET', '/api/alerts/?limit=1')).body;
  const second = (await tested.call('GET', `/api/alerts/?limit=1&cursor=${first.next_cursor}`)).body;
  assert.ok(first.results[0].id > second.results[0].id);
  assert.equal(second.next_cursor, null);
  const count = async (query: string) =>
    (await tested.call('GET', `/api/alerts/?${query}`)).body.results.length;
  assert.equal(await count('rule_id=1'), 1);
  assert.equal(await count('state=resolved'), 0);
  assert.equal(await count('from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z'), 0);
  const csv = await tested.call('GET', '/api/alerts/', undefined, { accept: 'text/csv' });
  const lines = (csv.body as string).trim().split('\r\n');
  assert.equal(lines.length, 3);
  assert.match(lines[0]!, /^id,state,fired_at,resolved_at,rule_id,rule_name,kind,metric,place_id/);
  const one = await tested.call('GET', `/api/alerts/${first.results[0].id}`);
  assert.deepEqual(one.body, first.results[0]);
  assert.equal((await tested.call('GET', '/api/alerts/999')).status, 404);
});

test('who is bound to a place sees its alerts alone, and no rule', async () => {
  const bound = await tokenOf({ roles: ['operator'], place_id: 'arbat' });
  const seen = await tested.call('GET', '/api/alerts/', undefined, bound);
  assert.deepEqual(
    seen.body.results.map(({ place_id }: { place_id: string }) => place_id),
    ['arbat'],
  );
  const other = await tested.call('GET', '/api/alerts/?place_id=north', undefined, bound);
  assert.equal(other.body.code, 'foreign_place');
  const [hidden] = (await tested.call('GET', '/api/alerts/?place_id=north')).body.results;
  assert.equal((await tested.call('GET', `/api/alerts/${hidden.id}`, undefined, bound)).status, 404);
  assert.equal((await tested.call('GET', '/api/alert-rules/', undefined, bound)).body.code, 'foreign_place');
  const analyst = await tokenOf({ roles: ['analyst'] });
  assert.equal((await tested.call('GET', '/api/alerts/', undefined, analyst)).status, 403);
});

test('rules are made, changed, muted and deleted', async () => {
  const made = await tested.call('POST', '/api/alert-rules/', { name: 'silence', kind: 'silence' });
  const { rule_id: id } = made.body;
  assert.deepEqual((await tested.call('GET', `/api/alert-rules/${id}`)).body, made.body);
  const changed = await tested.call('PUT', `/api/alert-rules/${id}`, {
    ...{ name: 'quiet', kind: 'silence', enabled: false, muted_until: '2030-01-01T00:00:00+03:00' },
  });
  assert.equal(changed.body.muted_until, '2029-12-31T21:00:00.000Z');
  assert.equal((await tested.call('DELETE', `/api/alert-rules/${id}`)).body.name, 'quiet');
  assert.equal((await tested.call('GET', `/api/alert-rules/${id}`)).status, 404);
  const [alert] = (await tested.call('GET', '/api/alerts/?rule_id=1')).body.results;
  const muted = await tested.call('POST', `/api/alerts/${alert.id}/mute`, { minutes: 30 });
  assert.equal(muted.body.rule_id, 1);
  assert.ok(Date.parse(muted.body.muted_until) > Date.now());
  assert.equal(
    (await tested.call('POST', `/api/alerts/${alert.id}/mute`, { minutes: 0 })).body.muted_until,
    null,
  );
  const wrong = await tested.call('POST', '/api/alert-rules/', { ...refunds, window_minutes: 7 });
  assert.equal(wrong.status, 422);
  assert.equal(wrong.body.errors[0].pointer, '/body/window_minutes');
  assert.equal(wrong.body.can_be_asked.length, 3);
});

test('a preview shows what a rule would have said, and writes nothing', async () => {
  const from = new Date(Date.now() - 3 * 3_600_000).toISOString();
  const rule = {
    name: 'x',
    kind: 'threshold',
    metric: 'net',
    place_id: 'arbat',
    window_minutes: 60,
    below: 10,
  };
  const { body } = await tested.call('POST', `/api/alert-rules/preview?from=${from}`, rule);
  assert.equal(body.place_name, 'Arbat');
  assert.equal(body.alerts.length, 1);
  assert.ok(body.series.length > 30);
  assert.equal((await tested.call('GET', '/api/alerts/')).body.results.length, 2);
  const ended = await tested.call('POST', '/api/alert-rules/preview?from=2020-01-01T00:00:00Z', rule);
  assert.equal(ended.body.errors[0].pointer, '/query/from');
});
