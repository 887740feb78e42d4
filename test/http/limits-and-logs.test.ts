import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { readConfig } from '../../src/config.ts';
import { type App, createServer, rewriteUrl } from '../../src/http/server.ts';
import { bearer, createTestServer } from './test-server.ts';

const access = { roles: ['analyst'], bound: 'limited' } as const;
const things = (app: App) => {
  app.get('/things/:id', { config: { access }, handler: async () => ({ ok: true }) });
  app.post('/things', { config: { access }, handler: async () => ({ ok: true }) });
};

test('a route that declares no access stops the server at start, by name', async () => {
  const start = createTestServer((app) => {
    app.get('/undeclared', async () => 'open to all');
  });
  await assert.rejects(start, /GET \/undeclared declares no access/);
});

test('the limit is per token, tells when to come back, and spares probes and the unauthorized', async () => {
  const app = await createTestServer(things, { env: { RATE_LIMIT: '2/minute' } });
  const ask = async (secret: string) => await app.inject({ url: '/things/1', headers: bearer(secret) });
  assert.deepEqual(
    [await ask('analyst'), await ask('analyst'), await ask('analyst')].map((one) => one.statusCode),
    [200, 200, 429],
  );
  const refused = await ask('analyst');
  assert.equal(refused.json().code, 'too_many_requests');
  const wait = Number(refused.headers['retry-after']);
  assert.ok(wait >= 1 && wait <= 60, String(wait));
  assert.equal((await ask('other')).statusCode, 200);
  for (let index = 0; index < 5; index++) {
    assert.equal((await app.inject('/healthz')).statusCode, 200);
    assert.equal((await ask('nobody')).statusCode, 401);
  }
  // The body of a refused request is not even read: it is not JSON, and that is not what is complained of.
  const post = await app.inject({ method: 'POST', url: '/things', headers: bearer('analyst'), payload: '{' });
  assert.equal(post.statusCode, 429);
  await app.close();
});

test('without RATE_LIMIT there is no limit', async () => {
  const app = await createTestServer(things);
  for (let index = 0; index < 50; index++)
    assert.equal((await app.inject({ url: '/things/1', headers: bearer('analyst') })).statusCode, 200);
  await app.close();
});

test('alive without the database, ready only with it', async () => {
  const app = await createTestServer(things);
  assert.deepEqual((await app.inject('/healthz')).json(), { status: 'ok' });
  const ready = await app.inject('/readyz');
  assert.equal(ready.statusCode, 503);
  assert.deepEqual(ready.json(), { ready: false, checks: { database: 'does not answer' } });
  await app.close();
});

test('metrics count by the pattern of the route, and need METRICS_TOKEN where it is set', async () => {
  const secret = 'metrics-token-of-the-tests';
  const app = await createTestServer(things, { env: { METRICS_TOKEN: secret } });
  for (const id of ['1', '2']) await app.inject({ url: `/things/${id}`, headers: bearer('analyst') });
  await app.inject('/nowhere/3');
  assert.equal((await app.inject('/metrics')).statusCode, 401);
  assert.equal((await app.inject({ url: '/metrics', headers: bearer(`${secret}x`) })).statusCode, 401);
  const { body, headers } = await app.inject({ url: '/metrics', headers: bearer(secret) });
  assert.match(String(headers['content-type']), /^text\/plain/);
  assert.match(body, /tillstream_http_seconds_count\{method="GET",route="\/things\/:id",status="200"\} 2/);
  assert.match(body, /route="unknown",status="404"/);
  assert.doesNotMatch(body, /nowhere|things\/1/);
  await app.close();
});

test('no secret reaches the log, at the most talkative level and in every kind of answer', async () => {
  const lines: string[] = [];
  const log = createLog('trace');
  const symbols = Object.getOwnPropertySymbols(log);
  const stream = symbols.find((symbol) => symbol.description === 'pino.stream')!;
  Object.assign(log, { [stream]: { write: (line: string) => void lines.push(line) } });
  const secret = 'ts_a-secret-that-must-not-be-seen';
  const metricsToken = 'metrics-token-that-must-not-be-seen';
  const app = await createServer({
    config: readConfig({ METRICS_TOKEN: metricsToken }),
    log,
    metrics: createMetrics(),
    authenticate: async (given) =>
      given === secret ? { tokenId: 't', name: 'n', roles: ['analyst'] } : undefined,
    readiness: async () => ({ ready: true, checks: {} }),
    registerRoutes: (server) => {
      things(server);
      server.get('/fails', {
        config: { access },
        handler: async (request) => {
          request.log.info(
            { headers: request.headers, req: request, token: secret, nested: { secret } },
            'asked',
          );
          throw new Error('unforeseen');
        },
      });
    },
  });
  const wrong = 'ts_another-secret-that-must-not-be-seen';
  for (const url of ['/fails', '/things/1', '/nowhere', '/metrics', '/things/%zz'])
    for (const one of [secret, wrong]) await app.inject({ url, headers: bearer(one) });
  await app.inject({ url: '/metrics', headers: bearer(metricsToken) });
  await app.close();
  const text = lines.join('');
  assert.match(text, /\[redacted\]/);
  assert.match(text, /unforeseen/);
  assert.doesNotMatch(text, /must-not-be-seen/);
});

test('addresses of the older services and the base path lead to the same routes', () => {
  const cases = [
    ['/api/producer/checks/', '/api/checks/'],
    ['/api/consumer/analytics/?from=2024-01-01', '/api/analytics/?from=2024-01-01'],
    ['/api/producer/swagger/', '/docs'],
    ['/api/consumer/swagger?x=1', '/docs'],
    ['/api/producers/checks/', '/api/producers/checks/'],
    ['/shop/api/places/', '/api/places/'],
    ['/shop', '/'],
    ['/shop?x=1', '/?x=1'],
    ['/shopping', '/shopping'],
  ] as const;
  for (const [given, expected] of cases) assert.equal(rewriteUrl(given, '/shop'), expected);
  assert.equal(rewriteUrl('/shop/api/places/', ''), '/shop/api/places/');
});
