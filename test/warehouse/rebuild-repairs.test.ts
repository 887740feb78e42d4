import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
const query = async (text: string) => (await tested.database.pool.query(text)).rows;
const rebuild = () =>
  rebuildMarts({
    ...tested.program.warehouse,
    log: createLog('silent'),
    metrics: createMetrics(),
    progress: () => {},
  });

async function send(documents: Record<string, unknown>[]): Promise<void> {
  const { status, body } = await tested.call('POST', '/api/checks/', documents);
  assert.equal(status, 202, JSON.stringify(body));
}

before(async () => {
  tested = await startTestProgram();
  await send(
    [0, 1, 2, 9].map((index) => receipt({ transaction_id: `r-${index}`, place_id: `r-${index % 3}` })),
  );
});
after(() => tested.stop());

const ask = async () => {
  const { status, body } = await tested.call('GET', '/api/analytics/');
  assert.equal(status, 200);
  return body.results;
};

const sale = "source_id = 'r-9'";
const damages: [what: string, statement: string][] = [
  ['a sale missing in the registry', `delete from stg.sale where ${sale}`],
  ['the whole registry missing', 'delete from stg.sale'],
  [
    'a sale that nobody sent',
    `insert into stg.sale select source, place_scope, 'ghost', version, content_hash, canonical_hash, journal_position, journal_at, sale_seq, status, place_id, business_date, reference_version from stg.sale where ${sale}`,
  ],
  ['another version', `update stg.sale set version = '0000000000' where ${sale}`],
  ['another day', `update stg.sale set business_date = '2020-01-01' where ${sale}`],
  ['another place', `update stg.sale set place_id = 'nowhere' where ${sale}`],
  ['another content', `update stg.sale set content_hash = 'x' where ${sale}`],
  [
    'a pointer to an older row',
    `update stg.sale as s set journal_position = j.position, journal_at = j.received_at from stg.journal as j where s.${sale} and j.${sale} and j.sale_seq = 1`,
  ],
  [
    'a contribution changed after it was taken out',
    `update stg.journal set contributions = jsonb_set(contributions, '{0,total}', '1') where ${sale} and sale_seq = 1`,
  ],
  [
    'something else taken out',
    `update stg.journal set contributions = jsonb_set(contributions, '{0,total}', '1') where ${sale} and sale_seq = 2`,
  ],
  [
    'put in twice',
    `update stg.journal set contributions = contributions || contributions where ${sale} and sale_seq = 1`,
  ],
  ['a row of the journal missing', `delete from stg.journal where ${sale} and sale_seq = 1`],
  [
    'the current contribution changed',
    `update stg.journal set contributions = jsonb_set(contributions, '{1,total}', '1') where ${sale} and sale_seq = 2`,
  ],
];
for (const [what, statement] of damages) {
  test(`damaged and made right: ${what}`, async () => {
    await send([
      receipt({
        transaction_id: 'r-9',
        place_id: 'r-0',
        revision: 1 + damages.findIndex(([one]) => one === what),
      }),
    ]);
    await tested.settle();
    assert.deepEqual(await tested.audit(), []);
    const right = await ask();
    const registry = () =>
      query(
        'select source_id, version, status, place_id, business_date, content_hash from stg.sale order by 1',
      );
    const registered = await registry();
    const newest = `(select max(sale_seq) from stg.journal where ${sale})`;
    await query(
      statement
        .replaceAll('sale_seq = 2', `sale_seq = ${newest}`)
        .replaceAll('sale_seq = 1', `sale_seq = ${newest} - 1`)
        .replaceAll('{0,total}', what.includes('after') ? '{-1,total}' : '{0,total}'),
    );
    assert.notDeepEqual(await tested.audit(), []);
    await rebuild();
    assert.deepEqual(await tested.audit(), []);
    assert.deepEqual(await ask(), right);
    assert.deepEqual(await registry(), registered);
  });
}

test('where nothing is wrong nothing is repaired', async () => {
  const { repaired, recomputed } = await rebuild();
  assert.deepEqual({ repaired, recomputed }, { repaired: 0, recomputed: 0 });
});
