import assert from 'node:assert/strict';
import net from 'node:net';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import type { App } from '../../src/http/server.ts';
import { bearer, createTestServer, listenOnFreePort } from './test-server.ts';

const access = { roles: ['analyst'], bound: 'limited' } as const;

/** Everything the server says until it closes the connection or `enough` holds. */
function talk(
  port: number,
  request: string,
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(request));
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (enough(text)) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

async function withServer(
  routes: (app: App) => void,
  work: (port: number, app: App, lines: string[]) => Promise<void>,
  options: { bodyTimeoutMs?: number } = {},
) {
  const lines: string[] = [];
  const app = await createTestServer(routes, { lines, ...options });
  try {
    await work(await listenOnFreePort(app), app, lines);
  } finally {
    await app.close();
  }
}

const echo = (app: App) => {
  app.post('/json', { config: { access }, handler: async (request) => ({ got: request.body }) });
  app.post('/raw', {
    config: { access, rawBody: true },
    handler: async (request) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request.body as Readable) chunks.push(chunk as Buffer);
      return { hex: Buffer.concat(chunks).toString('hex') };
    },
  });
};
const head = (path: string, more: string) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer analyst\r\nContent-Type: application/json\r\n${more}\r\n\r\n`;

test('what never becomes a request is answered as a problem', async () => {
  await withServer(echo, async (port) => {
    assert.match(
      await talk(port, 'GARBAGE\r\n\r\n'),
      /^HTTP\/1\.1 400 .*application\/problem\+json.*bad_request/s,
    );
    const long = `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`;
    assert.match(await talk(port, long), /^HTTP\/1\.1 431 .*"status":431/s);
  });
});

test('a body announced over the limit is refused before it comes', async () => {
  await withServer(echo, async (port) => {
    const answer = await talk(port, `${head('/json', 'Content-Length: 900000000')}{`);
    assert.match(answer, /^HTTP\/1\.1 413 .*connection: close.*body_too_large/is);
  });
});

test('a body that grows over the limit without saying so is refused too', async () => {
  await withServer(echo, async (port) => {
    const part = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const answer = await talk(
      port,
      `${head('/json', 'Transfer-Encoding: chunked')}${part.repeat(17)}`,
      (text) => text.includes('body_too_large'),
    );
    assert.match(answer, /^HTTP\/1\.1 413 /);
  });
});

/** Sends a body byte by byte until the connection ends or it is whole, and answers what came back. */
async function talkSlowly(port: number, path: string, body: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.write(head(path, `Content-Length: ${body.length}\r\nConnection: close`));
  for (const byte of body) {
    if (!socket.writable) break;
    socket.write(byte);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await closed;
  return text;
}

test('a body of JSON that trickles in is 408, and the connection ends; a raw one may take its time', async () => {
  const body = JSON.stringify('x'.repeat(150));
  await withServer(
    echo,
    async (port) => {
      const refused = await talkSlowly(port, '/json', body);
      assert.match(refused, /^HTTP\/1\.1 408 .*connection: close.*"code":"request_timeout"/is);
      assert.match(refused, /did not arrive within 0\.2 s; send it again/);
      const read = await talkSlowly(port, '/raw', body);
      assert.match(read, /^HTTP\/1\.1 200 /);
      assert.ok(read.includes(Buffer.from(body).toString('hex')));
    },
    { bodyTimeoutMs: 200 },
  );
});

test('a refused small body leaves the connection usable', async () => {
  await withServer(echo, async (port) => {
    const refused = head('/raw', 'Content-Length: 5').replace('Bearer analyst', 'Bearer nobody');
    const answer = await talk(
      port,
      `${refused}hello${head('/raw', 'Content-Length: 2')}ok`,
      (text) => text.includes('6f6b') || text.includes('closed'),
    );
    assert.match(answer, /^HTTP\/1\.1 401 .*HTTP\/1\.1 200 .*6f6b/s);
  });
});

test('a raw body is handed on byte for byte, whatever its content type says', async () => {
  await withServer(echo, async (_port, app) => {
    const bytes = Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0xff, 0x00, 0x7d]);
    for (const type of ['application/json', 'application/xml', 'application/x-ndjson', 'anything/else']) {
      const headers = { ...bearer('analyst'), 'content-type': type, 'content-encoding': 'gzip' };
      const answer = await app.inject({ method: 'POST', url: '/raw', headers, payload: bytes });
      assert.deepEqual(answer.json(), { hex: bytes.toString('hex') }, type);
    }
  });
});

test('a client that goes away in the middle of its body is no trouble of the database', async () => {
  await withServer(echo, async (port, app, lines) => {
    const answered = new Promise<void>((resolve) => {
      app.server.once('request', (request) => request.once('close', () => setImmediate(resolve)));
    });
    const socket = net.connect(port, '127.0.0.1', () =>
      socket.write(`${head('/json', 'Content-Length: 100')}{`),
    );
    await new Promise<void>((resolve) => app.server.once('request', () => resolve()));
    socket.destroy();
    await answered;
    const warned = lines.map((line) => JSON.parse(line)).filter((line) => line.level >= 40);
    assert.deepEqual(warned, []);
    assert.ok(lines.some((line) => line.includes('the client went away')));
  });
});

test('while it stops, what runs is finished and what comes is 503 shutting_down', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let stopping = () => {};
  const closing = new Promise<void>((resolve) => {
    stopping = resolve;
  });
  let started = () => {};
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  await withServer(
    (app) => {
      app.addHook('preClose', async () => stopping());
      app.get('/slow', {
        config: { access },
        handler: async () => {
          started();
          await held;
          return { done: true };
        },
      });
    },
    async (port, app) => {
      const get = 'GET /slow HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer analyst\r\n\r\n';
      const socket = net.connect(port, '127.0.0.1', () => socket.write(get));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()));
      await running;
      const closed = app.close();
      await closing;
      // On the same connection, behind the request that is still being answered.
      const second = new Promise<void>((resolve) => app.server.once('request', () => resolve()));
      socket.write(get);
      await second;
      release();
      await Promise.all([closed, ended]);
      assert.match(
        text,
        /^HTTP\/1\.1 200 .*\{"done":true\}.*HTTP\/1\.1 503 .*retry-after: 5.*shutting_down/is,
      );
    },
  );
});
