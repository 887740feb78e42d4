import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { checkedLookup, RefusedTarget, type Resolve, whatIsWrongWithUrl } from './target.ts';

export type PostOptions = {
  url: string;
  headers: Record<string, string>;
  body: string;
  /** From the lookup of the name to the end of the answer. */
  timeoutMs: number;
  allowPrivate: boolean;
  resolve: Resolve;
  signal?: AbortSignal;
};

export type Answer = { status: number; headers: IncomingMessage['headers']; text: string };

/** Of an answer so much is read; whoever sends more is cut off. */
const answerBytes = 64 * 1024;

/**
 * One POST on a connection of its own. Redirects are answers like any other. An answer is known with its status:
 * a body that does not end in time does not undo it. Errors: `RefusedTarget`, those of the network, and a text
 * that says so where time ran out. No error holds the address beyond its host.
 */
export async function post(options: PostOptions): Promise<Answer> {
  const wrong = whatIsWrongWithUrl(options.url, options.allowPrivate);
  const url = new URL(options.url);
  if (wrong !== undefined) throw new RefusedTarget(`${url.hostname} ${wrong}`);
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
    method: 'POST',
    // No connection is kept: each one is checked when it is made.
    agent: false,
    lookup: checkedLookup(options.resolve, options.allowPrivate),
    headers: { ...options.headers, 'content-length': Buffer.byteLength(options.body) },
    signal,
  });
  let settle: (() => void) | undefined;
  request.on('error', (error) => {
    if (settle !== undefined) return settle();
    if (options.signal?.aborted) return reject(options.signal.reason);
    reject(timeout.aborted ? new Error(`no answer within ${options.timeoutMs / 1000} s`) : error);
  });
  // The end of all; an answer that asks for another protocol comes to it without error and without response.
  request.on('close', () => reject(new Error('the receiver ended the connection without an answer')));
  request.on('response', (response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = () => {
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text: Buffer.concat(chunks).toString(),
      });
      request.destroy();
    };
    settle = finish;
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > answerBytes) finish();
    });
    response.on('end', finish);
    response.on('error', finish);
  });
  request.end(options.body);
  return await promise;
}
