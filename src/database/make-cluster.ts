import { execFile } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { CodedError } from '../base/errors.ts';
import { diskFull } from './disk-full.ts';
import { commandFor, handOver, type Runner } from './unprivileged-user.ts';

const majorVersion = '18';
export const serverUser = 'tillstream';

/** Whether there is a cluster. Error `data_dir_unusable` where what is there is not one that can be used. */
export function hasCluster(clusterDir: string): boolean {
  let entries: string[] = [];
  try {
    entries = readdirSync(clusterDir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw new CodedError(
      'data_dir_unusable',
      `${clusterDir} cannot be read (${(error as Error).message}); run the program as its owner, or set DATA_DIR to another folder`,
      { cause: error },
    );
  }
  if (entries.length === 0) return false;
  if (!entries.includes('PG_VERSION')) {
    throw new CodedError(
      'data_dir_unusable',
      `${clusterDir} holds something that is not a PostgreSQL cluster; move it away, or set DATA_DIR to another folder`,
    );
  }
  const version = readFileSync(path.join(clusterDir, 'PG_VERSION'), 'utf8').trim();
  if (version === majorVersion) return true;
  throw new CodedError(
    'data_dir_unusable',
    `${clusterDir} holds a PostgreSQL ${version} cluster and this program brings ${majorVersion}; set DATA_DIR to another folder, or DATABASE_URL to a PostgreSQL ${version} server that serves this one`,
  );
}

/** Makes the cluster beside its place and moves it there when it is whole, so that a kill leaves no half of one. */
export async function makeCluster(
  clusterDir: string,
  initdb: string,
  runner: Runner,
  options: { password: string; durable: boolean; signal?: AbortSignal | undefined },
): Promise<void> {
  const building = `${clusterDir}.new`;
  const passwordFile = `${clusterDir}.password`;
  rmSync(building, { recursive: true, force: true });
  mkdirSync(building, { mode: 0o700 });
  handOver(building, runner);
  rmSync(passwordFile, { force: true });
  writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (runner.kind === 'user') chownSync(passwordFile, runner.uid, runner.gid);
  try {
    const args = [
      `--pgdata=${building}`,
      `--username=${serverUser}`,
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      // Sorted by code point, which no upgrade of a system changes, and upper and lower case in every alphabet.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--data-checksums',
      ...(options.durable ? [] : ['--no-sync']),
    ];
    await run(runner, initdb, args, { signal: options.signal });
    if (existsSync(clusterDir)) rmSync(clusterDir, { recursive: true });
    renameSync(building, clusterDir);
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    options.signal?.throwIfAborted();
    const detail = explain(error);
    const full = diskFull(path.dirname(clusterDir), detail, error);
    if (full !== undefined) throw full;
    throw new CodedError(
      'postgres_failed',
      `PostgreSQL could not make its cluster in ${clusterDir}: ${detail}`,
      { cause: error },
    );
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/** Sets the password of a cluster that does not run, where the file that held it was lost. */
export async function resetPassword(
  clusterDir: string,
  postgres: string,
  runner: Runner,
  password: string,
): Promise<void> {
  try {
    const statement = `alter role ${serverUser} password '${password}'\n`;
    await run(runner, postgres, ['--single', '-D', clusterDir, 'postgres'], { input: statement });
  } catch (error) {
    throw new CodedError(
      'postgres_failed',
      `server.json, which held the password of ${clusterDir}, is lost, and a new one could not be set: ${explain(error)}`,
      { cause: error },
    );
  }
}

type RunOptions = { input?: string; signal?: AbortSignal | undefined };

/** Settles once the program has ended, also where `signal` ended it. */
function run(runner: Runner, program: string, args: string[], options: RunOptions): Promise<void> {
  const command = commandFor(runner, program, args);
  return new Promise((resolve, reject) => {
    const child = execFile(
      command.file,
      command.args,
      { ...command.ids, cwd: '/', env: { PATH: process.env.PATH, LC_ALL: 'C' } },
      (error, _output, complaints) => {
        options.signal?.removeEventListener('abort', end);
        if (error === null) resolve();
        else reject(Object.assign(error, { stderr: complaints }));
      },
    );
    // A program that fails before it reads its input breaks the pipe; its exit code tells the reason.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
    const end = () => child.kill();
    options.signal?.addEventListener('abort', end);
    if (options.signal?.aborted) end();
  });
}

function explain(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  const detail = stderr?.trim() || message;
  // npm leaves the links to the shared libraries out when install scripts do not run.
  return /shared librar|image not found/i.test(detail) ? `${detail}; run: npm rebuild` : detail;
}
