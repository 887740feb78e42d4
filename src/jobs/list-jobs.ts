import type { Queryable } from '../base/db.ts';
import { areTablesMade, type JobState, selectJob, selectJobs } from './boss-tables.ts';
import { allQueues } from './jobs.ts';

export type ListedJob = {
  id: string;
  queue: string;
  state: JobState;
  /** What was asked for. */
  data: Record<string, unknown> | null;
  attempts: number;
  /** While it runs. */
  progress: Record<string, unknown> | null;
  /** Of the last try that failed. */
  error: string | null;
  /** Once it is done. */
  result: Record<string, unknown> | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  /** Where it waits. */
  next_try_at: string | null;
};

/** The last job of a page: when it was made, to the microsecond, and its id. */
export type JobPlace = { createdAt: string; id: string };

export type JobsQuery = {
  queues: readonly string[] | undefined;
  states: readonly JobState[] | undefined;
  after: JobPlace | undefined;
  limit: number;
};

type Row = {
  id: string;
  queue: string;
  state: JobState;
  data: Record<string, unknown> | null;
  output: Record<string, unknown> | null;
  attempts: number;
  next_try_at: Date | null;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  place: string;
};

/** Newest first. */
export async function listJobs(
  client: Queryable,
  query: JobsQuery,
): Promise<{ jobs: ListedJob[]; next: JobPlace | undefined }> {
  if (!(await client.query(areTablesMade)).rows[0].found) return { jobs: [], next: undefined };
  const { rows } = await client.query<Row>({
    text: selectJobs,
    values: [
      query.queues ?? allQueues,
      query.states ?? null,
      query.after?.createdAt ?? null,
      query.after?.id ?? null,
      query.limit + 1,
    ],
  });
  const page = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? page.at(-1) : undefined;
  return {
    jobs: page.map(listed),
    next: last === undefined ? undefined : { createdAt: last.place, id: last.id },
  };
}

/** Undefined where there is none, or what it left was cleaned up. */
export async function findJob(client: Queryable, id: string): Promise<ListedJob | undefined> {
  if (!(await client.query(areTablesMade)).rows[0].found) return undefined;
  const { rows } = await client.query<Row>({ text: selectJob, values: [allQueues, id] });
  return rows[0] === undefined ? undefined : listed(rows[0]);
}

/** One column holds progress, error and result, each in its time. */
function listed({ place: _place, output, ...row }: Row): ListedJob {
  const error = errorOf(output);
  const isRunning = row.state === 'active' && error === null;
  return {
    id: row.id,
    queue: row.queue,
    state: row.state,
    data: row.data,
    attempts: row.attempts,
    progress: isRunning ? output : null,
    error: row.state === 'completed' ? null : error,
    result: row.state === 'completed' ? output : null,
    created_at: row.created_at.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
    ended_at: row.ended_at?.toISOString() ?? null,
    next_try_at: row.next_try_at?.toISOString() ?? null,
  };
}

/** An error as pg-boss keeps it, the message alone: stacks are for the log. */
function errorOf(output: Record<string, unknown> | null): string | null {
  const value = (output?.value ?? output) as { message?: unknown; stack?: unknown } | null;
  if (value === null || typeof value !== 'object' || typeof value.message !== 'string') return null;
  return value.stack === undefined && output === value ? null : value.message;
}
