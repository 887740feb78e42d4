import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '../database/temporary-server.ts';
import { freePort } from '../kafka.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { adminToken, receipt } from '../program.ts';
import { type Running, runCommand, startCommand } from './run-command.ts';

let database: TestDatabase;
const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-roles-'));
before(async () => {
  database = await createTestDatabase();
});
after(async () => {
  await database.drop();
  rmSync(dataDir, { recursive: true, force: true });
});

const environment = (changes: Record<string, string> = {}) => ({
  ...{ DATABASE_URL: database.connectionString, DATA_DIR: dataDir, PORT: '0' },
  ...{ ADMIN_TOKEN: adminToken, LOG_LEVEL: 'error', ...changes },
});
const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };

async function addressOf(running: Running): Promise<string> {
  await until(() => /listens at http/.test(running.output()), 'it listens');
  return /listens at (http:\/\/[\d.:]+)/.exec(running.output())![1]!;
}

async function stop(...list: Running[]): Promise<void> {
  for (const { child } of list) child.kill('SIGTERM');
  for (const { ended } of list) assert.equal((await ended).code, 0);
}

test('a role alone that nothing would carry documents to is refused, and so is one that there is not', async () => {
  const alone = await runCommand(['start', '--roles', 'collector,analytics'], environment());
  assert.equal(alone.code, 1);
  assert.match(alone.output, /collector runs without processor.*KAFKA_BROKERS.*--roles collector,processor/);
  const unknown = await runCommand(['start', '--roles', 'collector,cook'], environment());
  assert.match(unknown.output, /--roles names cook; there are processor,/);
});

test('two processes share the work: one takes documents, the other answers', async () => {
  const front = startCommand(['start', '--roles', 'collector,processor'], environment());
  const back = startCommand(['start', '--roles', 'analytics,worker'], environment());
  const [intake, answers] = [await addressOf(front), await addressOf(back)];
  const post = (address: string) =>
    fetch(`${address}/api/checks/`, { method: 'POST', headers, body: JSON.stringify(receipt()) });
  assert.equal((await post(intake)).status, 202);
  assert.equal((await post(answers)).status, 404);
  const asked = await fetch(`${answers}/api/analytics/`, { headers });
  const { results } = (await asked.json()) as { results: { total_purchases: number }[] };
  assert.equal(results[0]!.total_purchases, 1);
  assert.equal((await fetch(`${intake}/api/analytics/`, { headers })).status, 404);
  const own = `${intake}/api/producer/checks/unique_transaction_id297`;
  assert.equal((await fetch(own, { headers })).status, 200);
  const described = async (address: string) => {
    const { paths } = (await (await fetch(`${address}/openapi.json`)).json()) as { paths: object };
    return Object.keys(paths).sort();
  };
  // Behind one gateway either is asked, so either describes both.
  assert.deepEqual(await described(intake), await described(answers));
  assert.ok((await described(answers)).includes('/api/checks/'));
  for (const address of [intake, answers])
    for (const probe of ['healthz', 'readyz', 'metrics'])
      assert.equal((await fetch(`${address}/${probe}`)).status, 200, probe);
  await stop(front, back);
});

test('a database that comes up later is waited for, and until then every request is told', async () => {
  const [databasePort, port] = [await freePort(), await freePort()];
  const url = new URL(database.connectionString);
  const target = { host: url.hostname, port: Number(url.port) };
  url.port = String(databasePort);
  const waiting = startCommand(['start'], environment({ DATABASE_URL: url.href, PORT: String(port) }));
  const address = `http://127.0.0.1:${port}`;
  const status = (route: string, init: RequestInit = {}) =>
    fetch(`${address}${route}`, init).then(
      (answer) => answer.status,
      () => 0,
    );
  await until(async () => (await status('/healthz')) === 200, 'it lives');
  const ready = await fetch(`${address}/readyz`);
  assert.equal(ready.status, 503);
  assert.deepEqual(await ready.json(), { ready: false, checks: { database: 'does not answer yet' } });
  const refused = await fetch(`${address}/api/checks/`, { method: 'POST', headers, body: '{}' });
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '2');
  assert.equal(((await refused.json()) as { code: string }).code, 'starting');

  const sockets = new Set<Socket>();
  const forward = createServer((socket) => {
    const through = connect(target);
    for (const each of [socket, through]) sockets.add(each.on('error', () => {}));
    socket.pipe(through).pipe(socket);
  }).listen(databasePort, '127.0.0.1');
  await until(async () => (await status('/readyz')) === 200, 'it is ready');
  assert.equal(await status('/api/analytics/', { headers }), 200);
  await stop(waiting);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => forward.close(resolve));
});
