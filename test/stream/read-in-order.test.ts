import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../src/base/db.ts';
import { inTransaction } from '../../src/base/db.ts';
import { readInOrder } from '../../src/stream/follow.ts';
import { ensurePartitions } from '../../src/warehouse/installation.ts';
import { createTestDatabase } from '../postgres.ts';

const fill = `
  insert into stg.journal (epoch, xid, received_at, source, verdict, contributions)
  select 1, (1000 + n / 100)::text::xid8, now(), 'receipt', 'accepted', '[]' from generate_series(1, 2000) as n`;
const next = `
  explain select epoch, xid, position, contributions from stg.journal
  where contributions is not null and (epoch, xid, position) > (1, '1001'::xid8, 0::bigint)
  order by epoch, xid, position limit 500`;

async function plan(client: Client): Promise<string> {
  const { rows } = await client.query(next);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

test('a follower reads its next rows in the order of the index and sorts nothing, also once the journal is analysed', async (t) => {
  const database = await createTestDatabase();
  t.after(() => database.drop());
  await ensurePartitions(database.pool, Date.now());
  await database.pool.query(fill);
  await database.pool.query('analyze stg.journal');
  await inTransaction(database.pool, async (client) => {
    assert.match(await plan(client), /Sort {2}\(/, 'the planner would sort by itself');
    assert.doesNotMatch(await readInOrder(client, () => plan(client)), /Sort {2}\(/);
    assert.match(await plan(client), /Sort {2}\(/, 'later statements of the transaction may sort');
  });
});
