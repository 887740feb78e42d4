import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { CodedError } from '../base/errors.ts';

const run = promisify(execFile);
const longestBuildMs = 120_000;
const sourceFolders = ['src', 'public'];
const sourceFiles = ['index.html', 'vite.config.ts', 'build.ts', 'package.json'];

/** Beside `src`, in a checkout and in a container. */
export const webFolder = path.resolve(import.meta.dirname, '../../web');

/**
 * The folder with the built dashboard: the one made of its sources as they are, built now where there
 * is none; where the sources are not there (a container), the newest one. A build goes into a folder of its own
 * and gets its name, the hash of its sources, when it is complete: processes that build at once need no lock,
 * since the second to finish finds the first one's. Error `dashboard_unavailable`.
 */
export async function findBuild(web: string = webFolder): Promise<string> {
  const builds = path.join(web, 'dist');
  if (!existsSync(path.join(web, 'src'))) return await newestBuild(builds);
  const wanted = path.join(builds, await hashSources(web));
  if (existsSync(wanted)) return wanted;
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

async function newestBuild(builds: string): Promise<string> {
  const names = await readdir(builds).catch(() => []);
  const folders = names.filter((name) => !name.startsWith('.')).map((name) => path.join(builds, name));
  const times = await Promise.all(folders.map(async (folder) => (await stat(folder)).mtimeMs));
  const newest = folders[times.indexOf(Math.max(...times))];
  if (newest === undefined) throw unavailable(`there is no build in ${builds}`);
  return newest;
}

/** In a process of its own: the bundler takes 150 MB and seconds of a processor that serves requests here. */
async function build(web: string, wanted: string): Promise<void> {
  const unfinished = path.join(path.dirname(wanted), `.${path.basename(wanted)}-${process.pid}`);
  try {
    await mkdir(path.dirname(wanted), { recursive: true });
    await run(process.execPath, [path.join(web, 'build.ts'), unfinished], { timeout: longestBuildMs });
    await rename(unfinished, wanted).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
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
