import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import type { Access } from '../auth/roles.ts';
import { CodedError, type ErrorCode, errorTable } from '../base/errors.ts';
import type { Config } from '../config.ts';
import { problemOf } from './problem.ts';
import type { App } from './server.ts';

/** As much of an OpenAPI document as is read here. */
export type Schema = {
  type?: string | string[];
  description?: string;
  examples?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  [member: string]: unknown;
};
export type Media = { schema?: Schema; examples?: Record<string, { value: unknown }>; example?: unknown };
export type ApiResponse = { $ref?: string; description?: string; content?: Record<string, Media> };
export type Operation = {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  security?: unknown[];
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema; description?: string }[];
  requestBody?: { content: Record<string, Media> };
  responses?: Record<string, ApiResponse>;
};
export type ApiDocument = {
  openapi: string;
  info: { title: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
};

const problemSchema = {
  type: 'object',
  description: 'RFC 9457; `code` is stable, `type` leads to what it means',
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(errorTable) },
    detail: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          pointer: { type: 'string', description: 'JSON pointer to what is wrong' },
          code: { type: 'string' },
          message: { type: 'string' },
        },
        required: ['pointer', 'code', 'message'],
      },
    },
  },
  required: ['type', 'title', 'status', 'code', 'detail'],
};

/** Must be registered before the routes that it describes. */
export async function registerOpenApi(app: App, config: Config): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tillstream',
        version: '0.1.0',
        description: 'Every sale in, counted exactly once; live numbers out.',
      },
      servers: [{ url: config.basePath === '' ? '/' : config.basePath }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    transform: ({ schema, url, route }) => {
      const access = route.config?.access;
      const described = schema as typeof schema & { description?: string };
      const description = [accessText(access), described?.description].filter(Boolean).join(' ');
      const secured = access === undefined || access.roles === 'open' ? {} : { security: [{ bearer: [] }] };
      return { schema: { ...described, ...secured, description }, url };
    },
  });
}

function accessText(access: Access | undefined): string {
  if (access === undefined || access.roles === 'open') return 'Role: none needed.';
  const names = [...new Set([...access.roles, 'admin'])].join(', ');
  const bound =
    access.bound === 'limited'
      ? 'A token bound to a place is limited to that place.'
      : 'Refuses tokens bound to a place.';
  return `Role: ${names}. ${bound}`;
}

const detailsOfExamples: Partial<Record<ErrorCode, string>> = {
  unauthorized: 'send the header Authorization: Bearer <token>',
  forbidden: 'this route needs the role analyst; the token has collector',
  invalid_parameters: '/query/limit must be integer',
  too_many_requests: 'the limit is 600 requests per 60 s for each token',
  database_unavailable: 'the database does not answer; try again',
};

function problemResponse(code: ErrorCode): ApiResponse {
  const error = new CodedError(code, detailsOfExamples[code] ?? errorTable[code].title);
  const schema = { $ref: '#/components/schemas/Problem' };
  return {
    description: errorTable[code].title,
    content: { 'application/problem+json': { schema, example: problemOf(error) } },
  };
}

/** OpenAPI 3.1 from the routes' own schemas, with the problems that every route can answer. */
export function describeApi(app: App, config: Config): ApiDocument {
  const document = structuredClone(app.swagger()) as unknown as ApiDocument;
  const codes: ErrorCode[] = ['unauthorized', 'forbidden', 'invalid_parameters', 'database_unavailable'];
  if (config.rateLimit !== undefined) codes.push('too_many_requests');
  document.components.schemas = { ...document.components.schemas, Problem: problemSchema };
  document.components.responses = Object.fromEntries(codes.map((code) => [code, problemResponse(code)]));
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      operation.operationId = operationId(method, path);
      operation.responses ??= {};
      for (const [status, response] of Object.entries(operation.responses))
        if (response.description === 'Default Response')
          response.description = STATUS_CODES[status] ?? status;
      if (operation.security === undefined) continue;
      for (const code of codes)
        operation.responses[errorTable[code].status] ??= { $ref: `#/components/responses/${code}` };
    }
  }
  return document;
}

/** `GET /api/tokens/{id}` is `getTokensId`: a name for the functions of generated clients. */
function operationId(method: string, path: string): string {
  const words = path.replace(/^\/api\//, '/').match(/[A-Za-z0-9]+/g) ?? [];
  return method + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
}
