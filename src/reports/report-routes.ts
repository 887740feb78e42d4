import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Principal } from '../auth/roles.ts';
import { type Database, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { idRule, isId } from '../base/ids.ts';
import type { Config } from '../config.ts';
import type { App } from '../http/server.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { queueReport } from './queue-report.ts';
import { readDate, readPeriod } from './read-ask.ts';
import { renderReportPage, reportPageHeaders } from './report-page.ts';
import { Ask, Asked, List, Report, Reports } from './report-schemas.ts';
import { findReport, listReports, type StoredReport } from './report-store.ts';

export type ReportRoutesDeps = {
  pool: Database;
  jobs: Pick<Jobs, 'enqueue'>;
  config: Pick<Config, 'reportLanguage'>;
};

const config = { access: { roles: ['analyst'], bound: 'limited' } } as const;
const tags = ['reports'];
const usualLimit = 100;
const writingSeconds = 5;

function answerOf(row: StoredReport) {
  const { id, place_id, language, basis, origin, job_id, status, start_prompt, facts, report } = row;
  return {
    ...{ id, date: `${row.date_from}T00:00:00Z`, from: row.date_from, to: row.date_to },
    ...{ place_id, language, basis, origin, job_id, status, start_prompt, facts, report },
    ...{ model: row.model, fallback: row.fallback, attempts: row.attempts },
    tokens: { prompt: row.prompt_tokens, completion: row.completion_tokens },
    create_date: row.create_date.toISOString(),
    update_date: row.update_date.toISOString(),
  };
}

/** A token bound to a place sees and asks for reports of that place alone. */
function placeOf(
  asked: string | null | undefined,
  pointer: string,
  { placeId: bound }: Principal,
): string | undefined {
  if (asked !== undefined && asked !== null && !isId(asked)) {
    const error = { pointer, code: 'invalid_id', message: idRule };
    throw new CodedError('invalid_parameters', `${pointer} ${idRule}`, { errors: [error] });
  }
  if (bound !== undefined && asked !== undefined && asked !== null && asked !== bound)
    throw new CodedError('foreign_place', `the token is bound to the place ${bound}`);
  return bound ?? asked ?? undefined;
}

type Form = 'json' | 'markdown' | 'html';

function formOf(format: string | undefined, accept: string | undefined): Form {
  if (format === 'json' || format === 'markdown' || format === 'html') return format;
  if (format === undefined) {
    const types = (accept ?? '*/*').toLowerCase();
    if (/\btext\/html\b/.test(types)) return 'html';
    if (/\btext\/(markdown|plain|\*)/.test(types)) return 'markdown';
    if (/\*\/\*|\bapplication\/(\*|json)/.test(types)) return 'json';
  }
  throw new CodedError(
    'not_acceptable',
    'a report is answered as application/json, text/markdown or text/html',
  );
}

async function sendText(reply: FastifyReply, row: StoredReport, form: Form): Promise<unknown> {
  const { report, language } = row;
  if (report === null) reply.code(202).header('retry-after', writingSeconds);
  const text = report ?? pending[language];
  if (form === 'markdown') return await reply.type('text/markdown; charset=utf-8').send(text);
  const title = `${row.date_from} ${row.place_id ?? ''}`.trim();
  return await reply.headers(reportPageHeaders).send(renderReportPage(title, language, text));
}

const pending = { ru: 'Отчёт ещё пишется.', en: 'The report is still being written.' };

/** Written reports: asked for, listed, read as JSON, Markdown or HTML. */
export function registerReportRoutes(app: App, deps: ReportRoutesDeps): void {
  const { pool, jobs } = deps;
  app.get('/api/reports/', {
    config,
    schema: {
      summary: 'Written reports, the newest first; by their first day where it is given',
      tags,
      querystring: List,
      response: { 200: Reports },
    },
    handler: async (request) => {
      const query = request.query as List;
      const limit = query.limit ?? usualLimit;
      const found = await listReports(pool, {
        date: readDate(query.date),
        placeId: placeOf(query.place_id, '/query/place_id', request.principal),
        before: query.cursor,
        limit: limit + 1,
      });
      const results = found.slice(0, limit).map(answerOf);
      return { results, next_cursor: found.length > limit ? String(results.at(-1)!.id) : null } as never;
    },
  });
  app.get('/api/reports/:id', {
    config,
    schema: {
      summary: 'One report: JSON, Markdown or HTML; text that is not final yet is answered 202',
      tags,
      params: Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) }),
      querystring: Type.Object({
        format: Type.Optional(
          Type.String({ description: 'json, markdown or html, instead of the header Accept' }),
        ),
      }),
      response: { 200: Report },
    },
    handler: async (request, reply): Promise<never> => {
      const { id } = request.params as { id: number };
      const form = formOf((request.query as { format?: string }).format, request.headers.accept);
      const row = await findReport(pool, id, request.principal.placeId);
      if (row === undefined) throw new CodedError('not_found', `there is no report ${id}`);
      reply.header('vary', 'accept');
      if (form === 'json') return answerOf(row) as never;
      return (await sendText(reply as unknown as FastifyReply, row, form)) as never;
    },
  });
  app.post('/api/reports/', {
    config,
    schema: {
      summary: 'Ask for a report of a day or of several; a job writes it',
      tags,
      body: Ask,
      response: { 202: Asked },
    },
    handler: async (request, reply): Promise<never> => {
      const ask = request.body as Ask;
      const placeId = placeOf(
        ask.place_id,
        '/body/place_id',
        (request as unknown as FastifyRequest).principal,
      );
      const asked = {
        ...readPeriod(ask),
        placeId,
        language: ask.language ?? deps.config.reportLanguage,
        basis: ask.basis ?? undefined,
        origin: 'request',
      } as const;
      const queued = await inTransaction(pool, (client) => queueReport(client, jobs, asked));
      const answer = { id: queued!.reportId, job_id: queued!.jobId, status: 'queued' as const };
      return reply.code(202).send(answer) as never;
    },
  });
}
