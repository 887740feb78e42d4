import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import {
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
