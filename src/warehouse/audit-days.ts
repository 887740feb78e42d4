import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { type AuditDeps, type Audited, auditScope, inAuditSnapshot } from './audit.ts';
import { auditedDays, checksOfDays } from './audit-checks.ts';
import { keepAudited } from './keep-audited.ts';
import { countTouchedDays, noteTouchedDays } from './touched-days.ts';

export type AuditDaysDeps = Pick<AuditDeps, 'pool' | 'parse' | 'identity' | 'further'> & {
  epoch: number;
  log: Log;
  metrics: Metrics;
  signal?: AbortSignal;
  /** What is left over waits for the next audit. */
  salesPerAudit?: number;
};

export type AuditedDays = { days: number; sales: number; differences: number; waiting_days: number };

/** Of one snapshot, and of one audit: the first of a long history takes many hours, a little in each. */
const salesPerSnapshot = 20_000;
const daysPerSnapshot = 200;
const usualSalesPerAudit = 200_000;
/** Reading documents takes the processor, so for each moment of work as long a rest. */
const longestRestMs = 200;

// Those that were touched first come first; a day by itself may be more than a snapshot's worth.
const takeDays = `
  select place_id, business_date from (
    select place_id, business_date, touched_at,
      sum(sales) over (order by touched_at, place_id, business_date) - sales as before
    from (
      select t.*, (select count(*) from stg.sale as s where s.place_id = t.place_id and s.business_date = t.business_date) as sales
      from (
        select place_id, business_date, touched_at from cdm.touched_day where reader = 'audit'
        order by touched_at, place_id, business_date limit ${daysPerSnapshot}
      ) as t
    ) as counted
  ) as weighed
  where before < ${salesPerSnapshot}
  order by touched_at, place_id, business_date`;

// By the index of each sale, where the audit of everything sorts the whole journal.
const newestOfDays = (identity: 'source' | 'place') => `
  select n.position, n.received_at, s.source, s.source_id, s.place_scope
  from ${auditedDays} as a
  join stg.sale as s on s.place_id = a.place_id and s.business_date = a.period
  cross join lateral (
    select j.position, j.received_at from stg.journal as j
    where j.source_id = s.source_id and j.source = s.source and j.verdict in ('accepted', 'corrected')
      ${identity === 'place' ? 'and j.place_id = s.place_scope' : ''}
    order by j.version desc, j.sale_seq desc limit 1
  ) as n`;

/**
 * Compares the marts of the days that were touched since the last audit with a recomputation of their sales from
 * the journal, each batch of days in a snapshot of its own that only reads: nothing waits for it. What differs is
 * kept, told as an event, counted and logged.
 */
export async function auditTouchedDays(deps: AuditDaysDeps): Promise<AuditedDays> {
  const { pool, epoch, signal } = deps;
  const startedAt = new Date();
  await noteTouchedDays({ pool, epoch, reader: 'audit', ...(signal && { signal }) });
  const total = { days: 0, sales: 0, differences: 0, waiting_days: 0 };
  let auditId: number | undefined;
  while (total.sales < (deps.salesPerAudit ?? usualSalesPerAudit)) {
    signal?.throwIfAborted();
    const days = await nextDays(deps);
    if (days.length === 0 && (auditId !== undefined || !(await hasSales(deps)))) break;
    const audited = await auditDays(deps, days);
    auditId = await keepAudited({ pool, epoch }, { auditId, startedAt, days, audited });
    tell(deps, audited);
    total.days += days.length;
    total.sales += audited.sales;
    total.differences += audited.differences.length;
    if (days.length === 0) break;
  }
  total.waiting_days = await countTouchedDays(pool, 'audit');
  return total;
}

/** Before the first sale an audit leaves nothing. */
async function hasSales({ pool }: AuditDaysDeps): Promise<boolean> {
  const found = await pool.query("select from cdm.touched_until where reader = 'audit'");
  return found.rows.length > 0;
}

type Day = [placeId: string, date: string];

async function nextDays({ pool }: AuditDaysDeps): Promise<Day[]> {
  const { rows } = await pool.query<{ place_id: string; business_date: string }>(takeDays);
  return rows.map((row) => [row.place_id, row.business_date]);
}

async function auditDays(deps: AuditDaysDeps, days: readonly Day[]): Promise<Audited> {
  if (days.length === 0) return { sales: 0, unreadable: 0, differences: [], complete: true };
  const pause = async (pageMs: number) => {
    await sleep(
      Math.min(pageMs, longestRestMs),
      undefined,
      deps.signal === undefined ? {} : { signal: deps.signal },
    );
  };
  return await inAuditSnapshot(deps, async (client: Client) => {
    await client.query({
      text: "select set_config('tillstream.audited_days', $1, true)",
      values: [JSON.stringify(days)],
    });
    const scope = { newest: newestOfDays(deps.identity), checks: checksOfDays() };
    return await auditScope(client, { ...deps, progress: () => {}, pause }, scope);
  });
}

function tell({ metrics, log }: AuditDaysDeps, { differences }: Audited): void {
  for (const { table } of differences) metrics.auditDifferences.inc({ table });
  if (differences.length > 0)
    log.error(
      { differences: differences.length, first: differences[0] },
      'the audit found figures that are not what the journal says; GET /api/audits/ names them, `tillstream rebuild` makes them right',
    );
}
