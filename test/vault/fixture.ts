import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type Database, inTransaction } from '../../src/base/db.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { auditVault, type VaultDifference } from '../../src/vault/audit-vault.ts';
import { createVaultFollower, type VaultDeps } from '../../src/vault/load-vault.ts';
import type { TestProgram } from '../program.ts';

export const vaultDepsOf = (tested: TestProgram): VaultDeps => ({
  ...tested.program.warehouse,
  identity: tested.config.identity,
  log: createLog('silent'),
  metrics: createMetrics(),
});

const behind = `
  select (select count(*) from stg.journal as j, dds.cursor as c
    where c.follower = 'journal' and (j.epoch, j.xid, j.position) > (c.epoch, c.xid, c.position)
      and (j.contributions is not null or j.verdict in ('accepted', 'corrected', 'stale', 'reattributed', 'erased')))
    + (select count(*) from ops.reference_change as r, dds.cursor as c where c.follower = 'reference' and r.version > c.position)
  as n`;

/**
 * Follows until the vault has all there is. A step may find nothing while the program's own follower writes, or
 * while a transaction is running, in a database of another test too: ids are given out by the server.
 */
export async function followToEnd(pool: Database, follower: { step: () => Promise<number> }): Promise<void> {
  for (let tries = 0; tries < 6_000; tries++) {
    if ((await follower.step()) > 0) continue;
    const { rows } = await pool.query(behind);
    if (rows[0].n === 0) return;
    await sleep(20);
  }
  assert.fail('the vault does not come to the end of the journal');
}

export async function settleVault(tested: TestProgram): Promise<void> {
  await followToEnd(tested.database.pool, createVaultFollower(vaultDepsOf(tested)));
}

export async function differencesOf(tested: TestProgram): Promise<VaultDifference[]> {
  return await inTransaction(
    tested.database.pool,
    (client: Client) => auditVault(client),
    'begin isolation level repeatable read read only',
  );
}

/** Everything the vault says, but for when it was written: two vaults of one journal are equal. */
export async function contentOf(tested: TestProgram, schema = 'dds'): Promise<Record<string, string[]>> {
  const { pool } = tested.database;
  const { rows } = await pool.query(
    "select table_name as name from information_schema.tables where table_schema = $1 and table_type = 'BASE TABLE' and table_name <> 'cursor' order by 1",
    [schema],
  );
  const content: Record<string, string[]> = {};
  for (const { name } of rows) {
    const found = await pool.query(`select t::text as row from ${schema}.${name} as t order by 1`);
    content[name] = found.rows.map((row) => row.row);
  }
  return content;
}

/** Revenue by day of both sides, in minor units. */
export async function revenueByDay(tested: TestProgram): Promise<{ marts: unknown[]; vault: unknown[] }> {
  const { pool } = tested.database;
  const marts = await pool.query(
    'select period::text, currency, sum(sales - refunds)::bigint as net from cdm.sales_hour group by 1, 2 having sum(sales - refunds) <> 0 order by 1, 2',
  );
  const vault = await pool.query(
    'select business_date::text as period, currency, sum(net)::bigint as net from dds.v_sale_current group by 1, 2 having sum(net) <> 0 order by 1, 2',
  );
  return { marts: marts.rows, vault: vault.rows };
}
