import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import pg from 'pg';
import { pino } from 'pino';
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { readServerFile, writeServerFile } from '../../src/database/server-file.ts';
import { withServerLock } from '../../src/database/server-lock.ts';
import { startServer } from '../../src/database/start-server.ts';
import {
  clusterOf,
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

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
const portOf = (server: { connectionString: string }) => Number(new URL(server.connectionString).port);

test('a restart keeps the data, the port and the password, and leaves no process behind', async (context) => {
  const dataDir = newDataDir(context);
  const first = await open(dataDir);
  assert.equal(first.adopted, false);
  const answer = await keepRow(first);
  const { pid } = runningOn(dataDir)!;
  await first.stop();
  assert.equal(runningOn(dataDir), undefined);
  await until(() => !isAlive(pid), 'the process ends');
  // Stopping again is harmless.
  await first.stop();

  const second = await open(dataDir);
  assert.equal(second.adopted, false);
  assert.equal(second.connectionString, first.connectionString);
  assert.equal(await keptRow(second), answer);
  await second.stop();
  assert.doesNotMatch(logOf(dataDir), /was interrupted|not properly shut down/);
});

test('it listens on the loopback alone, wants the password, and keeps it from other users', async (context) => {
  const dataDir = sharedDataDir(context);
  const server = await open(dataDir);
  const settings = await query(
    server,
    `select name, setting from pg_settings where name in
      ('fsync', 'listen_addresses', 'unix_socket_directories', 'wal_level', 'jit', 'TimeZone', 'data_checksums',
       'synchronous_commit', 'max_connections', 'server_encoding', 'password_encryption') order by name collate "C"`,
  );
  assert.deepEqual(Object.fromEntries(settings), {
    TimeZone: 'UTC',
    data_checksums: 'on',
    // What the tests ask for beyond the default.
    fsync: 'off',
    jit: 'off',
    listen_addresses: '127.0.0.1',
    max_connections: '100',
    password_encryption: 'scram-sha-256',
    server_encoding: 'UTF8',
    synchronous_commit: 'on',
    unix_socket_directories: '',
    wal_level: 'minimal',
  });
  const url = new URL(server.connectionString);
  assert.ok(!logOf(dataDir).includes(url.password));
  url.password = 'guessed';
  await assert.rejects(query({ connectionString: url.href }, 'select 1'), { code: '28P01' });
  for (const name of ['server.json', 'postgres.log'])
    assert.equal(statSync(`${dataDir}/${name}`).mode & 0o777, 0o600, name);
  assert.equal(statSync(`${dataDir}/postgres`).mode & 0o777, 0o700);
  await server.stop();
});

test('a port that another program took is given up for a free one', async (context) => {
  const dataDir = sharedDataDir(context);
  const first = await open(dataDir);
  const answer = await keepRow(first);
  await first.stop();
  const thief = createServer().listen(portOf(first), '127.0.0.1');
  context.after(() => thief.close());
  const second = await open(dataDir);
  assert.notEqual(portOf(second), portOf(first));
  assert.equal(await keptRow(second), answer);
  await second.stop();
  const third = await open(dataDir);
  assert.equal(portOf(third), portOf(second));
  await third.stop();
});

test('of programs that start at once, on a new folder too, one starts the server and the others adopt it', async (context) => {
  const dataDir = newDataDir(context);
  const holders = await Promise.all([hold(dataDir), hold(dataDir), hold(dataDir)]);
  assert.deepEqual(holders.map(({ said }) => said.adopted).sort(), [false, true, true]);
  assert.equal(new Set(holders.map(({ said }) => said.connectionString)).size, 1);

  // Whoever started it may leave first; the last one stops it.
  const order = holders.toSorted((a, b) => Number(a.said.adopted) - Number(b.said.adopted));
  for (const [index, holder] of order.entries()) {
    assert.deepEqual(await query(holder.said, 'select 1'), [[1]], `program ${index} has its server`);
    holder.child.kill('SIGTERM');
    assert.deepEqual(await holder.ended, [0, null]);
  }
  assert.equal(runningOn(dataDir), undefined);
  assert.match(logOf(dataDir), /database system is shut down/);
});

test('upper and lower case are known in every alphabet, and text is sorted by code point', async (context) => {
  const server = await open(newDataDir(context));
  assert.deepEqual(await query(server, "select lower('ЧЕК ÀÉ'), upper('пицца'), 'Ж' < 'а', 'Z' < 'a'"), [
    ['чек àé', 'ПИЦЦА', true, true],
  ]);
  assert.deepEqual(
    await query(
      server,
      'select datlocprovider, datlocale from pg_database where datname = current_database()',
    ),
    [['b', 'C.UTF-8']],
  );
  await server.stop();
});

test("the server's log names what went wrong, and not the values of it", async (context) => {
  const dataDir = sharedDataDir(context);
  const server = await open(dataDir);
  await query(server, 'create table if not exists person (name text primary key)');
  const client = new pg.Client({ connectionString: server.connectionString });
  await client.connect();
  const insert = { text: 'insert into person values ($1), ($1)', values: ['Ivan Petrov'] };
  await assert.rejects(client.query(insert), { code: '23505', detail: /Ivan Petrov/ });
  await client.end();
  await server.stop();
  assert.match(logOf(dataDir), /duplicate key value/);
  assert.doesNotMatch(logOf(dataDir), /Petrov/);
});

test('where another program brought the server back on another port, this one says so and still counts as a user', async (context) => {
  const dataDir = sharedDataDir(context);
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const stays = await openEmbeddedPostgres({
    dataDir,
    log,
    settings: { fsync: 'off', shared_buffers: '16MB' },
  });
  context.after(() => stays.stop());
  const answer = await keepRow(stays);
  // The server dies, and before this program can act another has started it, where its port was taken.
  const other = await withServerLock(dataDir, async () => {
    killServer(runningOn(dataDir)!.pid);
    const thief = createServer().listen(portOf(stays), '127.0.0.1');
    context.after(() => thief.close());
    const clusterDir = clusterOf(dataDir);
    const known = readServerFile(dataDir);
    const settings = { fsync: 'off', shared_buffers: '16MB' };
    return await startServer({ dataDir, clusterDir, log, settings, known, again: false, signal: undefined });
  });
  assert.notEqual(other.port, portOf(stays));
  const told = `on port ${other.port} instead of ${portOf(stays)}; restart this one`;
  await until(() => lines.some((line) => line.includes(told)), 'it is told');
  const moved = { connectionString: stays.connectionString.replace(/:\d+\//, `:${other.port}/`) };
  assert.equal(await keptRow(moved), answer);
  const second = await open(dataDir);
  await stays.stop();
  assert.deepEqual(await query(second, 'select 1'), [[1]], 'who leaves with the old address stops nothing');
  await second.stop();
  assert.equal(runningOn(dataDir), undefined);
});

test('a server that runs on another port than server.json says is adopted, and that is told', async (context) => {
  const dataDir = sharedDataDir(context);
  const holder = await hold(dataDir);
  const file = readServerFile(dataDir)!;
  writeServerFile(dataDir, { ...file, port: 1 });
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const server = await openEmbeddedPostgres({ dataDir, log });
  assert.equal(server.connectionString, holder.said.connectionString);
  assert.match(lines.join(''), new RegExp(`"port":${file.port},"known":1,.*another port`));
  assert.deepEqual(readServerFile(dataDir), file);
  await server.stop();
  holder.child.kill('SIGTERM');
  await holder.ended;
});

test('two users within one program: the server stays for the second', async (context) => {
  const dataDir = sharedDataDir(context);
  const [first, second] = await Promise.all([open(dataDir), open(dataDir)]);
  assert.notEqual(first.adopted, second.adopted);
  await first.stop();
  assert.deepEqual(await query(second, 'select 1'), [[1]]);
  await second.stop();
  assert.equal(runningOn(dataDir), undefined);
});

test('Ctrl-C, which reaches a whole process group, does not reach the server: its programs stop it cleanly', async (context) => {
  const dataDir = sharedDataDir(context);
  const holder = await hold(dataDir, { detached: true });
  const other = await hold(dataDir, { detached: true });
  const { pid } = runningOn(dataDir)!;
  process.kill(-holder.child.pid!, 'SIGINT');
  assert.deepEqual(await holder.ended, [0, null]);
  assert.equal(runningOn(dataDir)?.pid, pid);
  assert.deepEqual(await query(other.said, 'select 1'), [[1]]);
  process.kill(-other.child.pid!, 'SIGINT');
  assert.deepEqual(await other.ended, [0, null]);
  assert.equal(runningOn(dataDir), undefined);
  assert.match(logOf(dataDir), /database system is shut down/);
});

test('a server that dies under its program comes back on the same port with every committed row', async (context) => {
  const dataDir = sharedDataDir(context);
  const server = await open(dataDir);
  const answer = await keepRow(server);
  const { pid } = runningOn(dataDir)!;
  killServer(pid);
  await until(
    () =>
      keptRow(server).then(
        (row) => row === answer,
        () => false,
      ),
    'the server comes back',
  );
  assert.notEqual(runningOn(dataDir)!.pid, pid);
  await server.stop();
  assert.equal(runningOn(dataDir), undefined);
});

test('after a session crashed and all were cut off, the program still counts as a user of the server', async (context) => {
  const dataDir = sharedDataDir(context);
  const [stays, leaves] = [await open(dataDir), await open(dataDir)];
  const keepers = "select pid from pg_stat_activity where application_name = 'tillstream-keeper'";
  const before = (await query(stays, keepers)).flat() as number[];
  assert.equal(before.length, 2);
  process.kill(before[0]!, 'SIGKILL');
  await until(async () => {
    const now = await query(stays, keepers).catch(() => []);
    return now.length === 2 && !now.flat().some((pid) => before.includes(pid as number));
  }, 'both programs hold the server again');
  await leaves.stop();
  assert.deepEqual(await query(stays, 'select 1'), [[1]]);
  await stays.stop();
  assert.equal(runningOn(dataDir), undefined);
});
