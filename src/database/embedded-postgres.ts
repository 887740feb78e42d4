import { accessSync, constants, mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { connectionString, connectKeeper, countOtherKeepers } from './keeper.ts';
import { findRunning, stopPostmaster } from './postmaster.ts';
import { readServerFile, type ServerFile, writeServerFile } from './server-file.ts';
import { withServerLock } from './server-lock.ts';
import { boundLog, logFileOf, startServer } from './start-server.ts';

export type EmbeddedOptions = {
  dataDir: string;
  log: Log;
  /** Further server settings; a server that is adopted keeps those it was started with. */
  settings?: Record<string, string>;
  /** Gives up starting; the promise is rejected with its reason once nothing is left behind. */
  signal?: AbortSignal | undefined;
};
export type EmbeddedPostgres = {
  connectionString: string;
  /** Whether the server ran already. */
  adopted: boolean;
  /** Leaves the server; the last program to leave stops it. May be called twice. */
  stop(): Promise<void>;
};

type Place = {
  dataDir: string;
  clusterDir: string;
  log: Log;
  settings: Record<string, string>;
  signal: AbortSignal | undefined;
};
type Held = { adopted: boolean; file: ServerFile; keeper: pg.Client };

const answerMs = 60_000;
const recoveryMs = 30 * 60_000;
const retryMs = 100;
const restartMs = 1_000;
const checkLogMs = 60_000;
const wrongPassword = '28P01';

/**
 * Starts the PostgreSQL that comes with the program, or adopts the one that runs on this folder already: it
 * outlives a kill of the program. Every program that uses it holds one connection named `tillstream-keeper`;
 * the one that leaves when no other is left stops the server. A server that goes away under its users is
 * started again on the same port. Errors: `data_dir_unusable`, `postgres_failed`.
 */
export async function openEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const dataDir = prepareDataDir(options.dataDir);
  const place: Place = {
    dataDir,
    clusterDir: path.join(dataDir, 'postgres'),
    log: options.log,
    settings: options.settings ?? {},
    signal: options.signal,
  };
  const held = await withServerLock(dataDir, () => adoptOrStart(place, false), options.signal);
  options.log.debug({ port: held.file.port, adopted: held.adopted }, 'PostgreSQL is up');
  const stop = watch(place, held);
  if (options.signal?.aborted) await stop();
  options.signal?.throwIfAborted();
  return { connectionString: connectionString(held.file), adopted: held.adopted, stop };
}

/** Makes the folder and resolves links, so that all programs know the server by the same path. */
function prepareDataDir(dataDir: string): string {
  try {
    mkdirSync(dataDir, { recursive: true });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(dataDir);
  } catch (error) {
    throw new CodedError(
      'data_dir_unusable',
      `DATA_DIR ${dataDir} cannot be made or written (${(error as Error).message}); change its owner or mode, or set another`,
      { cause: error },
    );
  }
}

async function adoptOrStart(place: Place, again: boolean): Promise<Held> {
  const known = readServerFile(place.dataDir);
  const adopted = await adopt(place, known);
  if (adopted !== undefined) return adopted;
  const file = await startServer({ ...place, known, again });
  try {
    return { adopted: false, file, keeper: await connectKeeper(file) };
  } catch (error) {
    await stopPostmaster(place.clusterDir, place.log);
    const { code, message } = error as { code?: string; message: string };
    if (code === wrongPassword) throw passwordError(place, error);
    throw new CodedError(
      'postgres_failed',
      `PostgreSQL started but refuses its first connection (${message}); see ${logFileOf(place.clusterDir)}`,
      { cause: error },
    );
  }
}

/** The server that runs on this cluster, once it answers; it may be recovering, or on its way out. */
async function adopt(place: Place, known: ServerFile | undefined): Promise<Held | undefined> {
  const startedAt = Date.now();
  for (;;) {
    const running = findRunning(place.clusterDir);
    if (running === undefined) return undefined;
    place.signal?.throwIfAborted();
    if (known === undefined) {
      throw new CodedError(
        'data_dir_unusable',
        `${place.dataDir}/server.json, which holds the password of the running PostgreSQL, is lost; end it with: kill -INT ${running.pid}; the next start sets a new one`,
      );
    }
    const file = { ...known, port: running.port };
    try {
      const keeper = await connectKeeper(file);
      if (file.port !== known.port) {
        if (known.port !== 0)
          place.log.warn(
            { port: file.port, known: known.port },
            'PostgreSQL runs on another port than server.json says',
          );
        writeServerFile(place.dataDir, file);
      }
      return { adopted: true, file, keeper };
    } catch (error) {
      if ((error as { code?: string }).code === wrongPassword) throw passwordError(place, error);
      const limitMs = running.status === 'starting' ? recoveryMs : answerMs;
      if (Date.now() > startedAt + limitMs) {
        throw new CodedError(
          'postgres_failed',
          `the PostgreSQL that runs on ${place.clusterDir} does not answer (${(error as Error).message}); see ${logFileOf(place.clusterDir)}, or end it with: kill -INT ${running.pid}`,
          { cause: error },
        );
      }
    }
    await sleep(retryMs);
  }
}

function passwordError({ dataDir, clusterDir }: Place, cause: unknown): CodedError {
  return new CodedError(
    'data_dir_unusable',
    `the password in ${dataDir}/server.json is not that of ${clusterDir}; stop every program that uses it and remove server.json: the next start sets a new one`,
    { cause },
  );
}

/** Brings the server back where it goes away, and keeps its log small; returns how to leave it. */
function watch(place: Place, held: Held): () => Promise<void> {
  const { dataDir, clusterDir, log } = place;
  let keeper = held.keeper;
  let stopping: Promise<void> | undefined;
  const logTimer = setInterval(() => boundLog(clusterDir), checkLogMs);
  logTimer.unref();
  watchKeeper();

  function watchKeeper(): void {
    keeper.once('end', () => {
      if (stopping === undefined) void bringBack();
    });
  }

  /** The addresses that were handed out name the old port; the keeper still counts this program as a user. */
  function tellPort(port: number): void {
    const was = held.file.port;
    log.error(
      { port, was },
      `another program started PostgreSQL on port ${port} instead of ${was}; restart this one`,
    );
  }

  async function bringBack(): Promise<void> {
    log.warn('the connection to PostgreSQL broke');
    while (stopping === undefined) {
      try {
        await withServerLock(dataDir, async () => {
          if (stopping !== undefined) return;
          const found = await adoptOrStart(place, true);
          keeper = found.keeper;
          watchKeeper();
          if (found.file.port !== held.file.port) tellPort(found.file.port);
          if (!found.adopted) log.warn('PostgreSQL went away and was started again');
        });
        return;
      } catch (error) {
        log.error({ err: error }, 'PostgreSQL went away and cannot be started again');
        await sleep(restartMs);
      }
    }
  }

  async function leave(): Promise<void> {
    clearInterval(logTimer);
    await withServerLock(dataDir, async () => {
      try {
        // Where the count fails the server is down or about to be, and other users bring it back.
        const others = await countOtherKeepers(keeper).catch(() => 0);
        if (others === 0) await stopPostmaster(clusterDir, log);
      } finally {
        await keeper.end().catch(() => {});
      }
    });
  }

  return () => {
    stopping ??= leave();
    return stopping;
  };
}
