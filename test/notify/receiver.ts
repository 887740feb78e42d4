import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Received = { url: string; headers: IncomingHttpHeaders; body: string; id: string };
/** Answers a request, or leaves it hanging. `number` counts from 1. */
export type Behaviour = (response: ServerResponse, received: Received, number: number) => void;

export type Receiver = {
  url: string;
  /** Every request that came, and those among them that were answered with 2xx. */
  all: Received[];
  taken: Received[];
  behave(behaviour: Behaviour): void;
  /** Ends it as a crash would, every connection with it. */
  kill(): Promise<void>;
  /** On the same port. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

export const takes: Behaviour = (response) => response.writeHead(200).end('ok');
export const hangs: Behaviour = () => {};
export const answers =
  (status: number, headers: Record<string, string> = {}, body = ''): Behaviour =>
  (response) =>
    response.writeHead(status, headers).end(body);

/** An HTTP server of somebody else's. */
export async function startReceiver(behaviour: Behaviour = takes): Promise<Receiver> {
  const [all, taken]: Received[][] = [[], []];
  let current = behaviour;
  let port = 0;
  const make = () =>
    createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        const id = String(request.headers['webhook-id']);
        const received = { url: request.url!, headers: request.headers, body, id };
        all!.push(received);
        response.on('finish', () => {
          if (response.statusCode < 300) taken!.push(received);
        });
        current(response, received, all!.length);
      });
    });
  let server = make();
  const start = async () => {
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  };
  const kill = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    server = make();
  };
  await start();
  return {
    ...{ all: all!, taken: taken!, start, kill, stop: kill },
    get url() {
      return `http://127.0.0.1:${port}/hook`;
    },
    behave(next) {
      current = next;
    },
  };
}

/** Written from the specification of Standard Webhooks, and from nothing of the program. */
export function isSigned({ headers, body }: Received, secret: string): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const expected = `v1,${createHmac('sha256', key).update(signed, 'utf8').digest('base64')}`;
  const isFresh = Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp'])) < 300;
  return isFresh && String(headers['webhook-signature']).split(' ').includes(expected);
}
