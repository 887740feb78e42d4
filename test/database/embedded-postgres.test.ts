import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import pg from 'pg';
import { createLog } from '../../src/base/log.ts';
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';

const log = createLog('silent');
const settings = { fsync: 'off' };
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-embedded-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const open = (dataDir: string) => openEmbeddedPostgres({ dataDir, log, settings });

async function query(connectionString: string, text: string): Promise<any[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query(text);
  await client.end();
  return rows;
}

const pidFile = (dataDir: string) => path.join(dataDir, 'postgres', 'postmaster.pid');
const postmaster = (dataDir: string) => Number(readFileSync(pidFile(dataDir), 'utf8').split('\n')[0]);

test('data survives a restart, the file with the password is private, stop stops', async () => {
  const dataDir = path.join(folder, 'restart');
  const first = await open(dataDir);
  assert.equal(first.adopted, false);
  await query(first.connectionString, 'create table kept as select 42 as answer');
  assert.equal(statSync(path.join(dataDir, 'server.json')).mode & 0o777, 0o600);
  await first.stop();
  assert.equal(existsSync(pidFile(dataDir)), false);
  const second = await open(dataDir);
  assert.deepEqual(await query(second.connectionString, 'select answer from kept'), [{ answer: 42 }]);
  assert.equal((await query(second.connectionString, 'show fsync'))[0].fsync, 'off');
  await second.stop();
});

test('two starts at once: one starts, the other adopts, the last to leave stops', async () => {
  const dataDir = path.join(folder, 'twice');
  const [one, two] = await Promise.all([open(dataDir), open(dataDir)]);
  assert.deepEqual([one.adopted, two.adopted].sort(), [false, true]);
  await one.stop();
  assert.deepEqual(await query(two.connectionString, 'select 1 as alive'), [{ alive: 1 }]);
  await two.stop();
  assert.equal(existsSync(pidFile(dataDir)), false);
});

test('kill -9 of the program alone: the server lives on and is adopted', async () => {
  const dataDir = path.join(folder, 'adopted');
  const program = `
    import { openEmbeddedPostgres } from ${JSON.stringify(path.resolve(import.meta.dirname, '../../src/database/embedded-postgres.ts'))};
    import { createLog } from ${JSON.stringify(path.resolve(import.meta.dirname, '../../src/base/log.ts'))};
    await openEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, log: createLog('silent'), settings: { fsync: 'off' } });
    console.log('up'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: path.resolve(import.meta.dirname, '../..'),
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const before = postmaster(dataDir);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const adopted = await open(dataDir);
  assert.equal(adopted.adopted, true);
  assert.equal(postmaster(dataDir), before);
  await adopted.stop();
});

test('kill -9 of everything, and a stale pid that belongs to another program by now', async () => {
  const dataDir = path.join(folder, 'killed');
  const first = await open(dataDir);
  await query(first.connectionString, 'create table kept as select 1 as one');
  const lines = readFileSync(pidFile(dataDir), 'utf8').split('\n');
  process.kill(postmaster(dataDir), 'SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 300));
  writeFileSync(pidFile(dataDir), [String(process.pid), ...lines.slice(1)].join('\n'));
  const second = await open(dataDir);
  assert.deepEqual(await query(second.connectionString, 'select one from kept'), [{ one: 1 }]);
  await second.stop();
  await first.stop();
});

test('a port that someone else took meanwhile is replaced', async () => {
  const dataDir = path.join(folder, 'port');
  const first = await open(dataDir);
  const port = Number(new URL(first.connectionString).port);
  await first.stop();
  const squatter = createServer().listen(port, '127.0.0.1');
  await new Promise((resolve) => squatter.once('listening', resolve));
  const second = await open(dataDir);
  assert.notEqual(Number(new URL(second.connectionString).port), port);
  await second.stop();
  squatter.close();
});

test('a folder that only its owner may enter', async () => {
  const closed = path.join(folder, 'closed');
  mkdirSync(closed);
  const dataDir = path.join(closed, 'data');
  mkdirSync(dataDir);
  chmodSync(dataDir, 0o700);
  chmodSync(closed, 0o700);
  const server = await open(dataDir);
  assert.deepEqual(await query(server.connectionString, 'select 1 as one'), [{ one: 1 }]);
  await server.stop();
});

test('a cluster of another version is refused with what to do', async () => {
  const dataDir = path.join(folder, 'old');
  mkdirSync(path.join(dataDir, 'postgres'), { recursive: true });
  writeFileSync(path.join(dataDir, 'postgres', 'PG_VERSION'), '14\n');
  writeFileSync(path.join(dataDir, 'server.json'), JSON.stringify({ port: 1, password: 'x' }));
  await assert.rejects(open(dataDir), {
    code: 'data_dir_unusable',
    message: /PostgreSQL 14 .* set DATA_DIR/,
  });
});
