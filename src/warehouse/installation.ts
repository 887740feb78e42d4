import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, inTransaction, type Queryable, sqlState } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { ProductIdScope } from '../sales/id-scope.ts';

// Ids are kept of sales, of what was said about products, users and menus, and of people who were erased.
const readChoices = `
  select i.identity, i.product_id_scope as "productIdScope", s.found as "hasSales",
    s.found or exists (select from ops.reference) or exists (select from ops.erased_customer) as "hasIds"
  from ops.installation as i, (select exists (select from stg.sale) as found) as s`;

/** What is chosen for good before there is any data: see .env.example. */
export type Choices = { identity: 'source' | 'place'; productIdScope: ProductIdScope };

export type Installation = {
  epoch: number;
  identity: 'source' | 'place';
  /** Of the PostgreSQL cluster and the database in it: tells this installation from others. */
  cluster: string;
};

/**
 * Settles what belongs to this database for good: the epoch, which rises when the data finds itself on another
 * cluster (transaction ids start over there), how sales are told apart, chosen before the first, and whose ids those
 * of products and customers are, chosen before any is kept.
 */
export async function settleInstallation(
  pool: Database,
  identity: Choices['identity'],
  productIdScope: ProductIdScope = 'chain',
): Promise<Installation> {
  return await inTransaction(pool, async (client) => {
    await client.query('select pg_advisory_xact_lock(7100)');
    const control = await client.query(`
      select system_identifier::text,
        system_identifier || '-' || (select oid from pg_database where datname = current_database()) as installation
      from pg_control_system()`);
    const cluster: string = control.rows[0].system_identifier;
    await client.query({
      text: `insert into ops.installation (epoch, system_identifier) values (1, $1) on conflict do nothing`,
      values: [cluster],
    });
    await client.query({
      text: `update ops.installation set epoch = epoch + 1, system_identifier = $1 where system_identifier <> $1`,
      values: [cluster],
    });
    const wrong = await findOtherChoices(client, { identity, productIdScope });
    if (wrong.length > 0) throw new CodedError('invalid_configuration', wrong.join('; '));
    await client.query({
      text: `update ops.installation set identity = $1, product_id_scope = $2
        where (identity, product_id_scope) is distinct from ($1, $2)`,
      values: [identity, productIdScope],
    });
    const { rows } = await client.query('select epoch from ops.installation');
    return { epoch: rows[0].epoch, identity, cluster: control.rows[0].installation };
  });
}

/** What is configured otherwise than the data was made under, each with what to set. */
export async function findOtherChoices(pool: Queryable, wanted: Choices): Promise<string[]> {
  const { rows } = await pool.query<Choices & { hasSales: boolean; hasIds: boolean }>(readChoices);
  const kept = rows[0];
  if (kept === undefined) return [];
  const { identity, productIdScope, hasSales, hasIds } = kept;
  const apart = `this database holds sales told apart by ${identity}`;
  const ids = `this database holds ids of products and customers ${meant[productIdScope]}`;
  return [
    ...(hasSales ? otherChoice('IDENTITY', wanted.identity, identity, apart) : []),
    ...(hasIds ? otherChoice('PRODUCT_ID_SCOPE', wanted.productIdScope, productIdScope, ids) : []),
  ];
}

const meant: Record<ProductIdScope, string> = {
  chain: 'that mean the same everywhere',
  place: 'of each place by itself',
};

/** What to set where `wanted` is not what the data was made under; nothing where it is. */
export function otherChoice(name: string, wanted: string, kept: string, reason: string): string[] {
  return wanted === kept ? [] : [`${name} is ${wanted}, but ${reason}; set ${name}=${kept}`];
}

/**
 * Makes the journal's monthly partitions around a moment, so that no row falls into the default one. Run
 * at start and once a day. A new month takes a lock that all loading would queue behind while a backup or an
 * audit is reading, so it is waited for shortly, some times over. Fails where it was not to be had.
 */
export async function ensurePartitions(pool: Database, nowMs: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await makeMonths(pool, nowMs);
    } catch (error) {
      if (sqlState(error) !== '55P03' || tries === lockTries) throw error;
      await sleep(lockPauseMs);
    }
  }
}

const lockTries = 5;
const lockPauseMs = 1_000;

async function makeMonths(pool: Database, nowMs: number): Promise<void> {
  const monthsAround = [-1, 0, 1, 2];
  const now = new Date(nowMs);
  await inTransaction(pool, async (client) => {
    await client.query("select pg_advisory_xact_lock(7104); set local lock_timeout = '200ms'");
    for (const offset of monthsAround) {
      const from = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1))
        .toISOString()
        .slice(0, 10);
      const until = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset + 1, 1))
        .toISOString()
        .slice(0, 10);
      const name = `journal_${from.slice(0, 7).replace('-', '_')}`;
      const { rows } = await client.query({
        text: `select to_regclass($1) is not null as made,
          exists (select from stg.journal_default where received_at >= $2::timestamptz and received_at < $3::timestamptz)
            or exists (select from ops.seal where before > $2::timestamptz) as taken`,
        values: [`stg.${name}`, `${from}T00:00:00Z`, `${until}T00:00:00Z`],
      });
      // Rows that the default partition caught before stay there; the month then simply lives in it. A month that
      // is sealed has its partition.
      if (rows[0].made || rows[0].taken) continue;
      await client.query(
        `create table stg.${name} partition of stg.journal for values from ('${from}T00:00:00Z') to ('${until}T00:00:00Z')`,
      );
    }
  });
}
