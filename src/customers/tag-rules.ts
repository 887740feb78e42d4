import { type Client, type Database, inTransaction, sqlState } from '../base/db.ts';
import { CodedError, type Problem } from '../base/errors.ts';
import { amountToNumber, currencyDigits, isCurrency, parseAmount, parseQuantity } from '../base/money.ts';
import { uuid5 } from '../base/uuid5.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Scope } from './count-sale.ts';
import { type Metric, ruleColumns, type TagRule } from './tag-rule.ts';

/** A rule as it is sent; the threshold in orders, in units, or in the currency's own units. */
export type RuleBody = {
  tag: string;
  scope: Scope;
  match?: string;
  metric: Metric;
  threshold: number;
  window_days?: number | null;
  sticky?: boolean;
  currency?: string | null;
};

/** The same, checked, with the threshold in the units of the counters. */
export type CheckedRule = Pick<
  TagRule,
  'tag' | 'scope' | 'match' | 'metric' | 'threshold' | 'window_days' | 'sticky' | 'currency'
>;

type Deps = { pool: Database; jobs: Pick<Jobs, 'enqueue'> };
export type SavedRule = { rule: TagRule; jobId: string | null };

function thresholdOf(body: RuleBody, currency: string | null): number | string {
  if (body.metric === 'orders')
    return Number.isSafeInteger(body.threshold) ? body.threshold : 'a number of orders is whole';
  const parsed =
    body.metric === 'units'
      ? parseQuantity(body.threshold)
      : parseAmount(body.threshold, currencyDigits(currency ?? ''));
  if (typeof parsed === 'number') return parsed;
  return body.metric === 'units' ? 'units have at most 3 decimals' : `is no amount of ${currency}`;
}

/** Error `invalid_parameters` with everything that is wrong. */
export function checkRule(body: RuleBody, defaultCurrency: string): CheckedRule {
  const errors: Problem[] = [];
  const wrong = (name: string, message: string) =>
    errors.push({ pointer: `/body/${name}`, code: 'invalid_value', message });
  const match = body.match ?? '';
  if (body.scope === 'total' && match !== '') wrong('match', 'leave it out for the scope total');
  if (body.scope !== 'total' && match === '')
    wrong('match', body.scope === 'category' ? "give the category's name" : "give the product's id");
  const given = body.currency ?? null;
  if (given !== null && body.metric !== 'spent') wrong('currency', 'only goes with the metric spent');
  if (given !== null && !isCurrency(given)) wrong('currency', `${given} is not an ISO 4217 currency`);
  const currency = body.metric === 'spent' ? (given ?? defaultCurrency) : null;
  const threshold = thresholdOf(body, currency);
  if (typeof threshold === 'string') wrong('threshold', threshold);
  if (errors.length > 0) {
    const text = errors.map((one) => `${one.pointer} ${one.message}`).join('; ');
    throw new CodedError('invalid_parameters', text, { errors });
  }
  return {
    tag: body.tag,
    scope: body.scope,
    match,
    metric: body.metric,
    threshold: threshold as number,
    window_days: body.window_days ?? null,
    sticky: body.sticky ?? false,
    currency,
  };
}

/** A figure of the counters as an answer shows it. */
export function shownFigure(rule: Pick<TagRule, 'metric' | 'currency'>, value: number): number {
  if (rule.metric === 'orders') return value;
  return amountToNumber(value, rule.metric === 'units' ? 3 : currencyDigits(rule.currency ?? ''));
}

export async function listRules(pool: Database, page: { after: number; limit: number }): Promise<TagRule[]> {
  const { rows } = await pool.query<TagRule>({
    text: `select ${ruleColumns} from ops.tag_rule where deleted_at is null and rule_id > $1 order by rule_id limit $2`,
    values: [page.after, page.limit],
  });
  return rows;
}

export async function findRule(pool: Database, ruleId: number): Promise<TagRule> {
  const { rows } = await pool.query<TagRule>({
    text: `select ${ruleColumns} from ops.tag_rule where deleted_at is null and rule_id = $1`,
    values: [ruleId],
  });
  if (rows[0] === undefined) throw unknownRule(ruleId);
  return rows[0];
}

const unknownRule = (ruleId: number) => new CodedError('not_found', `there is no tag rule ${ruleId}`);

const keyNumber = `
  insert into cdm.counted_key as k (scope, key, key_id) values ($1, $2, $3)
  on conflict (scope, key) do update set key_id = k.key_id
  returning key_no`;

async function keyNumberOf(client: Client, { scope, match }: CheckedRule): Promise<number> {
  const { rows } = await client.query<{ key_no: number }>({
    text: keyNumber,
    values: [scope, match, uuid5(match)],
  });
  return rows[0]!.key_no;
}

/** The rule and the job that applies it to the customers there are exist together or not at all. */
async function saveRule(
  deps: Deps,
  rule: CheckedRule,
  text: string,
  further: readonly unknown[],
): Promise<SavedRule | undefined> {
  try {
    return await inTransaction(deps.pool, async (client) => {
      const keyNo = await keyNumberOf(client, rule);
      const { tag, scope, match, metric, threshold, window_days, sticky, currency } = rule;
      const { rows } = await client.query<TagRule>({
        text,
        values: [tag, scope, match, keyNo, metric, threshold, window_days, sticky, currency, ...further],
      });
      const saved = rows[0];
      if (saved === undefined) return undefined;
      return { rule: saved, jobId: await enqueueRule(deps, client, saved) };
    });
  } catch (error) {
    if (sqlState(error) !== '23505') throw error;
    throw new CodedError(
      'invalid_parameters',
      `another rule already gives the tag "${rule.tag}"; change that one, or choose another tag`,
      { cause: error },
    );
  }
}

async function enqueueRule(deps: Deps, client: Client, rule: Pick<TagRule, 'rule_id' | 'version'>) {
  return await deps.jobs.enqueue(client, 'apply-tag-rule', { rule_id: rule.rule_id, version: rule.version });
}

export async function createRule(deps: Deps, rule: CheckedRule): Promise<SavedRule> {
  const text = `
    insert into ops.tag_rule (tag, scope, match, key_no, metric, threshold, window_days, sticky, currency)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    returning ${ruleColumns}`;
  return (await saveRule(deps, rule, text, []))!;
}

export async function changeRule(deps: Deps, ruleId: number, rule: CheckedRule): Promise<SavedRule> {
  const text = `
    update ops.tag_rule set tag = $1, scope = $2, match = $3, key_no = $4, metric = $5, threshold = $6,
      window_days = $7, sticky = $8, currency = $9, version = version + 1, updated_at = now()
    where rule_id = $10 and deleted_at is null
    returning ${ruleColumns}`;
  const saved = await saveRule(deps, rule, text, [ruleId]);
  if (saved === undefined) throw unknownRule(ruleId);
  return saved;
}

/** Decides nothing from now on; a job takes its tags back. */
export async function deleteRule(deps: Deps, ruleId: number): Promise<SavedRule> {
  return await inTransaction(deps.pool, async (client) => {
    const { rows } = await client.query<TagRule>({
      text: `
        update ops.tag_rule set deleted_at = now(), version = version + 1, updated_at = now()
        where rule_id = $1 and deleted_at is null
        returning ${ruleColumns}`,
      values: [ruleId],
    });
    if (rows[0] === undefined) throw unknownRule(ruleId);
    return { rule: rows[0], jobId: await enqueueRule(deps, client, rows[0]) };
  });
}
