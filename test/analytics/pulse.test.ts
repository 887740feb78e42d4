import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

test('the pulse adds up the last hours in steps of five minutes, by the time of the sale', async () => {
  const at = (minutesAgo: number) => new Date(Date.now() - minutesAgo * 60_000).toISOString();
  const sent = [
    receipt({ transaction_id: 'now', timestamp: at(0) }),
    receipt({ transaction_id: 'also', timestamp: at(0), place_id: 'other' }),
    receipt({ transaction_id: 'back', timestamp: at(0), type: 'refund' }),
    receipt({ transaction_id: 'dollars', timestamp: at(0), currency: 'USD' }),
    receipt({ transaction_id: 'hour', timestamp: at(60) }),
    receipt({ transaction_id: 'old', timestamp: at(200) }),
  ];
  assert.equal((await tested.call('POST', '/api/checks/', sent)).body.accepted, sent.length);
  await tested.settle();
  const ask = async (query: string, headers?: Record<string, string>) =>
    (await tested.call('GET', `/api/analytics/pulse${query}`, undefined, headers)).body;
  const sum = (rows: any[], name: string, currency = 'RUB') =>
    Math.round(
      rows.filter((row) => row.currency === currency).reduce((all, row) => all + row[name], 0) * 100,
    ) / 100;

  const three = await ask('?hours=3');
  assert.equal(Date.parse(three.to) - Date.parse(three.from), 3 * 3_600_000);
  assert.ok(three.rows.every((row: any) => Date.parse(row.at) % 300_000 === 0 && row.at >= three.from));
  assert.deepEqual([sum(three.rows, 'sales'), sum(three.rows, 'net')], [82.41, 54.94]);
  assert.deepEqual([sum(three.rows, 'receipts'), sum(three.rows, 'receipts', 'USD')], [3, 1]);
  assert.equal(sum((await ask('?hours=4')).rows, 'receipts'), 4);
  assert.equal(sum((await ask('?place_id=other')).rows, 'sales'), 27.47);

  const bound = await tested.call('POST', '/api/tokens/', {
    name: 'b',
    roles: ['analyst'],
    place_id: 'other',
  });
  const authorization = `Bearer ${bound.body.secret}`;
  assert.equal(sum((await ask('', { authorization })).rows, 'sales'), 27.47);
});
