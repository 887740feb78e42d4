import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CodedError, type ErrorCode } from '../base/errors.ts';
import { codedErrorOf, problemOf } from './problem.ts';
import type { App } from './server.ts';

export const problemMediaType = 'application/problem+json';
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH'] as const;
/** Up to here the rest of an unread body is taken in and dropped, and the connection stays open. */
const drainedBytes = 1024 * 1024;
/** How long a sender that was refused may take to notice. */
const lingerMs = 2_000;

/** Every failure of a request becomes problem+json; what nobody foresaw is logged once, and told nothing of. */
export function registerFailures(app: App): void {
  app.setErrorHandler((error, request, reply) => {
    const coded = codedErrorOf(error);
    logFailure(coded, error, request);
    if (coded.retryAfterSeconds !== undefined) reply.header('retry-after', coded.retryAfterSeconds);
    if (coded.code === 'unauthorized') reply.header('www-authenticate', 'Bearer realm="tillstream"');
    leaveUnreadBody(request, reply);
    // The rest of it may never come.
    if (coded.code === 'request_timeout') reply.header('connection', 'close');
    return sendProblem(reply, coded);
  });
  app.setNotFoundHandler((request, reply) => {
    const url = request.url.split('?')[0]!;
    // The dashboard's pages are at every address that is nothing else's: that makes no address one of the API.
    const allowed = methods.filter((method) => {
      const route = app.findRoute({ url, method });
      return route !== null && !('*' in (route.params ?? {}));
    });
    leaveUnreadBody(request, reply);
    if (allowed.length > 0) {
      reply.header('allow', allowed.join(', '));
      const detail = `${request.method} is not for ${url}; it takes ${allowed.join(', ')}`;
      return sendProblem(reply, new CodedError('method_not_allowed', detail));
    }
    const detail = `there is no route ${request.method} ${url}; see /docs`;
    return sendProblem(reply, new CodedError('not_found', detail));
  });
}

function sendProblem(reply: Pick<FastifyReply, 'code'>, coded: CodedError): FastifyReply {
  return reply
    .code(coded.status)
    .type(problemMediaType)
    .send(JSON.stringify(problemOf(coded)));
}

function logFailure(coded: CodedError, error: unknown, request: FastifyRequest): void {
  if (request.raw.destroyed && !request.raw.complete)
    request.log.debug({ err: error }, 'the client went away before its request was read');
  else if (coded.code === 'internal') request.log.error({ err: error }, 'a request failed');
  else if (coded.status >= 500)
    request.log.warn({ err: coded.cause ?? coded, code: coded.code }, 'a request was refused');
}

/** What was not read must not stand in the way of the next request on this connection. */
function leaveUnreadBody(request: FastifyRequest, reply: Pick<FastifyReply, 'header'>): void {
  const { raw } = request;
  if (raw.readableEnded) return;
  const announced = raw.headers['content-length'];
  const isOpenEnded = raw.headers['transfer-encoding'] !== undefined;
  if (isOpenEnded || Number(announced ?? 0) > drainedBytes) {
    reply.header('connection', 'close');
    closeSlowly(raw.socket);
  }
  raw.resume();
}

/**
 * A socket that is closed with bytes unread is reset, and a sender that is still writing, a proxy above all, loses the
 * answer with it. So only the answering side ends, and the rest is dropped until the sender ends or had its time.
 */
function closeSlowly(socket: Socket): void {
  socket.destroySoon = () => {
    socket.end();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    timer.unref();
    socket.once('close', () => clearTimeout(timer));
  };
}

/** An address that the router cannot read never reaches the hooks, so the headers are set here. */
export function answerUnroutable(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff');
  sendProblem(reply, codedErrorOf(error));
}

const clientTroubles: Record<string, { code: ErrorCode; status: string; detail: string }> = {
  HPE_HEADER_OVERFLOW: {
    code: 'bad_request',
    status: '431 Request Header Fields Too Large',
    detail: 'the headers are over 16 KiB; send fewer or shorter ones',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    code: 'request_timeout',
    status: '408 Request Timeout',
    detail: 'the request did not arrive in time; send it again',
  },
};
const notHttp = {
  code: 'bad_request',
  status: '400 Bad Request',
  detail: 'this is not a request of HTTP/1.1',
} as const;

/** Answers what never became a request: not HTTP at all, headers without end. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const { code, status, detail } = clientTroubles[error.code ?? ''] ?? notHttp;
  const problem = {
    ...problemOf(new CodedError(code, detail)),
    status: Number.parseInt(status, 10),
  };
  const body = JSON.stringify(problem);
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${status}\r\nContent-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
