import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { createPool, type Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { randomId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { readConfig } from '../config.ts';
import { countOtherKeepers } from '../database/keeper.ts';
import { hasCluster } from '../database/make-cluster.ts';
import { migrate } from '../database/migrate.ts';
import {
  type MovedFile,
  movedFileName,
  readMovedFile,
  removeMovedFile,
  writeMovedFile,
} from '../database/moved-file.ts';
import { openDatabase } from '../database/open-database.ts';
import { moveData } from '../transfer/move.ts';
import { endMove, readMove } from '../transfer/move-progress.ts';
import { refuseUsed } from '../transfer/prepare-target.ts';
import { audit } from './audit.ts';
import { rebuild } from './rebuild.ts';
import { runTransfer, type Transfer } from './run-transfer.ts';
import { withWarehouse } from './with-warehouse.ts';

const runningLooks = 20;
const runningPauseMs = 100;

type Move = Transfer & { to: string; moved: MovedFile; isNew: boolean };

async function move({ to }: { to: string }): Promise<void> {
  const address = readTarget(to);
  const isCopied = await runTransfer(words, async (transfer) => {
    const { config, log } = transfer;
    if (config.databaseUrl !== undefined)
      throw new CodedError(
        'invalid_configuration',
        'move carries the embedded installation of DATA_DIR, and DATABASE_URL is set; unset it',
      );
    const known = readKnown(config.dataDir, address);
    const moved = known ?? {
      moveId: randomId('move'),
      to: address,
      startedAt: new Date().toISOString(),
    };
    if (moved.finishedAt === undefined) await carry({ ...transfer, to, moved, isNew: known === undefined });
    await openTarget(to, log, (target) => endMove(target, moved.moveId));
  });
  if (!isCopied) return;
  console.log(`everything is in ${address}; from now on start with DATABASE_URL set to it`);
  await withWarehouse(
    { applicationName: 'tillstream-move', followers: false, config: { ...readConfig(), databaseUrl: to } },
    async (opened) => {
      await rebuild(opened);
      await audit(opened);
    },
  );
}

const words = {
  whenStopped: 'the same command goes on where it was',
  whenFailed: 'see what the message names; the same command goes on where it was',
};

/** `host:port/database`, which may be shown. */
function readTarget(to: string): string {
  if (!/^postgres(ql)?:\/\//.test(to) || !URL.canParse(to))
    throw new CodedError(
      'invalid_configuration',
      '--to is not an address of the form postgres://user:password@host:5432/database',
    );
  const { host, pathname } = new URL(to);
  return `${host}${pathname}`;
}

function readKnown(dataDir: string, address: string): MovedFile | undefined {
  const known = readMovedFile(dataDir);
  if (known === undefined || known.to === address) return known;
  throw new CodedError(
    'data_dir_unusable',
    `${dataDir} ${known.finishedAt === undefined ? 'is being moved' : 'was moved'} to ${known.to}; give that address, or remove ${movedFileName(dataDir)} to begin another move`,
  );
}

/** Takes the source out of service, and copies. The mark stays whatever comes, unless a program still runs there. */
async function carry(run: Move): Promise<void> {
  const { config, to, moved, isNew, log, signal, progress } = run;
  const { dataDir } = config;
  if (!hasCluster(path.join(dataDir, 'postgres')))
    throw new CodedError(
      'data_dir_unusable',
      `${dataDir} holds no installation; set DATA_DIR to the one to move`,
    );
  await openTarget(to, log, async (target) => {
    // A target that cannot be filled is met before the source is taken out of service.
    if ((await readMove(target)) === undefined) await refuseUsed(target);
    if (isNew) writeMovedFile(dataDir, moved);
    const database = await openDatabase({ databaseUrl: undefined, dataDir, log, moving: true });
    const source = openPool(database.connectionString);
    try {
      await refuseRunning(source, dataDir, isNew);
      await migrate(source, { log });
      const rows = await moveData({
        ...{ source, target, targetConnectionString: to, moveId: moved.moveId, log, signal },
        onProgress: progress.onProgress,
      });
      progress.end();
      writeMovedFile(dataDir, { ...moved, finishedAt: new Date().toISOString() });
      console.log(`copied: ${rows} rows`);
    } finally {
      await source.end();
      await database.close();
    }
  });
}

/** Whoever opened the server before our mark was there is counted here, and whoever comes later sees the mark. */
async function refuseRunning(source: Database, dataDir: string, isNew: boolean): Promise<void> {
  const client = await source.connect();
  try {
    // One of them is our own; that of a program that was just killed goes in a moment.
    for (let look = 0; look < runningLooks; look++) {
      if ((await countOtherKeepers(client)) <= 1) return;
      await sleep(runningPauseMs);
    }
  } finally {
    client.release();
  }
  if (isNew) removeMovedFile(dataDir);
  throw new CodedError(
    'transfer_failed',
    `a program runs on ${dataDir}; stop it, so that no sale comes in behind the move, and run this again`,
  );
}

async function openTarget<T>(to: string, log: Log, work: (target: Database) => Promise<T>): Promise<T> {
  await openDatabase({ databaseUrl: to, dataDir: '', log, moving: true });
  const target = openPool(to);
  try {
    return await work(target);
  } finally {
    await target.end();
  }
}

function openPool(connectionString: string): Database {
  return createPool({
    connectionString,
    applicationName: 'tillstream-move',
    maximumConnections: 3,
    transactionTimeoutMs: 0,
  });
}

export function moveCommand(): Command {
  return new Command('move')
    .description(
      'carry the embedded installation of DATA_DIR to another PostgreSQL, rebuild and audit it there',
    )
    .requiredOption('--to <address>', 'postgres://user:password@host:5432/database, an empty database')
    .addHelpText(
      'after',
      `
Stop the program first: nothing is taken in while it moves. Killed at any moment, the same command goes on where
it was. DATA_DIR is left as it is, and starts no more: it says where the installation went. PGPASSWORD may hold the
password instead of the address.`,
    )
    .action(move);
}
