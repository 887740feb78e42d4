import { Type } from 'typebox';
import { type Database, inTransaction, sqlState } from '../base/db.ts';
import { CodedError, type Problem } from '../base/errors.ts';
import { oneOf } from '../http/one-of.ts';
import type { App } from '../http/server.ts';
import { type JobState, jobStates } from './boss-tables.ts';
import { allQueues, type Jobs, maintenanceQueues } from './jobs.ts';
import { findJob, type JobPlace, listJobs } from './list-jobs.ts';

export type JobRoutesDeps = { pool: Database; jobs: Jobs };

const Nullable = Type.Union([Type.String(), Type.Null()]);
const Members = Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]);
const job = {
  id: Type.String(),
  queue: Type.String(),
  state: oneOf(jobStates),
  data: Members,
  attempts: Type.Integer(),
  progress: Members,
  error: Nullable,
  result: Members,
  created_at: Type.String(),
  started_at: Nullable,
  ended_at: Nullable,
  next_try_at: Nullable,
};
const jobExample = {
  id: '3f0c3d52-8f5e-4c39-9d7f-5a1d7f1f9a52',
  queue: 'reattribute',
  state: 'active',
  data: { kind: 'place', id: 'store-1', version: 12 },
  attempts: 1,
  progress: { sales: 4000, scanned: 1250, changed: 1250, unreadable: 0 },
  error: null,
  result: null,
  created_at: '2024-02-07T09:35:01.000Z',
  started_at: '2024-02-07T09:35:02.000Z',
  ended_at: null,
  next_try_at: null,
};
const Job = Type.Object(job, { examples: [jobExample] });
const Page = Type.Object(
  {
    results: Type.Array(Type.Object(job)),
    schedules: Type.Array(
      Type.Object({
        queue: Type.String(),
        cron: Type.String(),
        time_zone: Type.String(),
        next_run: Type.String(),
      }),
    ),
    next_cursor: Nullable,
  },
  {
    examples: [
      {
        results: [jobExample],
        schedules: [
          { queue: 'snapshot', cron: '0 * * * *', time_zone: 'UTC', next_run: '2024-02-07T10:00:00.000Z' },
        ],
        next_cursor: null,
      },
    ],
  },
);
const Query = Type.Object({
  queue: Type.Optional(
    Type.String({ description: `one or several of ${allQueues.join(', ')}, separated by commas` }),
  ),
  state: Type.Optional(
    Type.String({ description: `one or several of ${jobStates.join(', ')}, separated by commas` }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 200 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '100 where not given' })),
});
const usualLimit = 100;
const Params = Type.Object({ id: Type.String() });
const access = { roles: ['operator'], bound: 'refused' } as const;

/** Background work: what waits, runs, was done or failed, and another try. */
export function registerJobRoutes(app: App, { pool, jobs }: JobRoutesDeps): void {
  app.get('/api/jobs/', {
    config: { access },
    schema: {
      summary: 'Background jobs, newest first, and when each schedule runs next',
      tags: ['jobs'],
      querystring: Query,
      response: { 200: Page },
    },
    handler: async (request) => {
      const { limit = usualLimit, ...parameters } = request.query as Record<string, string> & {
        limit?: number;
      };
      const asked = readFilters(parameters);
      const { jobs: results, next } = await listJobs(pool, { ...asked, limit });
      const next_cursor =
        next === undefined ? null : Buffer.from(`${next.createdAt} ${next.id}`).toString('base64url');
      return { results, schedules: await jobs.schedules(), next_cursor };
    },
  });

  app.post('/api/jobs/', {
    config: { access },
    schema: {
      summary: 'Run a scheduled job now, beside its schedule',
      tags: ['jobs'],
      body: Type.Object({ queue: oneOf(maintenanceQueues) }, { examples: [{ queue: 'snapshot' }] }),
      response: { 202: Job },
    },
    handler: async (request, reply) => {
      const { queue } = request.body as { queue: string };
      const id = await inTransaction(pool, (client) => jobs.enqueue(client, queue, {}));
      if (id === null)
        throw new CodedError('not_retryable', `a job of ${queue} waits or runs already; wait for its end`);
      return reply.code(202).send((await findJob(pool, id))!);
    },
  });

  app.get('/api/jobs/:id', {
    config: { access },
    schema: { summary: 'One background job', tags: ['jobs'], params: Params, response: { 200: Job } },
    handler: async (request) => await find(pool, (request.params as { id: string }).id),
  });

  app.post('/api/jobs/:id/retry', {
    config: { access },
    schema: {
      summary: 'Try a job again now: one that failed, was cancelled, or waits for its next try',
      tags: ['jobs'],
      params: Params,
      response: { 202: Job },
    },
    handler: async (request, reply) => {
      const { id, queue, state } = await find(pool, (request.params as { id: string }).id);
      if (!(await revive(jobs, queue, id)))
        throw new CodedError(
          'not_retryable',
          `the job is ${state}; only one that is not running or done is tried again`,
        );
      return reply.code(202).send(await find(pool, id));
    },
  });
}

async function revive(jobs: Jobs, queue: string, id: string): Promise<boolean> {
  try {
    return await jobs.retry(queue, id);
  } catch (error) {
    if (sqlState(error) !== '23505') throw error;
    throw new CodedError('not_retryable', `another job of ${queue} waits or runs already`, { cause: error });
  }
}

const uuidPattern = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

async function find(pool: Database, id: string) {
  const found = uuidPattern.test(id) ? await findJob(pool, id) : undefined;
  if (found === undefined)
    throw new CodedError('not_found', 'there is no such job, or it was done long ago and cleaned up');
  return found;
}

function readFilters(parameters: Record<string, string>) {
  const errors: Problem[] = [];
  const several = <T extends string>(name: string, known: readonly T[]): T[] | undefined => {
    const values = parameters[name]?.split(',');
    const unknown = values?.filter((value) => !(known as readonly string[]).includes(value)) ?? [];
    if (unknown.length > 0)
      errors.push({
        pointer: `/query/${name}`,
        code: 'unknown_value',
        message: `${unknown.join(', ')}: choose from ${known.join(', ')}`,
      });
    return values as T[] | undefined;
  };
  const queues = several('queue', allQueues);
  const states = several<JobState>('state', jobStates);
  const after = readCursor(parameters.cursor);
  if (after === 'wrong')
    errors.push({
      pointer: '/query/cursor',
      code: 'invalid_cursor',
      message: 'is not a next_cursor of an earlier answer',
    });
  if (errors.length > 0)
    throw new CodedError(
      'invalid_parameters',
      errors.map((one) => `${one.pointer} ${one.message}`).join('; '),
      { errors },
    );
  return { queues, states, after: after === 'wrong' ? undefined : after };
}

function readCursor(cursor: string | undefined): JobPlace | undefined | 'wrong' {
  if (cursor === undefined) return undefined;
  const [createdAt = '', id = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ');
  const isTime = /^\d{4}-\d\d-\d\dT[\d:.+-]+$/.test(createdAt) && !Number.isNaN(Date.parse(createdAt));
  return isTime && uuidPattern.test(id) ? { createdAt, id } : 'wrong';
}
