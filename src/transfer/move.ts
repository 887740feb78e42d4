import { type Client, type Database, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type CarriedJob, openQueues, readUndoneJobs } from '../jobs/carry-jobs.ts';
import {
  type CarriedTable,
  carriedSchemas,
  listPartitions,
  listParts,
  listTables,
  makePartitions,
  ownSchemas,
  type Part,
  type Partition,
  raiseEpoch,
  readSequences,
  type SequenceState,
  setSequences,
} from './carried-tables.ts';
import { copyAcross, copyInStatement, copyOutStatement } from './copy-table.ts';
import type { AppliedMigration } from './manifest.ts';
import { beginMove, noteBlocks, readDoneBlocks, readMove, setPhase } from './move-progress.ts';
import { checkMigrations, makeTables, refuseUsed } from './prepare-target.ts';
import type { OnProgress } from './progress.ts';
import { beginFilling } from './restore.ts';

export type MoveDeps = {
  source: Database;
  target: Database;
  targetConnectionString: string;
  moveId: string;
  log: Log;
  onProgress: OnProgress;
  /** Ends the move; run again it goes on. */
  signal?: AbortSignal;
};

/** Of one table in one transaction: what a kill costs at most. 32 MB where a block has 8 KB. */
const blocksPerStep = 4_096;
const moveLock = 7191;

/**
 * Nobody writes the source while it is read: the lock waits for what a killed program still commits, and the
 * snapshot comes after it. So rows stay where they are, and a part of a table can be named by its blocks.
 */
const beginReading =
  "begin isolation level repeatable read read only; set local transaction_timeout = 0; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local tcp_user_timeout = 0; set local lock_timeout = '60s'";

type Source = {
  tables: CarriedTable[];
  parts: Part[];
  partitions: Partition[];
  sequences: SequenceState[];
  jobs: CarriedJob[];
  migrations: AppliedMigration[];
};

/**
 * Copies an installation that is out of service into another database, step by step; each step is one
 * transaction there that also notes how far it came. Resolves once everything is over there; the schema that
 * keeps programs away from the target is still in it. Answers how many rows were copied by this call.
 */
export async function moveData(deps: MoveDeps): Promise<number> {
  const guard = await deps.target.connect();
  try {
    const { rows } = await guard.query(`select pg_try_advisory_lock(${moveLock}) as held`);
    if (!rows[0].held)
      throw new CodedError('transfer_failed', 'another move into this database runs; wait for it or end it');
    return await inTransaction(deps.source, (client) => moveFrom(deps, client), beginReading);
  } finally {
    guard.release(true);
  }
}

async function moveFrom(deps: MoveDeps, client: Client): Promise<number> {
  const names = (await listTables(deps.source)).map(({ name }) => name);
  if (!names.includes('ops.installation'))
    throw new CodedError('transfer_failed', 'DATA_DIR holds nothing to move; it was never started');
  await client.query(`lock table ${names.join(', ')} in share mode`);
  const source = await readSource(client);
  checkMigrations(source.migrations);
  let phase = await begin(deps);
  if (phase === 'preparing') {
    await prepare(deps, source);
    phase = 'copying';
  }
  if (phase === 'copied') return 0;
  const rows = await copyParts(deps, client, source.parts);
  await compareCounts(deps, client, source.tables);
  await finish(deps, source);
  // Plans made without statistics would take the rebuild that follows hours.
  for (const { name } of source.tables) await deps.target.query(`analyze ${name}`);
  return rows;
}

async function readSource(client: Client): Promise<Source> {
  const tables = await listTables(client);
  const migrations = await client.query<AppliedMigration>(
    'select number, name, checksum from ops.migration order by number',
  );
  return {
    tables,
    parts: await listParts(client, tables),
    partitions: await listPartitions(client),
    sequences: await readSequences(client),
    jobs: await readUndoneJobs(client),
    migrations: migrations.rows,
  };
}

/** Where this move has come to; the beginning where the target is empty, or holds what another move left. */
async function begin({ target, moveId }: MoveDeps): Promise<'preparing' | 'copying' | 'copied'> {
  const found = await readMove(target);
  if (found?.moveId === moveId) return found.phase;
  if (found === undefined) await refuseUsed(target);
  await inTransaction(target, async (client) => {
    if (found !== undefined) {
      const schemas = [...carriedSchemas, ...Object.keys(ownSchemas)];
      await client.query(`drop schema if exists ${schemas.join(', ')} cascade`);
    }
    await beginMove(client, moveId);
  });
  return 'preparing';
}

async function prepare(deps: MoveDeps, source: Source): Promise<void> {
  await makeTables(deps.target, source.migrations, deps.log);
  const queues = await openQueues({ connectionString: deps.targetConnectionString, log: deps.log });
  await queues.close();
  await inTransaction(
    deps.target,
    async (client) => {
      await client.query(`truncate ${source.tables.map(({ name }) => name).join(', ')}`);
      await makePartitions(client, source.partitions);
      await setPhase(client, 'copying');
    },
    beginFilling,
  );
}

async function copyParts(deps: MoveDeps, client: Client, parts: readonly Part[]): Promise<number> {
  const done = await readDoneBlocks(deps.target);
  let rows = 0;
  for (const [index, part] of parts.entries()) {
    const onBytes = deps.onProgress({ table: part.name, number: index + 1, of: parts.length });
    for (let from = done.get(part.name) ?? 0; from < part.blocks; from += blocksPerStep) {
      deps.signal?.throwIfAborted();
      rows += await copyBlocks(deps, client, part, from, onBytes);
    }
  }
  return rows;
}

async function copyBlocks(
  deps: MoveDeps,
  client: Client,
  part: Part,
  from: number,
  onBytes: (bytes: number) => void,
): Promise<number> {
  const until = Math.min(from + blocksPerStep, part.blocks);
  const condition = `ctid >= '(${from},0)'::tid and ctid < '(${until},0)'::tid`;
  const statement = copyOutStatement(part.table, part.name, condition);
  return await inTransaction(
    deps.target,
    async (into) => {
      const target = { client: into, statement: copyInStatement(part.table) };
      const rows = await copyAcross({ client, statement }, target, {
        onBytes,
        signal: deps.signal,
      });
      await noteBlocks(into, { name: part.name, blocks: until, rows });
      return rows;
    },
    beginFilling,
  );
}

/** Before the target is called whole: a part that was left out by a mistake of ours must not go unseen. */
async function compareCounts(deps: MoveDeps, client: Client, tables: readonly CarriedTable[]): Promise<void> {
  for (const { name } of tables) {
    deps.signal?.throwIfAborted();
    const text = `select count(*) as rows from ${name}`;
    const [here, there] = [await client.query(text), await deps.target.query(text)];
    if (here.rows[0].rows !== there.rows[0].rows)
      throw new CodedError(
        'transfer_failed',
        `${name} has ${here.rows[0].rows} rows here and ${there.rows[0].rows} over there; remove DATA_DIR/moved.json to stay here, and report this`,
      );
  }
}

/** What is not rows of tables, and the phase with it: none of it is done twice. */
async function finish(deps: MoveDeps, source: Source): Promise<void> {
  const queues = await openQueues({ connectionString: deps.targetConnectionString, log: deps.log });
  try {
    await inTransaction(
      deps.target,
      async (client) => {
        await setSequences(client, source.sequences);
        await raiseEpoch(client);
        await queues.insert(client, source.jobs);
        await setPhase(client, 'copied');
      },
      beginFilling,
    );
  } finally {
    await queues.close();
  }
}
