import type { Readable } from 'node:stream';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Clock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import { decoded, discardRest } from '../http/request-bytes.ts';
import type { App } from '../http/server.ts';
import type { CatalogueDeps } from '../reference/change-catalogue.ts';
import type { Arrival, Incoming } from '../sales/sale.ts';
import type { Stream } from '../stream/stream.ts';
import { importReference } from './import-reference.ts';
import { asRefusal, type ImportDefaults, senderOf } from './import-request.ts';
import { createKeptLookups } from './kept-lookups.ts';
import { loadPart } from './load-part.ts';
import type { Mapping } from './mapping.ts';
import { previewImport } from './preview-import.ts';
import { type ImportForm, readForm } from './read-form.ts';
import { refuseScattered } from './refuse-scattered.ts';
import { Checked, Form, Loaded, Preview, Reference, Written } from './route-schemas.ts';

export type ImportRoutesDeps = CatalogueDeps & {
  stream: Pick<Stream, 'append'>;
  parse: (arrival: Arrival) => Incoming;
  config: ImportDefaults & { intakeTimeoutMs: number };
  clock: Clock;
};

/** Each holds a part of a file, or the keys of one, in memory. */
const atOnce = 4;
const maximumKeyBytes = 256 * 1024 * 1024;

/** Files through a browser: a look at the beginning, a look through, then part after part. */
export function registerImportRoutes(app: App, deps: ImportRoutesDeps): void {
  const slots = createSlots(atOnce);
  registerParts(app, deps, slots);
  registerCheck(app, createSlots(1));
  registerReference(app, deps, slots);
}

const access = { roles: ['collector'], bound: 'limited' } as const;
/** The body is described here and read as a stream; the query string is checked as everywhere. */
const bodyIsRaw = (route: { httpPart?: string }) =>
  route.httpPart === 'body' ? () => true : TypeBoxValidatorCompiler(route as never);

function registerParts(app: App, deps: ImportRoutesDeps, slots: Slots): void {
  const { config, clock } = deps;
  const readLookups = createKeptLookups();
  const common = (request: FastifyRequest, form: ImportForm) => ({
    ...deps,
    readLookups,
    defaultCurrency: config.defaultCurrency,
    nowMs: clock.nowMs(),
    deadlineMs: clock.nowMs() + config.intakeTimeoutMs,
    senderFor: (mapping: Mapping | undefined) => senderOf(form, request.principal, config, mapping),
  });
  const routes = [
    {
      path: '/api/imports/preview',
      summary:
        'Look at the beginning of a file: its columns, a mapping, the first 20 documents with their problems',
      description:
        'Nothing is stored. Without a mapping one is suggested, by the names of the columns and their cells.',
      response: Preview,
      work: previewImport,
    },
    {
      path: '/api/imports/parts',
      summary: 'Load the whole documents at the beginning of a part of a file',
      description:
        'A file is sent part after part, each beginning with the head of the file (`head_bytes` of it), then from where ' +
        '`done_bytes` of the last answer ended. A part is one batch, and a document is known by its id: to send a ' +
        'part, or the file, again doubles nothing. What no document can be made of is in the journal as rejected.',
      response: Loaded,
      work: loadPart,
    },
  ];
  for (const { path, summary, description, response, work } of routes)
    app.post(path, {
      config: { access, rawBody: true },
      validatorCompiler: bodyIsRaw,
      schema: {
        ...{ summary, description, tags: ['imports'], consumes: ['multipart/form-data'] },
        ...{ body: Form, response: { 200: response } },
      },
      handler: async (request): Promise<never> => {
        const asked = request as unknown as FastifyRequest;
        return (await slots.use(asked, async () => {
          const form = await readForm(asked);
          return await work(common(asked, form), form);
        })) as never;
      },
    });
}

function registerCheck(app: App, slots: Slots): void {
  app.post('/api/imports/check', {
    config: { access, rawBody: true },
    validatorCompiler: bodyIsRaw,
    schema: {
      summary: 'Look through a CSV file: do the rows of each receipt stand together?',
      description:
        'Where they do not, half of a receipt would be a wrong receipt: 422 names the lines. Nothing is stored.',
      tags: ['imports'],
      consumes: ['text/csv'],
      querystring: Written,
      body: Type.String({
        description: 'the whole file; gzip is undone',
        examples: ['id,sku\n1,a\n1,b\n2,a\n'],
      }),
      response: { 200: Checked },
    },
    handler: async (request): Promise<never> => {
      const asked = request as unknown as FastifyRequest;
      const written = request.query as { group_by: string; encoding?: 'latin1'; delimiter?: string };
      await slots.use(asked, () => refuseScattered(bytesOf(asked), written, maximumKeyBytes));
      return { together: true } as never;
    },
  });
}

function registerReference(app: App, deps: ImportRoutesDeps, slots: Slots): void {
  app.post('/api/imports/reference', {
    config: { access: { roles: ['admin'], bound: 'refused' }, rawBody: true },
    validatorCompiler: bodyIsRaw,
    schema: {
      summary: 'Load users and restaurants from NDJSON; gzip is undone',
      description:
        'A line with a `menu` is a restaurant, any other a user. Sales that are loaded already move.',
      tags: ['imports'],
      consumes: ['application/x-ndjson'],
      body: Type.String({
        description: 'one on each line, as many as there are',
        examples: ['{"_id":"u-1","name":"Ann","login":"ann"}'],
      }),
      response: { 200: Reference },
    },
    handler: async (request): Promise<never> => {
      const asked = request as unknown as FastifyRequest;
      const { rejected, ...summary } = await slots.use(asked, () => importReference(deps, bytesOf(asked)));
      return { ...summary, rejected: rejected.length, troubles: rejected.slice(0, 1_000) } as never;
    },
  });
}

function bytesOf(request: FastifyRequest): AsyncIterable<Buffer> {
  return decoded(rawOf(request), request.headers['content-encoding']);
}

const rawOf = (request: FastifyRequest) =>
  (request.body as Readable | undefined) ?? (request.raw as Readable);

type Slots = { use<T>(request: FastifyRequest, work: () => Promise<T>): Promise<T> };

function createSlots(most: number): Slots {
  let free = most;
  return {
    async use(request, work) {
      try {
        if (free === 0) throw busy();
        free--;
        try {
          return await work();
        } finally {
          free++;
        }
      } catch (error) {
        throw asRefusal(error);
      } finally {
        await discardRest(rawOf(request));
      }
    },
  };
}

function busy(): CodedError {
  const message = 'as many imports as this program takes at once are under way; try again in a moment';
  return new CodedError('overloaded', message, { retryAfterSeconds: 1 });
}
