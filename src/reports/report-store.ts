import type { Queryable } from '../base/db.ts';
import type { Basis, Language, ReportFacts } from './report-facts.ts';

/** Why the program wrote a text although a model was asked. */
export type Fallback =
  | 'invented_numbers'
  | 'refused'
  | 'unavailable'
  | 'rate_limited'
  | 'timeout'
  | 'truncated'
  | 'model_error';

/** A row of `ops.report`. */
export type StoredReport = {
  id: number;
  date_from: string;
  date_to: string;
  place_id: string | null;
  language: Language;
  basis: Basis | null;
  origin: 'daily_file' | 'request' | 'schedule';
  job_id: string | null;
  status: 'queued' | 'writing' | 'done';
  start_prompt: string;
  facts: ReportFacts | null;
  report: string | null;
  model: string | null;
  fallback: Fallback | null;
  attempts: number;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  create_date: Date;
  update_date: Date;
};

const columns = `id, date_from, date_to, place_id, language, basis, origin, job_id, status, start_prompt, facts,
  report, model, fallback, attempts, prompt_tokens, completion_tokens, create_date, update_date`;

const selectReport = `select ${columns} from ops.report where id = $1 and ($2::text is null or place_id = $2)`;

/** Undefined where there is none, or none that a token bound to a place may see. */
export async function findReport(
  client: Queryable,
  id: number,
  boundPlaceId?: string,
): Promise<StoredReport | undefined> {
  const { rows } = await client.query<StoredReport>({
    text: selectReport,
    values: [id, boundPlaceId ?? null],
  });
  return rows[0];
}

const selectReports = `
  select ${columns} from ops.report
  where ($1::date is null or date_from = $1) and ($2::text is null or place_id = $2)
    and ($3::bigint is null or id < $3)
  order by id desc limit $4`;

export type ReportsQuery = {
  /** Of the first day of the period. */
  date: string | undefined;
  placeId: string | undefined;
  /** Only those made before this one. */
  before: number | undefined;
  limit: number;
};

/** The newest first. */
export async function listReports(client: Queryable, query: ReportsQuery): Promise<StoredReport[]> {
  const { date, placeId, before, limit } = query;
  const { rows } = await client.query<StoredReport>({
    text: selectReports,
    values: [date ?? null, placeId ?? null, before ?? null, limit],
  });
  return rows;
}

const markWriting = `update ops.report set status = 'writing', update_date = now() where id = $1 and status = 'queued'`;

export async function startWriting(client: Queryable, id: number): Promise<void> {
  await client.query({ text: markWriting, values: [id] });
}

const finish = `
  update ops.report set status = 'done', report = $2, facts = $3, basis = $4, model = $5, fallback = $6,
    attempts = $7, prompt_tokens = $8, completion_tokens = $9, update_date = now()
  where id = $1 and report is null`;

export type FinishedReport = {
  /** Markdown. */
  report: string;
  facts: ReportFacts;
  model: string | null;
  fallback: Fallback | null;
  attempts: number;
  promptTokens: number | null;
  completionTokens: number | null;
};

/** Of two workers that write one report the first wins: a text that was final once stays. */
export async function finishReport(client: Queryable, id: number, done: FinishedReport): Promise<boolean> {
  const { report, facts, model, fallback, attempts, promptTokens, completionTokens } = done;
  const { rowCount } = await client.query({
    text: finish,
    values: [
      ...[id, report, JSON.stringify(facts), facts.basis, model, fallback],
      ...[attempts, promptTokens, completionTokens],
    ],
  });
  return rowCount === 1;
}
