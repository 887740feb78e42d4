import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Compile } from 'typebox/schema';
import { orderExample } from '../../src/sales/order.ts';
import { transactionExample } from '../../src/sales/transaction.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram({
    ERASURE_KEY: 'a key for erasures, of the tests only',
    SMTP_URL: 'smtp://127.0.0.1:1',
    SMTP_FROM: 'till@example.com',
  });
});
after(() => tested.stop());

/** Answers are built by hand, so what they look like is held against what the description promises. */
test('answers are as the description says, members and all', async () => {
  const api = (await tested.call('GET', '/openapi.json')).body;
  const token = (await tested.call('POST', '/api/tokens/', { name: 'x', roles: ['analyst'] })).body;
  const calls: [string, string, string, unknown?][] = [
    ['POST', '/api/checks/', '/api/checks/', receipt()],
    ['POST', '/api/checks/', '/api/checks/', [receipt({ transaction_id: 'second' }), {}]],
    ['POST', '/api/checks/', '/api/checks/', { transaction_id: 'bad' }],
    ['GET', '/api/checks/unique_transaction_id297', '/api/checks/{id}'],
    ['GET', '/api/checks/none', '/api/checks/{id}'],
    ['POST', '/api/transactions/', '/api/transactions/', transactionExample],
    ['GET', '/api/transactions/transaction-1001', '/api/transactions/{id}'],
    ['POST', '/api/orders/', '/api/orders/', orderExample],
    ['POST', '/api/orders/', '/api/orders/', [orderExample, { object_type: 'user' }, {}]],
    ['POST', '/api/orders/', '/api/orders/', { object_type: 'user' }],
    ['GET', '/api/orders/1371198', '/api/orders/{id}'],
    ['GET', '/api/journal', '/api/journal'],
    ['GET', '/api/journal?limit=0', '/api/journal'],
    ['GET', '/api/places/', '/api/places/'],
    ['PUT', '/api/places/unique_place_id1', '/api/places/{id}', { time_zone: 'Europe/Moscow' }],
    ['GET', '/api/analytics/', '/api/analytics/'],
    ['GET', '/api/analytics/sales?granularity=month&group_by=category', '/api/analytics/sales'],
    ['GET', '/api/tokens/', '/api/tokens/'],
    ['POST', '/api/tokens/', '/api/tokens/', { name: 'y', roles: ['collector'], place_id: 'p' }],
    ['POST', `/api/tokens/${token.token_id}/rotate`, '/api/tokens/{id}/rotate'],
    ['DELETE', `/api/tokens/${token.token_id}`, '/api/tokens/{id}'],
    ['GET', '/healthz', '/healthz'],
    ['GET', '/readyz', '/readyz'],
  ];
  const mail = { kind: 'email', to: ['ops@example.com'] };
  calls.push(
    ['PUT', '/api/channels/hook', '/api/channels/{id}', { kind: 'webhook', url: 'https://203.0.114.1/' }],
    ['PUT', '/api/channels/hook', '/api/channels/{id}', { kind: 'webhook', url: 'https://203.0.114.2/' }],
    ['PUT', '/api/channels/mail', '/api/channels/{id}', mail],
    ['POST', '/api/channels/mail/test', '/api/channels/{id}/test'],
    ['GET', '/api/channels/', '/api/channels/'],
    ['GET', '/api/channels/mail', '/api/channels/{id}'],
    ['DELETE', '/api/channels/mail', '/api/channels/{id}'],
    ['GET', '/api/deliveries/', '/api/deliveries/'],
    ['GET', '/api/deliveries/?state=lost', '/api/deliveries/'],
    ['GET', '/api/deliveries/1', '/api/deliveries/{id}'],
  );
  const rule = { tag: 't', scope: 'total', metric: 'spent', threshold: 1 };
  calls.push(
    ['POST', '/api/checks/', '/api/checks/', receipt({ transaction_id: 'of-guest', customer_id: 'guest' })],
    ['POST', '/api/tag-rules/', '/api/tag-rules/', rule],
    ['GET', '/api/tag-rules/', '/api/tag-rules/'],
    ['GET', '/api/tag-rules/1', '/api/tag-rules/{id}'],
    ['PUT', '/api/tag-rules/1', '/api/tag-rules/{id}', rule],
    ['POST', '/api/tag-rules/preview', '/api/tag-rules/preview', rule],
    ['GET', '/api/customers/', '/api/customers/'],
    ['GET', '/api/customers/guest', '/api/customers/{id}'],
    ['DELETE', '/api/customers/guest', '/api/customers/{id}'],
    ['DELETE', '/api/tag-rules/1', '/api/tag-rules/{id}'],
    ['GET', '/api/analytics/popularity?by=product', '/api/analytics/popularity'],
    ['GET', '/api/analytics/?at=2024-02-07T10:00:00Z', '/api/analytics/'],
    ['GET', '/api/analytics/changes?date=2024-02-07', '/api/analytics/changes'],
    ['POST', '/api/jobs/', '/api/jobs/', { queue: 'snapshot' }],
    ['GET', '/api/jobs/', '/api/jobs/'],
    ['GET', '/api/jobs/none', '/api/jobs/{id}'],
    ['GET', '/api/audits/', '/api/audits/'],
    ['GET', '/api/health/', '/api/health/'],
  );
  const alertRule = { name: 'low', kind: 'threshold', metric: 'net', window_minutes: 60, below: 1000 };
  calls.push(
    ['POST', '/api/alert-rules/', '/api/alert-rules/', alertRule],
    ['POST', '/api/alert-rules/', '/api/alert-rules/', { ...alertRule, window_minutes: 7 }],
    ['GET', '/api/alert-rules/', '/api/alert-rules/'],
    ['GET', '/api/alert-rules/1', '/api/alert-rules/{id}'],
    ['PUT', '/api/alert-rules/1', '/api/alert-rules/{id}', alertRule],
    ['POST', '/api/alert-rules/preview', '/api/alert-rules/preview', alertRule],
    ['GET', '/api/alerts/', '/api/alerts/'],
    ['GET', '/api/alerts/1', '/api/alerts/{id}'],
    ['DELETE', '/api/alert-rules/1', '/api/alert-rules/{id}'],
  );
  const problem = Compile(api.components.schemas.Problem);
  for (const [method, url, path, body] of calls) {
    if (url.includes('customers')) await tested.settle();
    const answer = await tested.call(method, url, body);
    const named = `${method} ${url} ${answer.status} ${JSON.stringify(answer.body)}`;
    if (answer.status >= 400) {
      assert.match(answer.headers.get('content-type')!, /^application\/problem\+json/, named);
      assert.equal(answer.body.status, answer.status, named);
      assert.ok(problem.Check(answer.body), named);
      continue;
    }
    const described = api.paths[path][method.toLowerCase()].responses[answer.status];
    assert.ok(described, `${named}: this status is not described`);
    const schema = Compile(described.content['application/json'].schema);
    assert.ok(schema.Check(answer.body), `${named}: ${JSON.stringify(schema.Errors(answer.body))}`);
  }
});
