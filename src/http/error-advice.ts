import type { ErrorCode } from '../base/errors.ts';

/** What to do about a code, beside its title in the errors page. */
export const errorAdvice: Partial<Record<ErrorCode, string>> = {
  bad_request: 'Read the detail: the address, a header or the encoding of the request is malformed.',
  invalid_parameters: 'Each entry of errors names one parameter by its pointer; correct it and ask again.',
  not_answerable: 'Ask for one of the combinations that the answer lists.',
  invalid_document:
    'Each entry of errors names one place in the document. The journal keeps it to be corrected.',
  not_json: 'Send JSON in UTF-8.',
  request_timeout: 'Send the whole request at once; what did arrive had no effect.',
  body_too_large: 'Send fewer documents at once, or stream them as NDJSON.',
  unsupported_media_type: 'Send one of the content types that the route describes.',
  unauthorized: 'Send Authorization: Bearer and a token that is not expired or revoked.',
  forbidden: 'Use a token with one of the roles that the route names.',
  foreign_place: 'Use a token bound to that place, or to none.',
  not_acceptable: 'Ask in Accept for one of the forms that the route offers.',
  not_found: 'Check the address and the id.',
  method_not_allowed: 'Use one of the methods in the header Allow.',
  conflict: 'The first document stands. To change the sale, send it with a higher revision.',
  stale: 'A newer version of the sale counts already; there is nothing to do.',
  too_many_requests: 'Wait as long as Retry-After says.',
  overloaded: 'Wait as long as Retry-After says and send the same again; nothing counts twice.',
  database_unavailable: 'Wait as long as Retry-After says and send the same again; nothing counts twice.',
  shutting_down: 'Wait as long as Retry-After says and send the same again; nothing counts twice.',
  internal: 'Report it with the x-request-id of the answer; the log has the details under it.',
  invalid_configuration: 'Correct the environment variables that the message names.',
  port_taken: 'Set PORT to another.',
  data_dir_unusable: 'Correct what the message names, or set DATA_DIR to another folder.',
  postgres_failed: 'Run tillstream doctor, or set DATABASE_URL to a server of your own.',
  migration_failed: 'Nothing was changed; correct what the message names and start again.',
  import_failed: 'Correct what the message names and run it again; it goes on where it stopped.',
};
