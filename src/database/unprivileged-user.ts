import { execFileSync } from 'node:child_process';
import { chmodSync, lchownSync, lstatSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { CodedError } from '../base/errors.ts';

/**
 * How PostgreSQL is started, since it refuses to run as root.
 * - `self`: as the user this program runs as, which is not root.
 * - `user`: as an unprivileged user; where that user may not enter the folders on the way to the data or to
 *   the binaries (a checkout below /root, say), it is given the one capability to pass through them.
 * - `namespace`: root, mapped to another id inside a user namespace, where capabilities cannot be given.
 */
export type Runner =
  | { kind: 'self' }
  | { kind: 'user'; uid: number; gid: number; capability?: string }
  | { kind: 'namespace' };

type Ids = { uid: number; gid: number };

/** To read and enter every folder, or, in containers that lack it, to pass every file permission. */
const passingCapabilities = ['dac_read_search', 'dac_override'];
const namespaceId = '65534';

/**
 * Chooses the first runner that gets through to the data and to the binaries, found by trying. A cluster that
 * exists keeps the owner it has. Error `data_dir_unusable` names the folder in the way and how to open it.
 */
export function chooseRunner(clusterDir: string, postgres: string): Runner {
  const existing = statSync(clusterDir, { throwIfNoEntry: false });
  const self = process.getuid?.();
  if (process.platform === 'win32' || self === undefined) return { kind: 'self' };
  if (self !== 0) {
    if (existing === undefined || existing.uid === self) return { kind: 'self' };
    throw new CodedError(
      'data_dir_unusable',
      `${clusterDir} belongs to user ${existing.uid}, this program runs as ${self}; run it as that user or as root, or run: sudo chown -R ${self} ${path.dirname(clusterDir)}`,
    );
  }
  const user = existing !== undefined && existing.uid !== 0 ? existing : postgresUser();
  const candidates: Runner[] = [
    ...(user === undefined ? [] : userRunners({ uid: user.uid, gid: user.gid })),
    { kind: 'namespace' },
  ];
  const dataDir = path.dirname(clusterDir);
  let trouble = '';
  for (const runner of candidates) {
    const found = tryRunner(runner, dataDir, postgres);
    if (found === undefined) return runner;
    trouble ||= found;
  }
  if (user === undefined)
    throw new CodedError(
      'data_dir_unusable',
      'PostgreSQL does not run as root, and no user was found for it; run: useradd --system postgres',
    );
  const blocked = findBlocked(dataDir, user) ?? findBlocked(postgres, user);
  if (blocked === undefined)
    throw new CodedError('postgres_failed', `${postgres} does not run: ${trouble}; run: npm ci`);
  throw new CodedError(
    'data_dir_unusable',
    `PostgreSQL does not run as root, and user ${user.uid}, as whom it would run, may not enter ${blocked}; run: chmod o+x ${blocked}, or set DATA_DIR to a folder it may enter`,
  );
}

function userRunners(ids: Ids): Runner[] {
  const plain: Runner = { kind: 'user', ...ids };
  if (process.platform !== 'linux') return [plain];
  return [plain, ...passingCapabilities.map((capability) => ({ ...plain, capability }))];
}

/** What keeps a runner from working; undefined where it works. */
function tryRunner(runner: Runner, dataDir: string, postgres: string): string | undefined {
  const script = 'cd "$1" && exec "$2" --version';
  const command = commandFor(runner, '/bin/sh', ['-c', script, 'sh', dataDir, postgres]);
  try {
    execFileSync(command.file, command.args, {
      ...command.ids,
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return undefined;
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr || (error as Error).message).trim();
  }
}

/** The command line and spawn options of a program under a runner; the process that runs is the one spawned. */
export function commandFor(
  runner: Runner,
  program: string,
  args: string[],
): { file: string; args: string[]; ids: Partial<Ids> } {
  if (runner.kind === 'self') return { file: program, args, ids: {} };
  if (runner.kind === 'namespace') {
    const mapping = ['--user', `--map-user=${namespaceId}`, `--map-group=${namespaceId}`];
    return { file: 'unshare', args: [...mapping, program, ...args], ids: {} };
  }
  const { uid, gid, capability } = runner;
  if (capability === undefined) return { file: program, args, ids: { uid, gid } };
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const only = `-all,+${capability}`;
  const capabilities = [`--inh-caps=${only}`, `--ambient-caps=${only}`];
  return { file: 'setpriv', args: [...ids, ...capabilities, program, ...args], ids: {} };
}

/** Gives a folder and what is in it to whoever runs PostgreSQL. */
export function handOver(folder: string, runner: Runner): void {
  if (runner.kind === 'self') return;
  const ids = runner.kind === 'user' ? runner : { uid: 0, gid: 0 };
  // The folder itself changes owner last: as long as it has not, the work is not finished and done again.
  if (lstatSync(folder).uid !== ids.uid) changeOwner(folder, ids);
  chmodSync(folder, 0o700);
}

function changeOwner(folder: string, ids: Ids): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) changeOwner(full, ids);
    else lchownSync(full, ids.uid, ids.gid);
  }
  lchownSync(folder, ids.uid, ids.gid);
}

/** The first folder on the way to a path that a user may not enter, by its mode. */
function findBlocked(target: string, user: Ids): string | undefined {
  const parts = path.resolve(target).split(path.sep);
  for (let length = 1; length <= parts.length; length++) {
    const folder = parts.slice(0, length).join(path.sep) || path.sep;
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (!stat?.isDirectory()) return undefined;
    const bit = stat.uid === user.uid ? 0o100 : stat.gid === user.gid ? 0o010 : 0o001;
    if ((stat.mode & bit) === 0) return folder;
  }
  return undefined;
}

function postgresUser(): Ids | undefined {
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

function idsOf(name: string): Ids | undefined {
  try {
    const id = (flag: string) =>
      Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }).toString());
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}
