import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { clusterOf, newDataDir, open, runningOn, until } from '../database/temporary-server.ts';
import { startCommand } from './run-command.ts';

const token = 'admin-token-of-the-stop-test';
const environment = (dataDir: string) => ({ DATA_DIR: dataDir, PORT: '0', ADMIN_TOKEN: token });
/** What `migrate` holds while it works, so that a start waits there for as long as a test likes. */
const migrationLock = 7199;

for (const command of ['start', 'demo']) {
  test(`${command}: Ctrl-C while the cluster is made, and while its server starts, leaves nothing`, async (context) => {
    const dataDir = newDataDir(context);
    const first = startCommand([command], environment(dataDir));
    await until(() => existsSync(path.join(`${clusterOf(dataDir)}.new`, 'PG_VERSION')), 'initdb works');
    first.child.kill('SIGINT');
    const stopped = await first.ended;
    assert.deepEqual([stopped.code, stopped.signal], [0, null], stopped.output);
    assert.doesNotMatch(stopped.output, /listens at|could not make/);
    assert.equal(existsSync(`${clusterOf(dataDir)}.new`), false);
    assert.equal(existsSync(clusterOf(dataDir)), false);

    const second = startCommand([command], environment(dataDir));
    await until(() => existsSync(path.join(clusterOf(dataDir), 'postmaster.pid')), 'the server starts');
    second.child.kill('SIGTERM');
    const ended = await second.ended;
    assert.deepEqual([ended.code, ended.signal], [0, null], ended.output);
    assert.doesNotMatch(ended.output, /listens at/);
    assert.equal(runningOn(dataDir), undefined);
    assert.equal(existsSync(path.join(clusterOf(dataDir), 'postmaster.pid')), false);
  });
}

/** A `start` that waits for the migration lock, which `release` gives back. */
async function startHeldUp(dataDir: string) {
  const server = await open(dataDir);
  const holder = new pg.Client({ connectionString: server.connectionString });
  await holder.connect();
  await holder.query(`select pg_advisory_lock(${migrationLock})`);
  const start = startCommand(['start'], environment(dataDir));
  await until(async () => {
    const { rows } = await holder.query("select from pg_locks where locktype = 'advisory' and not granted");
    return rows.length > 0;
  }, 'the start waits for the lock');
  return { server, start, release: () => holder.end() };
}

test('Ctrl-C with the database up and no listener yet stops at the next step; the server of others stays', async (context) => {
  const dataDir = newDataDir(context);
  const { server, start, release } = await startHeldUp(dataDir);
  start.child.kill('SIGINT');
  await until(() => start.output().includes('stopping'), 'the signal is seen');
  await release();
  const { code, output } = await start.ended;
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /listens at/);
  assert.ok(runningOn(dataDir), 'the server has another user');
  await server.stop();
});

test('a second Ctrl-C ends a start at once', async (context) => {
  const dataDir = newDataDir(context);
  const { server, start, release } = await startHeldUp(dataDir);
  start.child.kill('SIGINT');
  await until(() => start.output().includes('stopping'), 'the signal is seen');
  assert.equal(start.child.exitCode, null);
  start.child.kill('SIGINT');
  // The lock is still held: a start that waited for it would not end.
  assert.equal((await start.ended).code, 130);
  await release();
  await server.stop();
});
