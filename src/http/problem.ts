import { sqlState } from '../base/db.ts';
import { CodedError, type ErrorCode, errorTable, type Problem } from '../base/errors.ts';

/** RFC 9457: what every error answer looks like. `code` is stable, `type` leads to its explanation. */
export type ProblemDocument = {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail: string;
  errors?: Problem[];
  [member: string]: unknown;
};

export function problemOf(error: CodedError): ProblemDocument {
  return {
    type: `/docs/errors#${error.code}`,
    title: errorTable[error.code].title,
    status: error.status,
    code: error.code,
    detail: error.message,
    ...(error.errors === undefined ? {} : { errors: error.errors }),
    ...error.members,
  };
}

type FastifyTrouble = {
  statusCode?: number;
  code?: string;
  validation?: {
    instancePath: string;
    keyword: string;
    message?: string;
    params?: Record<string, unknown>;
  }[];
  validationContext?: string;
};

const databaseDown = new Set(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN']);

/** Whether the database is the trouble, and waiting may help: connection, resources, shutdown, locks. */
function isDatabaseTrouble(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return /^(08|53|57P|55P03|25P0[34]|40|58)/.test(state);
  const { code, message } = error as { code?: string; message?: string };
  if (code !== undefined && databaseDown.has(code)) return true;
  return /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(
    message ?? '',
  );
}

/** Every error as a coded one; what nobody foresaw is `internal` and tells nothing of its inside. */
export function codedErrorOf(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const trouble = error as FastifyTrouble;
  if (trouble.validation !== undefined) return invalidParameters(trouble);
  if (isDatabaseTrouble(error)) {
    return new CodedError('database_unavailable', 'the database does not answer; try again', {
      cause: error,
      retryAfterSeconds: 2,
    });
  }
  const { message } = error as Error;
  if (/^Cannot use a pool after calling end/.test(message)) {
    return new CodedError('shutting_down', 'the program is stopping; try again in a moment', {
      cause: error,
      retryAfterSeconds: 5,
    });
  }
  if (trouble.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new CodedError('body_too_large', message, { cause: error });
  if (trouble.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new CodedError('unsupported_media_type', message, { cause: error });
  if (trouble.statusCode !== undefined && trouble.statusCode >= 400 && trouble.statusCode < 500) {
    return new CodedError('bad_request', message, { cause: error });
  }
  return new CodedError('internal', 'this is a defect; the log has the details under the request id', {
    cause: error,
  });
}

const contextNames: Record<string, string> = {
  querystring: 'query',
  params: 'path',
  body: 'body',
  headers: 'headers',
};

function invalidParameters(trouble: FastifyTrouble): CodedError {
  const context = contextNames[trouble.validationContext ?? 'body'] ?? 'body';
  const errors = trouble.validation!.flatMap((one) => {
    const pointer = `/${context}${one.instancePath}`;
    const missing = one.keyword === 'required' ? (one.params?.requiredProperties as string[]) : undefined;
    if (missing === undefined)
      return [{ pointer, code: `invalid_${one.keyword}`, message: one.message ?? 'is not valid' }];
    return missing.map((name) => ({
      pointer: `${pointer}/${name}`,
      code: 'missing',
      message: 'is required',
    }));
  });
  const detail = errors.map((one) => `${one.pointer} ${one.message}`).join('; ');
  return new CodedError('invalid_parameters', detail, { errors });
}
