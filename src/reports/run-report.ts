import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { localTimeAt, resolveTime } from '../base/time.ts';
import type { Config } from '../config.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Reference } from '../reference/reference.ts';
import { makeFacts } from './make-facts.ts';
import { reportQueue } from './queue-report.ts';
import { readReportFigures } from './read-figures.ts';
import type { ReportFacts } from './report-facts.ts';
import {
  type FinishedReport,
  findReport,
  finishReport,
  type StoredReport,
  startWriting,
} from './report-store.ts';
import { markFallback, writeReport } from './write-report.ts';
import { writeWithModel } from './write-with-model.ts';

export type RunReportDeps = {
  pool: Database;
  reference: Reference;
  clock: Clock;
  log: Log;
  metrics: Pick<Metrics, 'reports'>;
  config: Pick<Config, 'defaultTimeZone' | 'llm'>;
  /** Between the tries to reach a model, where not the usual ones. */
  pausesMs?: readonly number[];
};

/** The job that writes a report; started again after a kill, it begins anew, and a final text stays. */
export async function workReports(deps: RunReportDeps, jobs: Jobs): Promise<void> {
  await jobs.work(reportQueue, async (data, context) => {
    const { report_id: id } = data as { report_id: number };
    return await runReport(deps, id, context.signal);
  });
}

/** Facts first, then the text. */
export async function runReport(
  deps: RunReportDeps,
  id: number,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const { pool } = deps;
  const asked = await findReport(pool, id);
  if (asked === undefined || asked.report !== null) return { report_id: id, was_done: true };
  await startWriting(pool, id);
  const facts = await gatherFacts(deps, asked);
  const done = await writeText(deps, facts, asked, signal);
  const isOurs = await finishReport(pool, id, done);
  const author = done.model === null ? 'program' : 'model';
  if (isOurs) deps.metrics.reports.inc({ author, fallback: done.fallback ?? '' });
  return { report_id: id, was_done: !isOurs, attempts: done.attempts, fallback: done.fallback };
}

async function gatherFacts(deps: RunReportDeps, asked: StoredReport): Promise<ReportFacts> {
  const { date_from: from, date_to: to, basis } = asked;
  const placeId = asked.place_id ?? undefined;
  const figures = await readReportFigures(deps.pool, { from, to, placeId, basis: basis ?? undefined });
  await deps.reference.refresh();
  return makeFacts(figures, { from, to, placeId, isUnfinished: to >= todayAt(deps, placeId) });
}

/** The business date that a place is on, or for all of them the date of the configured zone. */
function todayAt(deps: Pick<RunReportDeps, 'reference' | 'clock' | 'config'>, placeId?: string): string {
  const nowMs = deps.clock.nowMs();
  const { defaultTimeZone } = deps.config;
  if (placeId === undefined) return localTimeAt(nowMs, defaultTimeZone).slice(0, 10);
  const now = { local: new Date(nowMs).toISOString().slice(0, 19), offset: 'Z' };
  const settings = deps.reference.current().placeSettings(placeId, now, defaultTimeZone);
  return resolveTime(now, settings.timeZone, settings.businessDayStart).businessDate;
}

/** By the model where there is one and anything to tell; else, and where it fails, by the program. */
async function writeText(
  { config, log, pausesMs }: RunReportDeps,
  facts: ReportFacts,
  asked: StoredReport,
  signal: AbortSignal,
): Promise<FinishedReport> {
  const { language, start_prompt: startPrompt } = asked;
  const own = writeReport(facts, language);
  const { llm } = config;
  if (llm === undefined || facts.currencies.length === 0) {
    const nobody = { model: null, fallback: null, attempts: 0, promptTokens: null, completionTokens: null };
    return { report: own, facts, ...nobody };
  }
  const deps = { llm, log: log.child({ report: asked.id }), ...(pausesMs === undefined ? {} : { pausesMs }) };
  const { text, ...counts } = await writeWithModel(deps, { startPrompt, facts, language }, signal);
  if (text !== undefined) return { report: text, facts, model: llm.model, ...counts };
  return { report: markFallback(own, language), facts, model: null, ...counts };
}
