import type { Readable } from 'node:stream';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { CodedError, type ErrorCode } from '../base/errors.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Config } from '../config.ts';
import { problemOf } from '../http/problem.ts';
import { decoded, discardRest } from '../http/request-bytes.ts';
import type { App } from '../http/server.ts';
import type { DailyOutcome } from '../sales/daily-file.ts';
import { type DailyDeps, type DailyOptions, loadDailyFile } from './load-daily-file.ts';
import { preferredLanguage } from './preferred-language.ts';

export type DailyRoutesDeps = DailyDeps & { config: Config; metrics: Metrics };

const example = `<?xml version="1.0" encoding="UTF-8"?>
<sales_data date="2024-01-01" place_id="store-1"><products><product>
  <id>1</id><name>Product A</name><quantity>100</quantity><price>1500.00</price><category>Electronics</category>
</product></products></sales_data>`;

const File = Type.String({
  description:
    'The products of one place and day, in UTF-8 or windows-1251: up to 256 MiB and 1,000,000 products. ' +
    'The attribute place_id may be left out.',
  examples: [example],
});
const Answer = Type.Object(
  {
    place_id: Type.String(),
    date: Type.String(),
    status: Type.String({
      description:
        'accepted, corrected (another file of the day was replaced) or duplicate (nothing changed)',
    }),
    report_id: Type.Union([Type.Integer(), Type.Null()], {
      description: 'of the report that is written about the file: GET /api/reports/{id}',
    }),
    job_id: Type.Union([Type.String(), Type.Null()], { description: 'of the job that writes it' }),
  },
  {
    examples: [
      {
        place_id: 'store-1',
        date: '2024-01-01',
        status: 'accepted',
        report_id: 1,
        job_id: '0193a1f0-6d0c-7a52-9a3e-0d6c2f4b8a11',
      },
    ],
  },
);
const Query = Type.Object({
  replace: Type.Optional(
    Type.Boolean({ description: 'true: corrects what was sent for the same place and day' }),
  ),
});

/** What clients of the older service show to their users. */
const collected = {
  ru: 'Статистика за эту дату уже собрана.',
  en: 'The statistics for this date have already been collected.',
};

/** Daily files: streamed into the database, under their own path and, for older clients, under the root. */
export function registerDailyRoutes(app: App, deps: DailyRoutesDeps): void {
  for (const url of ['/api/daily-sales/', '/']) {
    app.post(url, {
      config: { access: { roles: ['collector'], bound: 'limited' }, rawBody: true },
      // The body is described here and read as a stream; the query string is checked as everywhere.
      validatorCompiler: (route) =>
        route.httpPart === 'body' ? () => true : TypeBoxValidatorCompiler(route as never),
      schema: {
        summary:
          url === '/'
            ? 'Send a daily file; for clients of the older service'
            : 'Send the sales of a place and day as one XML file; gzip is undone',
        description:
          'Any bad product rejects the whole file, with every problem named by product and line. ' +
          'A second file of the same place and day is refused with 409 and a `message` in Russian or English.',
        tags: ['daily files'],
        consumes: ['application/xml'],
        querystring: Query,
        body: File,
        response: { 202: Answer },
      },
      handler: async (request, reply): Promise<never> =>
        (await receive(
          deps,
          request as unknown as FastifyRequest,
          reply as unknown as FastifyReply,
        )) as never,
    });
  }
}

async function receive(
  deps: DailyRoutesDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { headers } = request;
  const raw = (request.body as Readable | undefined) ?? request.raw;
  const started = performance.now();
  try {
    const options = optionsOf(deps.config, request);
    const outcome = await loadDailyFile(deps, decoded(raw, headers['content-encoding']), options);
    observe(deps.metrics, outcome, started);
    return await answer(reply, outcome, options.replace, headers['accept-language']);
  } finally {
    await discardRest(raw);
  }
}

function optionsOf(config: Config, request: FastifyRequest): DailyOptions {
  const { principal, headers } = request;
  const header = headers['content-type'] ?? 'application/xml';
  const [type] = header.toLowerCase().split(';');
  if (!/^(application|text)\/xml$|^application\/[\w.-]+\+xml$/.test(type!.trim()))
    throw new CodedError('unsupported_media_type', `${type} is not read here; send application/xml`);
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(header)?.[1];
  return {
    contentType: header.slice(0, 200),
    resolved: {
      placeId: principal.placeId ?? config.defaultPlace,
      currency: config.defaultCurrency,
      timeZone: config.defaultTimeZone,
    },
    tokenId: principal.tokenId,
    replace: (request.query as { replace?: boolean }).replace === true,
    ...(principal.placeId === undefined ? {} : { boundPlaceId: principal.placeId }),
    ...(charset === undefined ? {} : { charset }),
  };
}

async function answer(
  reply: FastifyReply,
  outcome: DailyOutcome,
  replace: boolean,
  language: string | undefined,
): Promise<unknown> {
  const { verdict, placeId, date } = outcome;
  const members = { place_id: placeId ?? null, date: date ?? null, position: outcome.position };
  if (verdict === 'rejected') return await refused(reply, refusal(outcome), members);
  if (verdict === 'conflict' || (verdict === 'duplicate' && !replace)) {
    const detail = `a file of ${date} at the place ${placeId} is stored already; send this one with ?replace=true to correct it`;
    const message = collected[preferredLanguage(language, ['ru', 'en'])];
    const error = new CodedError('already_collected', detail, { errors: outcome.problems });
    return await refused(reply, error, { ...members, message });
  }
  return await reply
    .code(202)
    .type('application/json; charset=utf-8')
    .send(
      JSON.stringify({
        ...{ place_id: placeId, date, status: verdict },
        ...{ report_id: outcome.report?.reportId ?? null, job_id: outcome.report?.jobId ?? null },
      }),
    );
}

async function refused(
  reply: FastifyReply,
  error: CodedError,
  members: Record<string, unknown>,
): Promise<unknown> {
  return await reply
    .code(error.status)
    .type('application/problem+json')
    .send(JSON.stringify({ ...problemOf(error), ...members }));
}

const notXml = ['not_well_formed', 'truncated', 'empty_file'];

function refusal({ problems }: DailyOutcome): CodedError {
  const last = problems.at(-1)!;
  let code: ErrorCode = 'invalid_document';
  if (last.code === 'foreign_place' || last.code === 'body_too_large') code = last.code;
  else if (notXml.includes(last.code)) code = 'not_xml';
  const count = problems.length === 1 ? last.message : `${problems.length} problems`;
  const detail = `${count}; nothing of the file is stored but its beginning in the journal, so send the corrected file again`;
  return new CodedError(code, detail, { errors: problems });
}

function observe(metrics: Metrics, outcome: DailyOutcome, started: number): void {
  const verdict = outcome.verdict === 'rejected' ? 'rejected' : 'valid';
  metrics.messages.inc({ role: 'collector', topic: 'http', direction: 'in', verdict });
  const seconds = (performance.now() - started) / 1000;
  metrics.messageSeconds.observe({ role: 'collector', stage: 'append' }, seconds);
}
