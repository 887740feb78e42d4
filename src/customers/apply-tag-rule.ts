import type { Clock } from '../base/clock.ts';
import { type Client, type Database, inTransaction } from '../base/db.ts';
import { currencyDigits } from '../base/money.ts';
import type { JobContext, Jobs } from '../jobs/jobs.ts';
import { readChangedTags } from './decide-tags.ts';
import { customersLock, todayOf } from './follow-customers.ts';
import { ruleColumns, type TagRule } from './tag-rule.ts';
import { writeTagChanges } from './write-tags.ts';

export type ApplyRuleDeps = { pool: Database; epoch: number; clock: Clock; defaultTimeZone: string };

export type AppliedRule = { customers: number; changed: number };
type Page = { last: number | undefined; customers: number; changed: number };
type StoredRule = TagRule & { is_deleted: boolean };

/** The follower waits for a page and loading does not wait at all: some 50 ms. */
const customersPerPage = 5_000;
const reportEveryMs = 2_000;

/**
 * Asks a rule about every customer, a page and a short transaction at a time. The follower decides by the
 * same rule meanwhile, under the same lock, so whoever comes last to a customer finds nothing to change.
 * `silent` sends no events. Undefined where the rule has changed again: a later job does that.
 */
export async function applyRule(
  deps: ApplyRuleDeps,
  asked: { ruleId: number; version?: number; silent?: boolean },
  context?: Pick<JobContext, 'signal' | 'report'>,
): Promise<AppliedRule | undefined> {
  const total: AppliedRule = { customers: 0, changed: 0 };
  let reportedAt = performance.now();
  for (let after: number | undefined = 0; after !== undefined; ) {
    context?.signal.throwIfAborted();
    const start: number = after;
    const page = await inTransaction(deps.pool, (client) => applyPage(client, deps, asked, start));
    if (page === undefined) return undefined;
    total.customers += page.customers;
    total.changed += page.changed;
    after = page.last;
    if (performance.now() - reportedAt < reportEveryMs) continue;
    await context?.report(total);
    reportedAt = performance.now();
  }
  return total;
}

async function applyPage(
  client: Client,
  deps: ApplyRuleDeps,
  asked: { ruleId: number; version?: number; silent?: boolean },
  after: number,
): Promise<Page | undefined> {
  // 1. Counters and tags stand still while they are compared.
  await client.query(`select pg_advisory_xact_lock(${customersLock})`);
  const rules = await client.query<StoredRule>({
    text: `select ${ruleColumns}, deleted_at is not null as is_deleted from ops.tag_rule where rule_id = $1`,
    values: [asked.ruleId],
  });
  const rule = rules.rows[0];
  if (rule === undefined || (asked.version !== undefined && rule.version !== asked.version)) return undefined;
  const digits = currencyDigits(rule.currency ?? '');
  const options = { epoch: deps.epoch, digitsOf: () => digits, silent: asked.silent === true };
  if (rule.is_deleted) return await withdrawPage(client, rule, options);
  // 2. The next customers by number, and what changes for them.
  const page = await client.query<{ user_no: number }>({
    text: `select user_no from cdm.customer where user_no > $1 order by user_no limit ${customersPerPage}`,
    values: [after],
  });
  const candidates = page.rows.map((row) => ({ ruleId: rule.rule_id, userNo: row.user_no }));
  const today = todayOf(deps);
  const changes = await readChangedTags(client, candidates, today);
  await writeTagChanges(client, changes, options);
  // 3. After the last page the rule is applied.
  const last = page.rows.at(-1)?.user_no;
  if (last === undefined)
    await client.query({
      text: 'update ops.tag_rule set applied_version = version, aged_on = $2 where rule_id = $1',
      values: [rule.rule_id, today],
    });
  return { last, customers: candidates.length, changed: changes.length };
}

/** A deleted rule's tags are taken back, then it goes itself. */
async function withdrawPage(
  client: Client,
  rule: TagRule,
  options: Parameters<typeof writeTagChanges>[2],
): Promise<Page> {
  const { rows } = await client.query<{ user_no: number; value: number; assigned: boolean }>({
    text: `select user_no, value, assigned from ops.customer_tag where rule_id = $1 order by user_no limit ${customersPerPage}`,
    values: [rule.rule_id],
  });
  const changes = rows
    .filter((row) => row.assigned)
    .map((row) => ({ ruleId: rule.rule_id, userNo: row.user_no, assigned: false, value: row.value }));
  await writeTagChanges(client, changes, options);
  const last = rows.at(-1)?.user_no;
  if (last === undefined)
    await client.query({ text: 'delete from ops.tag_rule where rule_id = $1', values: [rule.rule_id] });
  else
    await client.query({
      text: 'delete from ops.customer_tag where rule_id = $1 and user_no <= $2',
      values: [rule.rule_id, last],
    });
  return { last, customers: rows.length, changed: changes.length };
}

/** Rules over a window of days, once a business day: what has aged out is taken back. */
export async function ageTags(
  deps: ApplyRuleDeps,
  context?: Pick<JobContext, 'signal' | 'report'>,
): Promise<{ rules: number; changed: number }> {
  const { rows } = await deps.pool.query<{ rule_id: number; version: number }>({
    text: `
      select rule_id, version from ops.tag_rule
      where window_days is not null and deleted_at is null and aged_on is distinct from $1::date
      order by rule_id`,
    values: [todayOf(deps)],
  });
  let changed = 0;
  for (const { rule_id: ruleId, version } of rows)
    changed += (await applyRule(deps, { ruleId, version }, context))?.changed ?? 0;
  return { rules: rows.length, changed };
}

/** Just after midnight, and at the start, for the days that the program slept through. */
const everyNight = '1 0 * * *';

export async function workTagJobs(deps: ApplyRuleDeps, jobs: Jobs): Promise<void> {
  await jobs.work('apply-tag-rule', async (data, context) => {
    const { rule_id: ruleId, version } = data as { rule_id: number; version: number };
    return (await applyRule(deps, { ruleId, version }, context)) ?? { superseded: true };
  });
  await jobs.work('age-tags', async (_data, context) => await ageTags(deps, context));
  await jobs.schedule('age-tags', everyNight, deps.defaultTimeZone);
  await jobs.enqueue(deps.pool, 'age-tags', {});
}
