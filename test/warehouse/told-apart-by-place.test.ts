import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

/** Under IDENTITY=place two tills may give the same id: what is done to one sale leaves the other alone. */
let tested: TestProgram;
before(async () => {
  tested = await startTestProgram({ IDENTITY: 'place' });
  const documents = ['one', 'two'].flatMap((place) =>
    [0, 1, 2].flatMap((index) =>
      [0, 1].map((revision) =>
        receipt({
          transaction_id: `t-${index}`,
          place_id: place,
          revision,
          timestamp: `2024-03-0${1 + revision}T23:30:00`,
        }),
      ),
    ),
  );
  const { body } = await tested.call('POST', '/api/checks/', documents);
  assert.equal(body.accepted, documents.length);
  await tested.settle();
});
after(() => tested.stop());

const query = async (text: string) => (await tested.database.pool.query(text)).rows;
const rebuild = () =>
  rebuildMarts({
    ...tested.program.warehouse,
    log: createLog('silent'),
    metrics: createMetrics(),
    progress: () => {},
  });
const days = async () => {
  const { body } = await tested.call(
    'GET',
    '/api/analytics/sales?granularity=day&group_by=place&from=2024-03-01&to=2024-03-09',
  );
  return body.rows.map((row: { period: string; place_id: string; receipts: number }) => [
    row.place_id,
    row.period,
    row.receipts,
  ]);
};

test('a corrected place moves its own sales only', async () => {
  assert.deepEqual(await tested.audit(), []);
  const changed = await tested.call('PUT', '/api/places/two', {
    business_day_start: '23:45',
    since: 'beginning',
  });
  assert.equal(changed.status, 200);
  while ((await tested.program.jobs.pending('reattribute')) > 0) await sleep(20);
  const expected = [
    ['one', '2024-03-02', 3],
    ['two', '2024-03-01', 3],
  ];
  assert.deepEqual((await days()).sort(), expected);
  assert.deepEqual(await tested.audit(), []);
  const { repaired, recomputed } = await rebuild();
  assert.deepEqual({ repaired, recomputed }, { repaired: 0, recomputed: 0 });
  assert.deepEqual((await days()).sort(), expected);
});

const ofTwo = "source_id = 't-1' and place_id = 'two'";
const damages = [
  `delete from stg.sale where ${ofTwo}`,
  `update stg.sale set business_date = '2020-01-01' where ${ofTwo}`,
  `update stg.journal set contributions = jsonb_set(contributions, '{0,total}', '1') where ${ofTwo} and sale_seq = 2`,
  `delete from stg.journal where ${ofTwo} and sale_seq = 1`,
];
for (const damage of damages) {
  test(`found at the right place, and made right: ${damage}`, async () => {
    const right = await days();
    await query(damage);
    const differences = await tested.audit();
    const keys = new Set(differences.map((one) => one.key));
    assert.deepEqual([...keys], ['receipt t-1 two'], JSON.stringify(differences));
    await rebuild();
    assert.deepEqual(await tested.audit(), []);
    assert.deepEqual(await days(), right);
  });
}
