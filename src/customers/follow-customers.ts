import type { Clock } from '../base/clock.ts';
import { type Client, type Database, inTransaction } from '../base/db.ts';
import type { Metrics } from '../base/metrics.ts';
import { currencyDigits } from '../base/money.ts';
import { localTimeAt } from '../base/time.ts';
import { readInOrder } from '../stream/follow.ts';
import { applyCounts, applySaleList, type CounterSchema } from './apply-counts.ts';
import { readChangedTags } from './decide-tags.ts';
import { type Counter, countRows, type FollowedRow, type Gathered, gatherCounts } from './gather-counts.ts';
import { createKeyNumbers } from './key-numbers.ts';
import { type JournalPlace, notePending } from './pending-sales.ts';
import { candidatesOf, findEvidence } from './tag-candidates.ts';
import { ruleColumns, type TagRule } from './tag-rule.ts';
import { writeCounterEvents } from './write-counter-events.ts';
import { writeTagChanges } from './write-tags.ts';

/** Advisory lock: counters and tags have one writer at a time. */
export const customersLock = 7106;

/** Rows that name no customer only move the cursor: of those, the last one alone is sent, with its number. */
const readBatch = `
  select epoch, xid::text as xid, position, source, source_id, sale_seq, named as contributions, number
  from (
    select *, row_number() over follows as number, lead(position) over follows is null as is_last
    from (
      select epoch, xid, position, source, source_id, sale_seq,
        case when contributions->0 ? 'customer' or contributions->-1 ? 'customer' or jsonb_array_length(contributions) > 2
          then contributions end as named
      from stg.journal
      where contributions is not null and (epoch, xid, position) > ($2::integer, $3::xid8, $4::bigint)
        and (epoch < $1 or xid < pg_snapshot_xmin(pg_current_snapshot()))
      order by stg.journal.epoch, stg.journal.xid, stg.journal.position
      limit $5
    ) as next
    window follows as (order by epoch, xid, position)
  ) as batch
  where named is not null or is_last
  order by number`;

type BatchRow = Omit<FollowedRow, 'contributions'> &
  JournalPlace & { contributions: FollowedRow['contributions'] | null; number: number };

const usualRowsPerStep = 5_000;

export type CustomersDeps = {
  pool: Database;
  epoch: number;
  metrics: Metrics;
  clock: Clock;
  /** Where a tag's day ends. */
  defaultTimeZone: string;
  schema?: CounterSchema;
  /** Whether others are told what the counters are now; where nobody is, it costs nothing. */
  tellsCounters?: boolean;
  rowsPerStep?: number;
};

/** The business date that windows of days end with. */
export function todayOf(deps: Pick<CustomersDeps, 'clock' | 'defaultTimeZone'>): string {
  return localTimeAt(deps.clock.nowMs(), deps.defaultTimeZone).slice(0, 10);
}

function digitsOfRules(rules: readonly TagRule[]): (ruleId: number) => number {
  const digits = new Map(rules.map((rule) => [rule.rule_id, currencyDigits(rule.currency ?? '')]));
  return (ruleId) => digits.get(ruleId) ?? 2;
}

/** Follows the journal: counters of customers, and the tags that they decide. */
export function createCustomersFollower(deps: CustomersDeps) {
  const schema = deps.schema ?? 'cdm';
  const rowsPerStep = deps.rowsPerStep ?? usualRowsPerStep;
  const numbers = createKeyNumbers();
  // The counters being rebuilt have no other writer, and filling them must not hold up the live ones.
  const isLive = schema === 'cdm';

  /** Answers how many journal rows were followed; 0 also where another process holds the lock. */
  async function step(): Promise<number> {
    const started = performance.now();
    try {
      const rows = await inTransaction(deps.pool, followBatch);
      if (rows > 0)
        deps.metrics.foldSeconds.observe({ step: 'customers' }, (performance.now() - started) / 1000);
      return rows;
    } catch (error) {
      // Numbers given by a transaction that rolled back are nobody's.
      numbers.forget();
      throw error;
    }
  }

  /** One transaction: counters, tags and their events, and the cursor, or nothing of it. */
  async function followBatch(client: Client): Promise<number> {
    // 1. One writer at a time; the cursor is read after the lock.
    if (isLive) {
      const { rows } = await client.query(`select pg_try_advisory_xact_lock(${customersLock}) as held`);
      if (!rows[0].held) return 0;
    }
    const cursor = await client.query<JournalPlace & { caught_up: boolean }>(
      `select epoch, xid::text as xid, position, caught_up from ${schema}.cursor where follower = 'customers'`,
    );
    const from = cursor.rows[0];
    if (from === undefined) return 0;
    // 2. The next rows in order, of transactions older than every running one.
    const batch = await readInOrder(client, () =>
      client.query<BatchRow>({
        name: `read-batch-${schema}`,
        text: readBatch,
        values: [deps.epoch, from.epoch, from.xid, from.position, rowsPerStep],
      }),
    );
    const end = batch.rows.at(-1);
    const count = end?.number ?? 0;
    if (end !== undefined) await apply(client, batch.rows, end);
    // 3. The cursor moves with what it stands for.
    const isCaughtUp = from.caught_up || count < rowsPerStep;
    if (end !== undefined || isCaughtUp !== from.caught_up)
      await client.query({
        name: `move-customers-${schema}`,
        text: `update ${schema}.cursor set epoch = $1, xid = $2::xid8, position = $3, caught_up = $4, moved_at = now()
          where follower = 'customers'`,
        values: [end?.epoch ?? from.epoch, end?.xid ?? from.xid, end?.position ?? from.position, isCaughtUp],
      });
    return count;
  }

  async function apply(client: Client, batch: readonly BatchRow[], end: JournalPlace): Promise<void> {
    const entries = countRows(
      batch.filter((row): row is BatchRow & FollowedRow => row.contributions !== null),
    );
    await numbers.learn(
      client,
      entries.map((entry) => entry.contribution.customer),
      entries.flatMap((entry) => entry.counts),
    );
    const rules = isLive ? await readRules(client) : [];
    const gathered = gatherCounts(entries, numbers, new Set(rules.map((rule) => rule.key_no)));
    const oneCurrency = await numbers.learnCurrencies(
      client,
      entries.map((entry) => entry.contribution.currency),
    );
    await applyCounts(client, schema, gathered.counters, oneCurrency);
    await applySaleList(client, schema, gathered.sales);
    if (isLive && deps.tellsCounters === true) await writeCounterEvents(client, deps.epoch, entries, numbers);
    const settled = await notePending(client, schema, end, gathered.touchedBy);
    await decide(client, rules, gathered, settled);
  }

  async function decide(
    client: Client,
    rules: readonly TagRule[],
    gathered: Gathered,
    settled: readonly Counter[],
  ): Promise<void> {
    if (rules.length === 0) return;
    const today = todayOf(deps);
    const candidates = candidatesOf(rules, [...gathered.steps, ...settled]);
    const decisions = await readChangedTags(client, candidates, today);
    const changes = findEvidence(decisions, rules, gathered.steps, today);
    await writeTagChanges(client, changes, { epoch: deps.epoch, digitsOf: digitsOfRules(rules) });
  }

  return { step, rowsPerStep };
}

async function readRules(client: Client): Promise<TagRule[]> {
  const { rows } = await client.query<TagRule>({
    name: 'read-tag-rules',
    text: `select ${ruleColumns} from ops.tag_rule where deleted_at is null order by rule_id`,
  });
  return rows;
}
