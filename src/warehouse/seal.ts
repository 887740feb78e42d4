import { type Client, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { dropLeftovers } from './seal-leftovers.ts';
import {
  createNext,
  dropNext,
  listOldPartitions,
  lockJournal,
  type OldPartition,
  replacePartitions,
  watchChanges,
  withShortLocks,
} from './seal-partitions.ts';
import { findBehind, findRefusals, isSealed, type RefusalDeps } from './seal-refusals.ts';
import { copyChanged, copyKept, isOld, type SealScope } from './seal-rows.ts';

export type SealDeps = RefusalDeps & {
  /** Told now and then how far it has come. */
  progress: (step: string, done: number) => void;
  /** Ends the seal before it holds; the journal stays as it was. */
  signal?: AbortSignal;
};

/** `bytes`: of the partitions, indexes included. */
export type SealPlan = {
  before: Date;
  sales: number;
  rows: number;
  partitions: string[];
  bytes: number;
  refusals: string[];
};

export type Sealed = {
  before: Date;
  sales: number;
  rowsKept: number;
  rowsDropped: number;
  partitions: string[];
  bytesFreed: number;
};

/** Advisory locks of a seal, and of the rebuilds, which must not find another journal half-way. */
const sealLock = 7108;
const rebuildLocks = [7105, 7121];

/** What a seal would do, and why it may not. Only reads. */
export async function planSeal(deps: RefusalDeps, scope: SealScope): Promise<SealPlan> {
  const { pool } = deps;
  const { before } = scope;
  const partitions = await listOldPartitions(pool, before);
  const { rows } = await inTransaction(
    pool,
    (client) =>
      client.query<{ sales: number; rows: number }>(`
        select count(distinct (source, source_id, ${scope.identity === 'place' ? 'place_id' : "''::text"}))
            filter (where sale_seq is not null) as sales, count(*) as rows
        from stg.journal as j where ${isOld('j', before)}`),
    'begin read only; set local transaction_timeout = 0',
  );
  return {
    ...{ before, ...rows[0]!, refusals: await findRefusals(deps, scope) },
    partitions: partitions.map(({ name }) => name),
    bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/**
 * Puts one row a sale in the place of the journal before a month: copied beside the live program in short
 * transactions, then exchanged in one. Killed at any moment, the journal is as before or sealed, and the seal is run
 * again. Undefined where it is sealed so far already. Error `seal_refused` with every reason why it may not be.
 */
export async function sealJournal(deps: SealDeps, scope: SealScope): Promise<Sealed | undefined> {
  const guard = await deps.pool.connect();
  try {
    await takeTurn(guard);
    if (await isSealed(guard, scope.before)) {
      await dropLeftovers(deps.pool, deps.signal);
      return undefined;
    }
    const refusals = await findRefusals(deps, scope);
    if (refusals.length > 0) throw new CodedError('seal_refused', refusals.join('; '));
    return await sealInTurn(deps, scope, guard);
  } finally {
    // At once, not when the server has noticed that the session is gone.
    await guard.query('select pg_advisory_unlock_all()').catch(() => {});
    guard.release(true);
  }
}

/** No transaction: one with an id of its own would hold the fold back for as long as the seal takes. */
async function takeTurn(guard: Client): Promise<void> {
  for (const lock of [sealLock, ...rebuildLocks]) {
    const { rows } = await guard.query(`select pg_try_advisory_lock(${lock}) as held`);
    if (!rows[0].held)
      throw new CodedError(
        'seal_refused',
        `${lock === sealLock ? 'another seal' : 'a rebuild'} is running; wait for its end and run it again`,
      );
  }
}

async function sealInTurn(deps: SealDeps, scope: SealScope, guard: Client): Promise<Sealed> {
  const { pool, signal } = deps;
  try {
    const partitions = await listOldPartitions(pool, scope.before);
    await createNext(pool, scope.before);
    await watchChanges(pool, partitions, scope.before);
    const progress = (rows: number) => deps.progress('journal rows looked at', rows);
    const rows = await copyKept(pool, scope, { progress, ...(signal && { signal }) });
    // New tables have no statistics, and plans made without them read whole tables.
    await pool.query('analyze stg_next.sealed_sale');
    const sealed = await exchange({ ...deps, guard }, scope, partitions, rows);
    deps.progress('dropping what belonged to dropped rows', 0);
    await dropLeftovers(pool, signal);
    return sealed;
  } catch (error) {
    await dropNext(pool).catch(() => {});
    throw error;
  }
}

const readKept = (identity: SealScope['identity']) => `
  select count(*) as rows_kept, pg_total_relation_size('stg_next.sealed_sale') as bytes,
    count(distinct (source, source_id, ${identity === 'place' ? 'place_id' : "''::text"})) filter (where sale_seq is not null) as sales
  from stg_next.sealed_sale`;

const insertSeal = (before: Date) => `
  insert into ops.seal (before, epoch, xid, sales, rows_kept, rows_dropped, partitions, bytes_freed)
  select $1, coalesce(last.epoch, 0), coalesce(last.xid, '0'), $2, $3, $4, $5, $6
  from (values (1)) as one
  left join (
    select j.epoch, j.xid from stg.journal as j where j.contributions is not null and ${isOld('j', before)}
    order by j.epoch desc, j.xid desc, j.position desc limit 1
  ) as last on true`;

/** The moment from which on it is sealed, in one transaction. */
async function exchange(
  deps: SealDeps & { guard: Client },
  scope: SealScope,
  partitions: readonly OldPartition[],
  rows: number,
): Promise<Sealed> {
  const { pool, signal } = deps;
  const { before } = scope;
  const kept = await inTransaction(
    pool,
    (client) => client.query<{ rows_kept: number; bytes: number; sales: number }>(readKept(scope.identity)),
    'begin read only; set local transaction_timeout = 0',
  );
  const { rows_kept: rowsKept, bytes, sales } = kept.rows[0]!;
  const sealed: Sealed = {
    ...{ before, sales, rowsKept, rowsDropped: rows - rowsKept },
    partitions: partitions.map(({ name }) => name),
    bytesFreed: partitions.reduce((sum, one) => sum + one.bytes, 0) - bytes,
  };
  await withShortLocks(async () => {
    // 1. What was written meanwhile, most of it before anybody waits for us.
    while (!(await inTransaction(pool, (client) => copyChanged(client, scope))));
    await inTransaction(pool, async (client) => {
      // 2. Nobody reads or writes the journal from here on.
      await lockJournal(client);
      while (!(await copyChanged(client, scope)));
      // 3. A row that came meanwhile is followed as it came, or the follower would miss what it took out.
      const behind = await findBehind(client, before, deps.sendsOrders);
      if (behind.length > 0) throw Object.assign(new Error(`behind: ${behind}`), { code: '55P03' });
      signal?.throwIfAborted();
      // It fails where the session that holds our turn is lost: the table may be another seal's by now.
      await deps.guard.query('select');
      // 4. Readers can know it; the new table is the oldest partition, and the old ones are gone.
      const { sales, rowsKept, rowsDropped, bytesFreed } = sealed;
      const values = [before, sales, rowsKept, rowsDropped, sealed.partitions, bytesFreed];
      await client.query({ text: insertSeal(before), values });
      await replacePartitions(client, partitions, before);
    });
  }, signal);
  return sealed;
}
