import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, constants, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CodedError } from '../base/errors.ts';

const run = promisify(execFile);
const longestBuildMs = 120_000;
const lookAgainMs = 200;
const sourceFolders = ['src', 'public'];
const sourceFiles = ['index.html', 'vite.config.ts', 'build.ts', 'package.json'];

/** Beside `src`, in a checkout and in a container. */
export const webFolder = path.resolve(import.meta.dirname, '../../web');

/**
 * The folder with the built dashboard: the one made of its sources as they are, built now where there
 * is none; where the sources are not there (a container) or nothing can be written, the newest one. A build goes into a folder of its own
 * and gets its name, the hash of its sources, when it is complete. Error `dashboard_unavailable`.
 */
export async function findBuild(web: string = webFolder): Promise<string> {
  const builds = path.join(web, 'dist');
  if (!existsSync(path.join(web, 'src'))) return await newestBuild(builds);
  const wanted = path.join(builds, await hashSources(web));
  if (existsSync(wanted)) return wanted;
  try {
    await mkdir(builds, { recursive: true });
    await access(builds, constants.W_OK);
  } catch (error) {
    // Nothing can be written here, so what was built before is served.
    return await newestBuild(builds, error);
  }
  await build(web, wanted);
  return wanted;
}

/** By content, since a checkout or a container gives files new times. */
async function hashSources(web: string): Promise<string> {
  const hash = createHash('sha256');
  const found = await Promise.all(
    sourceFolders.map((folder) => readdir(path.join(web, folder), { recursive: true, withFileTypes: true })),
  );
  const inFolders = found
    .flat()
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(web, path.join(entry.parentPath, entry.name)));
  for (const file of [...sourceFiles, ...inFolders].sort()) {
    const bytes = await readFile(path.join(web, file));
    hash.update(`${file.replaceAll('\\', '/')} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex').slice(0, 16);
}

async function newestBuild(builds: string, cause?: unknown): Promise<string> {
  const names = await readdir(builds).catch(() => []);
  const folders = names.filter((name) => !name.startsWith('.')).map((name) => path.join(builds, name));
  const times = await Promise.all(folders.map(async (folder) => (await stat(folder)).mtimeMs));
  const newest = folders[times.indexOf(Math.max(...times))];
  if (newest === undefined) throw unavailable(`there is no build in ${builds}`, cause);
  return newest;
}

/** One process builds, the others wait for it. */
async function build(web: string, wanted: string): Promise<void> {
  const lock = path.join(path.dirname(wanted), `.${path.basename(wanted)}.lock`);
  while (!existsSync(wanted)) {
    if (!(await takeLock(lock))) {
      await sleep(lookAgainMs);
      continue;
    }
    try {
      if (!existsSync(wanted)) await runBuild(web, wanted);
    } finally {
      await rm(lock, { force: true });
    }
  }
}

/** A lock holds as long as the process lives that wrote its id into it, and no longer than a build may take. */
async function takeLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
  const written = await stat(lock).catch(() => undefined);
  if (written === undefined) return false;
  // Ids are given anew, so another process may have it by now. One that is being written is empty for a moment.
  const isOld = Date.now() - written.mtimeMs > 2 * longestBuildMs;
  if (isOld || (holder > 0 && !isAlive(holder))) await rm(lock, { force: true });
  return false;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** In a process of its own: the bundler takes 150 MB and seconds of a processor that serves requests here. */
async function runBuild(web: string, wanted: string): Promise<void> {
  const unfinished = path.join(path.dirname(wanted), `.${path.basename(wanted)}`);
  await rm(unfinished, { recursive: true, force: true });
  try {
    await run(process.execPath, [path.join(web, 'build.ts'), unfinished], { timeout: longestBuildMs });
    await rename(unfinished, wanted);
    await removeOthers(wanted);
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const reason = (stderr ?? message).trim();
    throw unavailable(reason === '' ? message : reason, error);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Programs that serve them hold them in memory. */
async function removeOthers(kept: string): Promise<void> {
  const builds = path.dirname(kept);
  for (const name of await readdir(builds))
    if (!name.startsWith('.') && name !== path.basename(kept))
      await rm(path.join(builds, name), { recursive: true, force: true });
}

function unavailable(reason: string, cause?: unknown): CodedError {
  return new CodedError(
    'dashboard_unavailable',
    `the dashboard is not built and could not be: ${reason.slice(0, 500)}; run npm ci, then node web/build.ts says more`,
    { cause },
  );
}
