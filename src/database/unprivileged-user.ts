import { execFileSync } from 'node:child_process';
import { accessSync, chmodSync, chownSync, constants, lstatSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { CodedError } from '../base/errors.ts';

/**
 * How PostgreSQL is started: it refuses to run as root. `user` runs it as an unprivileged user; `namespace`
 * maps root to another id inside a user namespace, for folders that no other user may enter.
 */
export type Runner = { kind: 'self' } | { kind: 'user'; uid: number; gid: number } | { kind: 'namespace' };

const namespaceId = '65534';

/** Whether a user may pass through every folder on the way to a path. */
function canReach(target: string, uid: number, gid: number): string | undefined {
  const parts = path.resolve(target).split(path.sep);
  for (let length = 1; length <= parts.length; length++) {
    const folder = parts.slice(0, length).join(path.sep) || path.sep;
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (!stat.isDirectory()) continue;
    const bit = stat.uid === uid ? 0o100 : stat.gid === gid ? 0o010 : 0o001;
    if ((stat.mode & bit) === 0) return folder;
  }
  return undefined;
}

function idsOf(name: string): { uid: number; gid: number } | undefined {
  try {
    const id = (flag: string) =>
      Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }).toString());
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

function postgresUser(): { uid: number; gid: number } | undefined {
  const known = idsOf('postgres');
  if (known !== undefined) return known;
  try {
    execFileSync('useradd', ['--system', '--no-create-home', '--user-group', 'postgres'], {
      stdio: 'ignore',
    });
  } catch {
    return idsOf('nobody');
  }
  return idsOf('postgres');
}

function namespacesWork(): boolean {
  try {
    const printed = execFileSync('unshare', [...namespaceArguments, 'id', '-u'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return printed.toString().trim() === namespaceId;
  } catch {
    return false;
  }
}

const namespaceArguments = ['--user', `--map-user=${namespaceId}`, `--map-group=${namespaceId}`];

/**
 * Chooses the runner for a cluster folder and the folder of the binaries. A cluster that exists keeps the
 * owner it has. Error `data_dir_unusable` names the folder that is in the way and the command that opens it.
 */
export function chooseRunner(clusterDir: string, binaryDir: string): Runner {
  if (process.platform === 'win32' || process.getuid?.() !== 0) return { kind: 'self' };
  const owner = lstatSync(clusterDir, { throwIfNoEntry: false });
  const user = owner !== undefined && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : postgresUser();
  const blocked =
    user === undefined
      ? undefined
      : (canReach(path.dirname(clusterDir), user.uid, user.gid) ?? canReach(binaryDir, user.uid, user.gid));
  if (user !== undefined && blocked === undefined) return { kind: 'user', ...user };
  if (namespacesWork()) return { kind: 'namespace' };
  const folder = blocked ?? path.dirname(clusterDir);
  throw new CodedError(
    'data_dir_unusable',
    `PostgreSQL does not run as root, and its user may not enter ${folder}; run: chmod o+x ${folder}, or set DATA_DIR to a folder it may enter`,
  );
}

/** Gives the cluster's folder to whoever runs it. */
export function handOver(clusterDir: string, runner: Runner): void {
  const ids = runner.kind === 'user' ? runner : runner.kind === 'namespace' ? { uid: 0, gid: 0 } : undefined;
  if (ids === undefined) return;
  const owner = lstatSync(clusterDir);
  if (owner.uid !== ids.uid) chownTree(clusterDir, ids.uid, ids.gid);
  chmodSync(clusterDir, 0o700);
}

function chownTree(folder: string, uid: number, gid: number): void {
  chownSync(folder, uid, gid);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) chownTree(full, uid, gid);
    else if (entry.isFile()) chownSync(full, uid, gid);
  }
}

/** The command line and spawn options of a PostgreSQL binary under a runner. */
export function commandFor(
  runner: Runner,
  binary: string,
  args: string[],
): { file: string; args: string[]; ids: { uid?: number; gid?: number } } {
  if (runner.kind === 'namespace')
    return { file: 'unshare', args: [...namespaceArguments, binary, ...args], ids: {} };
  if (runner.kind === 'user') return { file: binary, args, ids: { uid: runner.uid, gid: runner.gid } };
  return { file: binary, args, ids: {} };
}

export function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
