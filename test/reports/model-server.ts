import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type AskedOfModel = { model: string; stream: boolean; messages: { role: string; content: string }[] };

/** What the endpoint does with one request. */
export type Behaviour =
  | { text: string; pieces?: number }
  /** As one body of JSON, by endpoints that do not stream. */
  | { whole: string }
  | { refusal: string }
  | { finish: string; text: string }
  | { status: number; headers?: Record<string, string> }
  /** Says something and then nothing more, with the connection open. */
  | { hang: string }
  /** Ends in the middle: cleanly, or with the connection broken. */
  | { cut: string; broken?: boolean }
  | { error: string };

export type ModelServer = {
  baseUrl: string;
  asked: AskedOfModel[];
  authorizations: (string | undefined)[];
  stop(): Promise<void>;
};

/** A small server that speaks chat completions: for each request the next behaviour, the last one for good. */
export async function startModelServer(
  behaviours: readonly (Behaviour | ((asked: AskedOfModel) => Behaviour))[],
): Promise<ModelServer> {
  const asked: AskedOfModel[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await bodyOf(request)) as AskedOfModel;
    const next = behaviours[Math.min(asked.length, behaviours.length - 1)]!;
    asked.push(body);
    authorizations.push(request.headers.authorization);
    if (request.method !== 'POST' || request.url !== '/v1/chat/completions') response.writeHead(404).end();
    else await behave(response, typeof next === 'function' ? next(body) : next);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    authorizations,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}

const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const ending = (finish: string) =>
  `${chunk({}, finish)}data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`;

async function behave(response: ServerResponse, behaviour: Behaviour): Promise<void> {
  if ('status' in behaviour) {
    response.writeHead(behaviour.status, { 'content-type': 'application/json', ...behaviour.headers });
    return void response.end(JSON.stringify({ error: { message: 'no', type: 'server_error' } }));
  }
  if ('whole' in behaviour) {
    response.writeHead(200, { 'content-type': 'application/json' });
    const message = { role: 'assistant', content: behaviour.whole };
    return void response.end(
      JSON.stringify({ choices: [{ index: 0, message, finish_reason: 'stop' }], usage }),
    );
  }
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.write(': a comment, as some proxies send\n\n');
  response.write(chunk({ role: 'assistant', content: '' }));
  if ('text' in behaviour) {
    // In pieces of bytes, so that letters and lines are cut anywhere.
    const step = Math.ceil(behaviour.text.length / 7);
    const said: string[] = [];
    for (let from = 0; from < behaviour.text.length; from += step)
      said.push(chunk({ content: behaviour.text.slice(from, from + step) }));
    const bytes = Buffer.from(said.join('') + ending('finish' in behaviour ? behaviour.finish : 'stop'));
    for (let from = 0; from < bytes.length; from += 333) {
      response.write(bytes.subarray(from, from + 333));
      await sleep(0);
    }
    return void response.end();
  }
  if ('refusal' in behaviour)
    return void response.end(chunk({ refusal: behaviour.refusal }) + ending('stop'));
  if ('error' in behaviour)
    return void response.end(`data: ${JSON.stringify({ error: { message: behaviour.error } })}\n\n`);
  if ('hang' in behaviour) return void response.write(chunk({ content: behaviour.hang }));
  response.write(chunk({ content: behaviour.cut }));
  response.write('data: {"choices":[{"del');
  await sleep(20);
  if (behaviour.broken === true) response.destroy();
  else response.end();
}
