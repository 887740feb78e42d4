import { setTimeout as sleep } from 'node:timers/promises';
import { createRule } from '../../src/alerts/alert-rules.ts';
import { checkRule, type RuleBody } from '../../src/alerts/check-rule.ts';
import { previewRule } from '../../src/alerts/preview-rule.ts';
import { type RunDeps, runAlerts } from '../../src/alerts/run-alerts.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import type { Reference } from '../../src/reference/reference.ts';
import { type Contribution, contributionOf } from '../../src/sales/contribution.ts';
import { countTail, createFold } from '../../src/warehouse/fold.ts';
import { settleInstallation } from '../../src/warehouse/installation.ts';
import { createRollUp } from '../../src/warehouse/roll-up.ts';
import { createTestDatabase } from '../postgres.ts';

export const zone = 'Europe/Moscow';

export type TestSale = {
  place: string;
  /** Milliseconds since the epoch, of the sale and, where it is another, of its arrival. */
  atMs: number;
  arrivedMs?: number;
  lines: { product: string; category?: string; pieces: number; amountMinor: number }[];
  refund?: boolean;
  currency?: string;
};

let serial = 0;

function contribution(sale: TestSale): Contribution {
  const { lines } = sale;
  const total = lines.reduce((sum, line) => sum + line.amountMinor, 0);
  return contributionOf(
    {
      ...{ source: 'receipt', sourceId: `sale-${serial++}`, version: '0', status: 'closed' },
      kind: sale.refund === true ? 'refund' : 'sale',
      ...{
        placeId: sale.place,
        time: { local: new Date(sale.atMs).toISOString().slice(0, 19), offset: 'Z' },
      },
      ...{ currency: sale.currency ?? 'RUB', paymentMethod: 'card', totalMinor: total },
      ...{ ndsMinor: 0, tipsMinor: 0, discountMinor: 0, flags: [] },
      lines: lines.map(({ product, category, pieces, amountMinor }) => ({
        ...{ productId: product, category: category ?? 'all', quantityMilli: pieces * 1000 },
        ...{ priceMinor: 0, amountMinor },
      })),
    },
    sale.arrivedMs ?? sale.atMs,
    { timeZone: zone, businessDayStart: '00:00' },
  )!;
}

/** Many sales in one row of the journal make the same marts, and are there sooner. */
const salesPerRow = 100;

/** A database with sales straight in the journal, the job of the rules, and a clock that stands where it is put. */
export async function createAlertsFixture(places: Record<string, string>) {
  const database = await createTestDatabase();
  const { pool } = database;
  const log = createLog('silent');
  const metrics = createMetrics();
  const { epoch } = await settleInstallation(pool, 'source');
  for (const [placeId, name] of Object.entries(places))
    await pool.query({
      text: 'insert into ops.place (place_id, place_name) values ($1, $2)',
      values: [placeId, name],
    });
  const reference: Reference = {
    current: () => ({
      version: 1,
      placeSettings: () => ({ timeZone: zone, businessDayStart: '00:00' }),
      placeCurrency: () => undefined,
      productCategory: () => undefined,
    }),
    refresh: async () => reference.current(),
  };
  const config = { defaultTimeZone: zone, defaultCurrency: 'RUB' };
  const fold = createFold({ pool, epoch, log, metrics });
  const rollUp = createRollUp({ pool, log, metrics, rest: false });
  let nowMs = 0;
  const deps: RunDeps = { pool, reference, epoch, metrics, ...config, clock: { nowMs: () => nowMs } };
  return {
    ...{ database, pool, metrics, deps, epoch },
    /** Appends sales, a row of the journal each, or many a row. */
    async add(sales: readonly TestSale[], perRow = salesPerRow): Promise<void> {
      const rows: string[] = [];
      for (let at = 0; at < sales.length; at += perRow)
        rows.push(JSON.stringify(sales.slice(at, at + perRow).map(contribution)));
      await pool.query({
        text: `insert into stg.journal (epoch, received_at, source, source_id, verdict, contributions)
          select ${epoch}, to_timestamp($2), 'receipt', gen_random_uuid()::text, 'accepted', c::jsonb from unnest($1::text[]) as c`,
        values: [rows, nowMs / 1000],
      });
    },
    async fold(): Promise<void> {
      // A transaction of another test on the same server holds the fold back for a moment.
      while ((await countTail(pool, 1, ['fold'])) > 0) if ((await fold.step()) === 0) await sleep(10);
      while ((await rollUp.step()) > 0);
    },
    rule: (body: RuleBody) => createRule(pool, checkRule(body)),
    preview: (body: RuleBody, fromMs: number, toMs: number) =>
      previewRule({ pool, reference, config }, checkRule(body), { fromMs, toMs }),
    /** The job of one minute. */
    async runAt(ms: number) {
      nowMs = ms;
      return await runAlerts(deps);
    },
    setNow(ms: number): void {
      nowMs = ms;
    },
    alerts: async () =>
      (
        await pool.query(
          `select a.alert_id as id, r.name as rule, a.place_id as place, a.currency, a.value, a.baseline, a.threshold, a.explanation,
            a.target, a.fired_at, a.resolved_at from ops.alert as a left join ops.alert_rule as r using (rule_id) order by a.alert_id`,
        )
      ).rows,
    events: async () =>
      (await pool.query('select event, entity_key, entity_seq, payload from ops.outbox order by position'))
        .rows,
  };
}

export type AlertsFixture = Awaited<ReturnType<typeof createAlertsFixture>>;
