/**
 * Every trouble a user can meet, in one table: its HTTP status and its title. `docs/errors.md` explains
 * each code under a heading of the same name.
 */
export const errorTable = {
  bad_request: { status: 400, title: 'The request cannot be read' },
  invalid_parameters: { status: 422, title: 'The parameters do not fit this route' },
  not_answerable: { status: 422, title: 'The marts cannot answer this combination exactly' },
  invalid_document: { status: 422, title: 'The document was rejected' },
  not_xml: { status: 422, title: 'The body is not XML that can be read' },
  not_json: { status: 422, title: 'The body is not JSON' },
  not_importable: { status: 422, title: 'The file or its mapping cannot be imported' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  body_too_large: { status: 413, title: 'The body is over the limit' },
  unsupported_media_type: { status: 415, title: 'This content type is not read here' },
  unauthorized: { status: 401, title: 'A valid token is needed' },
  forbidden: { status: 403, title: 'The token has no role for this route' },
  foreign_place: { status: 403, title: 'The token is bound to another place' },
  not_acceptable: { status: 406, title: 'The answer is not offered in this form' },
  not_configured: { status: 501, title: 'This needs a setting first' },
  not_found: { status: 404, title: 'There is no such thing' },
  method_not_allowed: { status: 405, title: 'This path does not take that method' },
  conflict: { status: 409, title: 'Another document of the same version was first' },
  already_collected: { status: 409, title: 'The sales of this day were already sent' },
  not_retryable: { status: 409, title: 'The job cannot be started now' },
  channel_off: { status: 409, title: 'The channel takes nothing now' },
  stale: { status: 409, title: 'A newer version is already registered' },
  too_many_requests: { status: 429, title: 'The token sends faster than its limit' },
  overloaded: { status: 503, title: 'The warehouse is behind; try again' },
  database_unavailable: { status: 503, title: 'The database does not answer; try again' },
  dashboard_unavailable: { status: 503, title: 'The dashboard is not built' },
  stream_unavailable: { status: 503, title: 'Kafka does not answer; try again' },
  starting: { status: 503, title: 'The program is starting; try again' },
  shutting_down: { status: 503, title: 'The program is stopping; try again' },
  internal: { status: 500, title: 'Something is wrong on our side' },
  // From here on: met on the command line, never over HTTP.
  invalid_configuration: { status: 500, title: 'The configuration is not valid' },
  port_taken: { status: 500, title: 'The port is taken' },
  data_dir_unusable: { status: 500, title: 'The data directory cannot be used' },
  postgres_failed: { status: 500, title: 'PostgreSQL did not start' },
  migration_failed: { status: 500, title: 'A migration failed' },
  transfer_failed: { status: 500, title: 'The backup, restore or move stopped' },
  seal_refused: { status: 500, title: 'The journal cannot be sealed now' },
  import_failed: { status: 500, title: 'The import stopped' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof errorTable;

/** One trouble inside a document or a request: `pointer` is a JSON pointer (RFC 6901), '' being the whole. */
export type Problem = { pointer: string; code: string; message: string };

type Options = {
  cause?: unknown;
  errors?: Problem[];
  retryAfterSeconds?: number;
  /** Further members of the problem+json answer. */
  members?: Record<string, unknown>;
};

/** A caller's mistake or a condition outside the program; a programmer's mistake is an assertion instead. */
export class CodedError extends Error {
  override readonly name = 'CodedError';
  readonly code: ErrorCode;
  readonly errors: Problem[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly members: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, options: Options = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.members = options.members;
  }

  get status(): number {
    return errorTable[this.code].status;
  }
}
