import type { Queryable } from '../base/db.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Basis, Language } from './report-facts.ts';
import { startPrompt } from './start-prompt.ts';

export const reportQueue = 'write-report';

/** Business dates, both included. */
export type AskedReport = {
  from: string;
  to: string;
  placeId: string | undefined;
  language: Language;
  /** Undefined: of single sales where there are any, else of daily files. */
  basis: Basis | undefined;
  origin: 'daily_file' | 'request' | 'schedule';
  /** The journal row of the daily file that asks for it. */
  journalPosition?: number;
};

export type QueuedReport = { reportId: number; jobId: string | null };

// Only a morning's report meets one that is there already.
const insertReport = `
  insert into ops.report (date_from, date_to, place_id, language, basis, origin, journal_position, start_prompt)
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict do nothing returning id`;
const tieToJob = 'update ops.report set job_id = $2 where id = $1';

/**
 * The report and the job that writes it, in the caller's transaction: both are there if it commits, or neither.
 * Undefined where the same morning's report was asked for before.
 */
export async function queueReport(
  client: Queryable,
  jobs: Pick<Jobs, 'enqueue'>,
  asked: AskedReport,
): Promise<QueuedReport | undefined> {
  const { from, to, placeId, language, basis, origin, journalPosition } = asked;
  const inserted = await client.query<{ id: number }>({
    text: insertReport,
    values: [
      ...[from, to, placeId ?? null, language, basis ?? null, origin, journalPosition ?? null],
      startPrompt(language, asked),
    ],
  });
  const reportId = inserted.rows[0]?.id;
  if (reportId === undefined) return undefined;
  const jobId = await jobs.enqueue(client, reportQueue, { report_id: reportId });
  await client.query({ text: tieToJob, values: [reportId, jobId] });
  return { reportId, jobId };
}

const selectNewest = `
  select id as "reportId", job_id as "jobId" from ops.report
  where place_id = $1 and date_from = $2 and origin = 'daily_file' order by id desc limit 1`;

/** The report that the file of a place and day asked for last; undefined where none did. */
async function findDailyReport(
  client: Queryable,
  placeId: string,
  date: string,
): Promise<QueuedReport | undefined> {
  const { rows } = await client.query<QueuedReport>({ text: selectNewest, values: [placeId, date] });
  return rows[0];
}

/** What the store of daily files asks of reports, in its own transaction. */
export function createDailyReports(jobs: Pick<Jobs, 'enqueue'>, language: Language) {
  return {
    ask: async (client: Queryable, file: { placeId: string; date: string; position: number }) =>
      await queueReport(client, jobs, {
        ...{ from: file.date, to: file.date, placeId: file.placeId, language },
        ...{ basis: 'declared', origin: 'daily_file', journalPosition: file.position },
      }),
    find: findDailyReport,
  };
}
