import { type Database, inTransaction, type Queryable } from '../base/db.ts';
import { readSealedBefore, sealedDay } from '../database/sealed-journal.ts';
import { readPendingJobs } from '../jobs/pending-jobs.ts';
import { unsummed } from './audit-checks.ts';
import { beginLongRead } from './repair-registry.ts';
import { isOld, type SealScope } from './seal-rows.ts';

const counts = 'j.contributions is not null';
const tells =
  "j.contributions is null and j.verdict in ('accepted', 'corrected', 'stale', 'reattributed', 'erased')";
const isOrder = "j.source = 'order' and j.sale_seq is not null";

/** Who reads the journal in order: what they are called, where they are, and which rows they read. */
const followers = [
  {
    name: 'follower',
    from: 'select follower as name, epoch, xid, position from cdm.cursor',
    reads: [counts],
  },
  {
    name: 'vault',
    from: "select 'vault' as name, epoch, xid, position from dds.cursor where follower = 'journal'",
    reads: [counts, tells],
  },
  {
    name: 'touched days',
    from: 'select reader as name, at_epoch as epoch, at_xid as xid, at_position as position from cdm.touched_until',
    reads: [counts],
  },
  {
    name: 'orders',
    from: "select 'sender of orders' as name, epoch, xid, position from ops.egress_cursor where sink = 'orders'",
    reads: [isOrder],
  },
] as const;

/** Followers that still have to read rows from before the seal. Cheap: each look is one of an index. */
export async function findBehind(client: Queryable, before: Date, sendsOrders: boolean): Promise<string[]> {
  const asked = followers.filter(({ name }) => sendsOrders || name !== 'orders');
  const text = asked.map(({ from, reads }) => {
    const left = reads.map(
      (condition) => `exists (select from stg.journal as j
        where ${condition} and ${isOld('j', before)} and (j.epoch, j.xid, j.position) > (f.epoch, f.xid, f.position))`,
    );
    return `select f.name from (${from}) as f where ${left.join(' or ')}`;
  });
  const { rows } = await client.query<{ name: string }>(text.join(' union all '));
  return rows.map(({ name }) => name);
}

const openErasures = 'select count(*) as open from ops.erased_customer where done_at is null';

export type RefusalDeps = { pool: Database; sendsOrders: boolean; nowMs: number };

/** The newest month that may begin a journal: last month may still get documents that are on their way. */
export function newestBefore(nowMs: number): Date {
  const now = new Date(nowMs);
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1));
}

/** Why the journal cannot be sealed now, each with what to do; nothing where it can. */
export async function findRefusals(deps: RefusalDeps, scope: SealScope): Promise<string[]> {
  const { pool, nowMs } = deps;
  const newest = newestBefore(nowMs);
  if (scope.before > newest)
    return [
      `${sealedDay(scope.before)} is too new: documents received from ${sealedDay(newest)} on stay; give that day or an earlier one`,
    ];
  const refusals: string[] = [];
  const behind = await findBehind(pool, scope.before, deps.sendsOrders);
  if (behind.length > 0)
    refusals.push(
      `not all of the journal before ${sealedDay(scope.before)} was followed yet (${behind.join(', ')}); start the program, with every role, and wait until they have caught up`,
    );
  const { pending } = await readPendingJobs(pool, 'reattribute');
  if (pending > 0)
    refusals.push(
      `${pending} re-attributions are pending; wait until GET /api/jobs/ has them done, or retry those that failed`,
    );
  const erasures = await pool.query<{ open: number }>(openErasures);
  if (erasures.rows[0]!.open > 0)
    refusals.push(
      `${erasures.rows[0]!.open} erasures are not done; wait until GET /api/jobs/ has them done, or retry those that failed`,
    );
  const wrong = refusals.length > 0 ? 0 : await countUnsummed(pool, scope);
  if (wrong > 0)
    refusals.push(
      `the journal does not add up for ${wrong} sales, and after a seal nobody could tell why; run tillstream rebuild first`,
    );
  return refusals;
}

async function countUnsummed(pool: Database, { identity }: SealScope): Promise<number> {
  const text = `select count(*) as sales from (${unsummed(identity)} limit 1000) as u`;
  const found = await inTransaction(pool, (client) => client.query<{ sales: number }>(text), beginLongRead);
  return found.rows[0]!.sales;
}

/** Whether there is anything to do: false where it is sealed so far already. */
export async function isSealed(client: Queryable, before: Date): Promise<boolean> {
  const sealed = await readSealedBefore(client);
  return sealed !== undefined && sealed >= before;
}
