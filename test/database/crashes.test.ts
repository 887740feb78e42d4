import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { createLog } from '../../src/base/log.ts';
import { endOrphans } from '../../src/database/postmaster.ts';
import {
  childrenOf,
  clusterOf,
  type Holder,
  hold,
  keepRow,
  keptRow,
  killServer,
  logOf,
  newDataDir,
  open,
  query,
  runningOn,
  sharedDataDir,
  until,
} from './temporary-server.ts';

async function kill({ child, ended }: Holder): Promise<void> {
  child.kill('SIGKILL');
  await ended;
}

test('the server survives a kill -9 of the program and is adopted at the next start', async (context) => {
  const dataDir = sharedDataDir(context);
  const holder = await hold(dataDir);
  const answer = await keepRow(holder.said);
  const { pid } = runningOn(dataDir)!;
  await kill(holder);
  assert.equal(runningOn(dataDir)?.pid, pid);
  const next = await open(dataDir);
  assert.equal(next.adopted, true);
  assert.equal(next.connectionString, holder.said.connectionString);
  assert.equal(await keptRow(next), answer);
  await next.stop();
  assert.equal(runningOn(dataDir), undefined);
});

/** A cluster with a committed row whose program, server and sessions were all killed. */
async function crash(context: TestContext): Promise<{ dataDir: string; answer: number }> {
  const dataDir = sharedDataDir(context);
  const holder = await hold(dataDir);
  const answer = await keepRow(holder.said);
  const { pid } = runningOn(dataDir)!;
  await kill(holder);
  killServer(pid);
  return { dataDir, answer };
}

async function startsAndKeeps(dataDir: string, answer: number): Promise<void> {
  const server = await open(dataDir);
  assert.equal(server.adopted, false);
  assert.equal(await keptRow(server), answer);
  await server.stop();
}

test('after a kill -9 of everything it recovers', async (context) => {
  const { dataDir, answer } = await crash(context);
  await startsAndKeeps(dataDir, answer);
  assert.match(logOf(dataDir), /automatic recovery in progress/);
});

test('a left-over pid that belongs to another program by now keeps nothing from starting', async (context) => {
  const { dataDir, answer } = await crash(context);
  const { uid, gid } = statSync(clusterOf(dataDir));
  // PostgreSQL itself takes any live process of its own user for its predecessor.
  const stranger = spawn('sleep', ['60'], { uid, gid, stdio: 'ignore' });
  context.after(() => stranger.kill('SIGKILL'));
  await once(stranger, 'spawn');
  const file = `${clusterOf(dataDir)}/postmaster.pid`;
  const lines = readFileSync(file, 'utf8').split('\n');
  writeFileSync(file, [stranger.pid, ...lines.slice(1)].join('\n'));
  await startsAndKeeps(dataDir, answer);
  assert.equal(stranger.exitCode ?? stranger.signalCode, null, 'the stranger was left alone');
});

test('a new program waits for the sessions of a killed server to end', async (context) => {
  const dataDir = sharedDataDir(context);
  const holder = await hold(dataDir);
  const answer = await keepRow(holder.said);
  const { pid } = runningOn(dataDir)!;
  const [checkpointer] = childrenOf(pid);
  // Stopped, it cannot notice that the server is gone, and still holds the shared memory.
  process.kill(checkpointer!, 'SIGSTOP');
  await kill(holder);
  process.kill(pid, 'SIGKILL');
  const opening = open(dataDir);
  const first = await Promise.race([
    opening.then(() => 'started'),
    new Promise((r) => setTimeout(r, 600, 'waits')),
  ]);
  process.kill(checkpointer!, 'SIGKILL');
  assert.equal(first, 'waits');
  const server = await opening;
  assert.equal(await keptRow(server), answer);
  await server.stop();
});

test('a session that computes on after its server was killed is ended, and the new server starts', {
  skip: process.platform === 'linux' ? false : 'orphans are known on Linux only',
}, async (context) => {
  const dataDir = sharedDataDir(context);
  const holder = await hold(dataDir);
  const answer = await keepRow(holder.said);
  const { pid } = runningOn(dataDir)!;
  const client = new pg.Client({ connectionString: holder.said.connectionString });
  client.on('error', () => {});
  await client.connect();
  const { rows } = await client.query('select pg_backend_pid() as pid');
  context.after(() => killServer(rows[0].pid));
  const computing = client.query('do $$ begin loop null; end loop; end $$').catch(() => 'cut off');
  await until(async () => {
    const busy = "select from pg_stat_activity where state = 'active' and query like 'do $$%'";
    return (await query(holder.said, busy)).length === 1;
  }, 'a session computes');
  await kill(holder);
  process.kill(pid, 'SIGKILL');
  await startsAndKeeps(dataDir, answer);
  // A dead process that nobody has waited for yet has no folder either.
  assert.throws(() => readlinkSync(`/proc/${rows[0].pid}/cwd`), { code: 'ENOENT' });
  assert.equal(await computing, 'cut off');
});

test('a live server that lost its postmaster.pid is not taken for what a crash left', async (context) => {
  const dataDir = sharedDataDir(context);
  const holder = await hold(dataDir);
  const { pid } = runningOn(dataDir)!;
  endOrphans(clusterOf(dataDir), createLog('silent'));
  assert.deepEqual(await query(holder.said, 'select 1'), [[1]]);
  assert.equal(runningOn(dataDir)?.pid, pid);
  holder.child.kill('SIGTERM');
  await holder.ended;
});

test('a first start that was killed half-way is made anew', async (context) => {
  const dataDir = newDataDir(context);
  mkdirSync(`${clusterOf(dataDir)}.new/base`, { recursive: true });
  writeFileSync(`${clusterOf(dataDir)}.new/PG_VERSION`, '18\n');
  writeFileSync(`${clusterOf(dataDir)}.password`, 'old');
  const server = await open(dataDir);
  assert.deepEqual(await query(server, 'select 1'), [[1]]);
  await server.stop();
});

test('a lost or damaged server.json costs nothing but a new password', async (context) => {
  const dataDir = sharedDataDir(context);
  const first = await open(dataDir);
  const answer = await keepRow(first);
  await first.stop();
  rmSync(`${dataDir}/server.json`);
  await startsAndKeeps(dataDir, answer);
  writeFileSync(`${dataDir}/server.json`, '{"port":');
  await startsAndKeeps(dataDir, answer);
  await assert.rejects(query(first, 'select 1'));
});
