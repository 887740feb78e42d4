import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type ClientRequest, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/base/log.ts';
import { readConfig } from '../../src/config.ts';
import type { ProgramRole } from '../../src/roles.ts';
import { type Program, startProgram } from '../../src/start-program.ts';
import { readLive } from '../analytics/live-events.ts';
import { freePort } from '../kafka.ts';
import { noonTime, noonZone } from '../noon.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { adminToken, receipt } from '../program.ts';
import { type Gateway, startGateway, whyNoGateway } from './gateway.ts';

const skip = whyNoGateway() ?? false;
const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-gateway-data-'));
const authorization = `Bearer ${adminToken}`;
const dailyFile = readFileSync('examples/daily-sales/store-1.xml', 'utf8');
let database: TestDatabase;
let programs: Program[] = [];
let gateway: Gateway;

before(async () => {
  if (skip) return;
  database = await createTestDatabase();
  const start = (roles: ProgramRole[]) => {
    const env = { DATABASE_URL: database.connectionString, DATA_DIR: dataDir, ADMIN_TOKEN: adminToken };
    const config = readConfig({ ...env, PORT: '0', TRUST_PROXY: 'true', DEFAULT_TIME_ZONE: noonZone });
    return startProgram({ config, log: createLog('silent'), roles });
  };
  // Neither has the routes of the other, so a request that is sent the wrong way finds nothing.
  programs = [await start(['processor', 'collector']), await start(['worker', 'analytics'])];
  const [collector, analytics] = programs.map(({ address }) => new URL(address).host);
  gateway = await startGateway({ collector: collector!, analytics: analytics! });
});

after(async () => {
  await gateway?.stop();
  for (const program of programs.reverse()) await program.stop();
  await database?.drop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function call(method: string, url: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.address}${url}`, {
    method,
    headers: { authorization, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

test('every published address answers at the gateway', { skip }, async () => {
  const xml = { 'content-type': 'application/xml' };
  let id = 0;
  for (const prefix of ['/api', '/api/producer', '/api/consumer'])
    for (const slash of ['/', '']) {
      const sent = receipt({ transaction_id: `r${id++}` });
      assert.equal((await call('POST', `${prefix}/checks${slash}`, sent)).status, 202, prefix + slash);
      const places = await call('GET', `${prefix}/places${slash}`);
      assert.equal(places.body.results[0].place_id, 'unique_place_id1');
      assert.equal((await call('GET', `${prefix}/checks/r0${slash}`)).body.transaction_id, 'r0');
      const figures = await call('GET', `${prefix}/analytics${slash}?place_id=unique_place_id1`);
      assert.equal(figures.body[0]?.total_purchases ?? figures.body.results[0].total_purchases, id);
    }
  for (const url of ['/api/producer/swagger/', '/api/producer/swagger', '/docs'])
    assert.match((await call('GET', url)).body, /^<!doctype html>/i);
  assert.equal((await call('POST', '/', dailyFile, xml)).status, 202);
  assert.equal((await call('POST', '/api/producer/daily-sales/', dailyFile, xml)).status, 409);
  assert.equal((await call('GET', '/api/daily-sales/?place_id=store-1')).body.results.length, 1);
  const change = { place_name: 'Store', time_zone: 'Europe/Moscow', currency: 'RUB' };
  assert.equal((await call('PUT', '/api/places/store-2', change)).status, 200);
  for (const url of ['/healthz', '/readyz', '/metrics', '/openapi.json'])
    assert.equal((await call('GET', url)).status, 200, url);
  assert.equal((await call('GET', '/nothing')).body.code, 'not_found');
});

test('a document of a stream is counted while the stream is still being sent', { skip }, async () => {
  const headers = { authorization, 'content-type': 'application/x-ndjson' };
  const stream = request(`${gateway.address}/api/checks/`, { method: 'POST', headers });
  const answered = new Promise<number>((resolve) =>
    stream.once('response', (response) => resolve(response.resume().statusCode!)),
  );
  for (let index = 0; index < 3_000; index++)
    await write(stream, receipt({ transaction_id: `s${index}`, place_id: 'streaming' }));
  let seen = 0;
  for (let attempt = 0; attempt < 100 && seen === 0; attempt++) {
    await write(stream, receipt({ transaction_id: `t${attempt}`, place_id: 'streaming' }));
    const { body } = await call('GET', '/api/analytics/sales?granularity=total&place_id=streaming');
    seen = body.rows[0]?.receipts ?? 0;
  }
  assert.ok(seen > 0, 'nothing arrived before the end of the stream');
  stream.end();
  assert.equal(await answered, 202);
});

function write(stream: ClientRequest, document: unknown): Promise<void> {
  return new Promise((resolve, reject) =>
    stream.write(`${JSON.stringify(document)}\n`, (error) => (error ? reject(error) : resolve())),
  );
}

test('a daily file past the usual limit of nginx passes; one without a token is refused, not cut off', {
  skip,
}, async () => {
  const products = Array.from(
    { length: 30_000 },
    (_, index) =>
      `<product><id>p${index}</id><name>Product</name><quantity>1</quantity><price>2.00</price><category>Large</category></product>`,
  ).join('\n');
  const file = `<sales_data date="2024-03-01" place_id="large"><products>${products}</products></sales_data>`;
  assert.ok(file.length > 3_000_000);
  const xml = { 'content-type': 'application/xml' };
  const refused = await call('POST', '/', file, { ...xml, authorization: 'Bearer nobody' });
  assert.equal(refused.body.code, 'unauthorized');
  assert.equal((await call('POST', '/', file, xml)).status, 202);
});

test('what a client says of itself is not passed on, and events are passed on as they come', {
  skip,
}, async () => {
  let heard: Record<string, unknown> = {};
  let tell: (text: string) => void = () => {};
  const service = createServer((incoming, outgoing) => {
    heard = incoming.headers;
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    // The answer has no end: only a gateway that keeps nothing back shows what it holds so far.
    outgoing.write('data: first\n\n');
    tell = (text) => outgoing.write(text);
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(service.address() as AddressInfo).port}`;
  const other = await startGateway({ collector: host, analytics: host });
  const leave = new AbortController();
  try {
    const headers = {
      'x-forwarded-for': '203.0.113.9, 198.51.100.7, 10.0.0.5',
      'x-forwarded-proto': 'https',
    };
    const answer = await fetch(`${other.address}/api/stream`, { headers, signal: leave.signal });
    const events = answer.body!.getReader();
    const next = async () => new TextDecoder().decode((await events.read()).value);
    assert.equal(await next(), 'data: first\n\n');
    tell('data: second\n\n');
    assert.equal(await next(), 'data: second\n\n');
    // Two proxies before this one named the last two; what their client claims to be comes before that.
    assert.equal(heard['x-forwarded-for'], '198.51.100.7');
    assert.equal(heard['x-forwarded-proto'], 'https');
    assert.equal(heard.host, new URL(other.address).host);
  } finally {
    leave.abort();
    service.closeAllConnections();
    service.close();
    await other.stop();
  }
});

test('a receipt is told to whoever listens at the gateway', { skip }, async () => {
  const reader = await readLive(gateway.address, { authorization }, '/api/consumer/stream/');
  await reader.until(({ events }) => events.length === 1);
  const sent = receipt({ transaction_id: 'live', place_id: 'live', timestamp: noonTime() });
  assert.equal((await call('POST', '/api/checks/', sent)).status, 202);
  await reader.until(({ places }) => places.get('live RUB')?.receipts === 1);
  reader.leave();
});

test('a service that is away is told as the program tells its troubles', { skip }, async () => {
  const nowhere = `127.0.0.1:${await freePort()}`;
  const other = await startGateway({ collector: nowhere, analytics: nowhere });
  try {
    const answer = await fetch(`${other.address}/api/checks/`, { method: 'POST', body: '{}' });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
    const problem = (await answer.json()) as { code: string; status: number };
    assert.deepEqual([problem.code, problem.status], ['starting', 503]);
    await fetch(`${other.address}/api/customers/someone?token=x`);
    // A request is noted after it was answered.
    for (let attempt = 0; attempt < 100 && !/customers/.test(other.log()); attempt++) await sleep(20);
    const log = other.log();
    assert.match(log, /"POST \/api\/checks\/" 503/);
    assert.match(log, /"GET \/api\/customers\/\*" 503/);
    assert.doesNotMatch(log, /someone|token/);
  } finally {
    await other.stop();
  }
});
