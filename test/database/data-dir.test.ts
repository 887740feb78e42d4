import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { makeCluster } from '../../src/database/make-cluster.ts';
import {
  clusterOf,
  hold,
  keepRow,
  keptRow,
  newDataDir,
  open,
  query,
  runningOn,
  sharedDataDir,
} from './temporary-server.ts';

const isRoot = process.getuid?.() === 0;
const rootOnly = isRoot ? false : 'only root has this trouble';
const outsider = 65_534;

test('as root, in a folder of mode 700 below another one, it works and restarts', {
  skip: rootOnly,
}, async (context) => {
  const parent = newDataDir(context, homedir());
  chmodSync(parent, 0o700);
  const dataDir = path.join(parent, 'data');
  for (const adopted of [false, false]) {
    const server = await open(dataDir);
    assert.equal(server.adopted, adopted);
    chmodSync(dataDir, 0o700);
    await query(server, 'create table if not exists kept (answer integer)');
    await server.stop();
  }
  assert.notEqual(statSync(clusterOf(dataDir)).uid, 0);
});

test('as root, in a folder of mode 700 of another user, it works', { skip: rootOnly }, async (context) => {
  const parent = newDataDir(context);
  const dataDir = path.join(parent, 'data');
  mkdirSync(dataDir);
  chownSync(parent, outsider, outsider);
  chmodSync(parent, 0o700);
  const server = await open(dataDir);
  assert.deepEqual(await query(server, 'select 1'), [[1]]);
  await server.stop();
});

/** A folder with nothing but these programs, to be the PATH of a machine that lacks the others. */
function pathWith(context: Parameters<typeof newDataDir>[0], names: string[]): { env: NodeJS.ProcessEnv } {
  const folder = newDataDir(context);
  for (const name of names)
    symlinkSync(execFileSync('which', [name]).toString().trim(), path.join(folder, name));
  return { env: { ...process.env, PATH: folder } };
}

test('as root, where the user cannot pass, the error names the folder and the command', {
  skip: rootOnly,
}, async (context) => {
  const dataDir = newDataDir(context);
  chmodSync(dataDir, 0o700);
  const { said } = await hold(dataDir, pathWith(context, ['id']));
  assert.equal(said.code, 'data_dir_unusable');
  assert.ok(said.message.includes(`run: chmod o+x ${dataDir}`), said.message);
});

function namespacesWork(): boolean {
  try {
    execFileSync('unshare', ['--user', '--map-user=65534', '--map-group=65534', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('as root, where capabilities cannot be given, a user namespace serves, and the cluster changes hands', {
  skip: rootOnly || (namespacesWork() ? false : 'no user namespaces here'),
}, async (context) => {
  const dataDir = newDataDir(context);
  chmodSync(dataDir, 0o700);
  const { child, said, ended } = await hold(dataDir, pathWith(context, ['id', 'unshare']));
  const answer = await keepRow(said);
  assert.equal(statSync(clusterOf(dataDir)).uid, 0);
  child.kill('SIGTERM');
  await ended;
  assert.equal(runningOn(dataDir), undefined);
  const server = await open(dataDir);
  assert.notEqual(statSync(clusterOf(dataDir)).uid, 0);
  assert.equal(await keptRow(server), answer);
  await server.stop();
});

function nodeRunsFor(uid: number): boolean {
  try {
    execFileSync(process.execPath, [path.join(import.meta.dirname, 'hold-server.ts'), '/dev/null'], {
      uid,
      gid: uid,
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    return true;
  } catch (error) {
    // It ends with 1 once it runs, since /dev/null is no folder.
    return (error as { status?: number }).status === 1;
  }
}

test('not as root: it runs as that user, and says whose a cluster is that it may not have', {
  skip: rootOnly || (nodeRunsFor(outsider) ? false : 'the checkout is not open to other users'),
}, async (context) => {
  const ids = { uid: outsider, gid: outsider };
  const own = newDataDir(context);
  chownSync(own, outsider, outsider);
  const holder = await hold(own, ids);
  assert.deepEqual(await query(holder.said, 'select 1'), [[1]]);
  assert.equal(statSync(clusterOf(own)).uid, outsider);
  holder.child.kill('SIGTERM');
  assert.deepEqual(await holder.ended, [0, null]);

  const locked = await hold(newDataDir(context), ids);
  assert.equal(locked.said.code, 'data_dir_unusable');
  assert.match(locked.said.message, /change its owner or mode/);

  chownSync(clusterOf(own), 1, 1);
  const foreign = await hold(own, ids);
  assert.equal(foreign.said.code, 'data_dir_unusable');
  assert.match(foreign.said.message, /run the program as its owner/);
});

test('what is not a cluster of this version is refused and left as it is', async (context) => {
  const dataDir = newDataDir(context);
  mkdirSync(clusterOf(dataDir));
  const file = path.join(clusterOf(dataDir), 'PG_VERSION');
  writeFileSync(file, '17\n');
  await assert.rejects(open(dataDir), {
    code: 'data_dir_unusable',
    message: /PostgreSQL 17 cluster.*brings 18/,
  });
  assert.equal(readFileSync(file, 'utf8'), '17\n');

  const other = newDataDir(context);
  mkdirSync(`${clusterOf(other)}/data`, { recursive: true });
  await assert.rejects(open(other), {
    code: 'data_dir_unusable',
    message: /not a PostgreSQL cluster; move it away/,
  });
  assert.ok(statSync(`${clusterOf(other)}/data`).isDirectory());

  await assert.rejects(open(path.join(file, 'data')), { code: 'data_dir_unusable', message: /set another/ });
});

test('the same folder by another path is the same server', async (context) => {
  const dataDir = sharedDataDir(context);
  const link = `${newDataDir(context)}/link`;
  symlinkSync(dataDir, link);
  const [direct, linked] = [await open(dataDir), await open(link)];
  assert.equal(linked.adopted, true);
  assert.equal(linked.connectionString, direct.connectionString);
  await direct.stop();
  await linked.stop();
});

/** A program that fails as initdb and postgres do on a full disk. */
function failing(context: Parameters<typeof newDataDir>[0], complaint: string): string {
  const file = path.join(newDataDir(context), 'fails');
  writeFileSync(file, `#!/bin/sh\necho '${complaint}' >&2\nexit 1\n`, { mode: 0o755 });
  return file;
}

test('a full disk is told as such, with what to do, and leaves no half of a cluster', async (context) => {
  const dataDir = newDataDir(context);
  const clusterDir = clusterOf(dataDir);
  const make = (initdb: string) =>
    makeCluster(clusterDir, initdb, { kind: 'self' }, { password: 'p', durable: false });
  const complaint = 'initdb: error: could not write to file "base/1": No space left on device';
  await assert.rejects(make(failing(context, complaint)), {
    code: 'data_dir_unusable',
    message: new RegExp(`the disk of ${dataDir} is full; free some space.*No space left`),
  });
  await assert.rejects(make(failing(context, 'initdb: error: no idea')), { code: 'postgres_failed' });
  assert.deepEqual(readdirSync(dataDir), []);
});
