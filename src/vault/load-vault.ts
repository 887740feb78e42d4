import { type Client, type Database, inTransaction } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';
import type { Reference } from '../reference/reference.ts';
import { readContribution } from '../sales/stored-contribution.ts';
import { readInOrder } from '../stream/follow.ts';
import { erasePerson } from './erase-person.ts';
import { followReference } from './follow-reference.ts';
import type { VaultSchema } from './hubs.ts';
import { createVaultKeys } from './keys.ts';
import { createVaultNames } from './names.ts';
import { createPastReference } from './past-reference.ts';
import { readDailyPage, withDailyLines } from './read-daily.ts';
import { type FollowedRow, type JournalPlace, readContributions, readNextRows } from './read-journal.ts';
import { type Parse, readSale, saleOfContribution, type VaultSale } from './read-sale.ts';
import { writeSales } from './write-sales.ts';

/** Advisory lock: the vault has one writer at a time. */
export const vaultLock = 7120;

/** A vault that a crash sets back goes on from its cursor, which goes back with it. */
const begin = 'begin; set local synchronous_commit = off';
const usualRowsPerStep = 1_000;
/** A daily file of more lines goes into the vault page by page, each in a transaction of its own. */
const linesPerPage = 20_000;

export type VaultDeps = {
  pool: Database;
  epoch: number;
  identity: 'source' | 'place';
  reference: Reference;
  parse: Parse;
  log: Log;
  metrics: Metrics;
  schema?: VaultSchema;
  rowsPerStep?: number;
  linesPerPage?: number;
};

type Cursor = JournalPlace & { generation: number; reference_version: number };

/** What the next step takes: sales, or one row that is a step by itself. */
type Batch = { sales: readonly FollowedRow[] } | { erased: FollowedRow } | { large: FollowedRow };
const readCursor = (schema: VaultSchema) => `
  select j.epoch, j.xid::text as xid, j.position, j.generation, r.position as reference_version
  from ${schema}.cursor as j cross join ${schema}.cursor as r
  where j.follower = 'journal' and r.follower = 'reference'`;

const moveCursor = (schema: VaultSchema) => `
  update ${schema}.cursor as c set epoch = m.epoch, xid = m.xid, position = m.position, moved_at = now()
  from (values ('journal', $1::integer, $2::xid8, $3::bigint), ('reference', 0, '0'::xid8, $4::bigint))
    as m(follower, epoch, xid, position)
  where c.follower = m.follower and (c.epoch, c.xid, c.position) <> (m.epoch, m.xid, m.position)`;

/**
 * Follows the journal and the reference history in order and keeps them as a Data Vault. Each step moves its
 * cursors in the transaction of its rows, so it may stop anywhere.
 */
export function createVaultFollower(deps: VaultDeps) {
  const schema = deps.schema ?? 'dds';
  const rowsPerStep = deps.rowsPerStep ?? usualRowsPerStep;
  const pageSize = deps.linesPerPage ?? linesPerPage;
  const keys = createVaultKeys();
  const names = createVaultNames(schema);
  const writing = { schema, keys, names, identity: deps.identity };
  const pastReference = createPastReference(deps.reference);
  let generation: number | undefined;

  function forget(): void {
    keys.forget();
    names.forget();
  }

  /** What was written is remembered once it is committed; what was rolled back is forgotten. */
  async function remembering<T>(work: (client: Client) => Promise<T>): Promise<T> {
    try {
      const result = await inTransaction(deps.pool, work, begin);
      keys.committed();
      names.committed();
      return result;
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** Answers how many rows were followed, a full step's number where it left some; 0 also where another process holds the lock. */
  async function step(): Promise<number> {
    const started = performance.now();
    const { done, large } = await remembering(followBatch);
    if (large !== undefined) await writeLarge(large);
    if (done > 0) observeStage(deps.metrics, 'vault', 'write', started);
    return done;
  }

  /** One transaction: rows and both cursors, or nothing of it. A file that is too large for one is only named. */
  async function followBatch(client: Client): Promise<{ done: number; large?: FollowedRow }> {
    // 1. One writer at a time; the cursors are read after the lock.
    const from = await hold(client);
    if (from === undefined) return { done: 0 };
    // 2. What things are called, and what is on the menus.
    const told = await followReference(client, writing, from.reference_version);
    // 3. The next rows of the journal, of transactions older than every running one.
    const rows = await readInOrder(client, () => readNextRows(client, deps.epoch, from, rowsPerStep));
    const batch = takeBatch(rows, pageSize);
    const end = await write(client, batch);
    // 4. The cursors move with what they stand for.
    await move(client, end ?? from, told.version);
    const isAll = end?.position === rows.at(-1)?.position && told.changes === 0;
    return { done: isAll ? rows.length : rowsPerStep, ...('large' in batch ? { large: batch.large } : {}) };
  }

  /** Answers the row up to which the journal is in the vault now. */
  async function write(client: Client, batch: Batch): Promise<FollowedRow | undefined> {
    if ('large' in batch) return undefined;
    if ('erased' in batch) {
      await erasePerson(client, schema, batch.erased);
      // What this process knows as stored may be gone.
      forget();
      return batch.erased;
    }
    const sales = await withDailyLines(client, await readSales(client, batch.sales));
    await writeSales(client, writing, sales);
    await names.writeOfSales(client, sales);
    return batch.sales.at(-1);
  }

  /** Undefined where another process writes. */
  async function hold(client: Client): Promise<Cursor | undefined> {
    // The vault that is being rebuilt has no other writer.
    const lock = schema === 'dds' ? `pg_try_advisory_xact_lock(${vaultLock})` : 'true';
    const held = await client.query<{ held: boolean }>(`select ${lock} as held`);
    if (!held.rows[0]!.held) return undefined;
    const { rows } = await client.query<Cursor>(readCursor(schema));
    const cursor = rows[0];
    // Other tables may have taken the place of those that this process has written to.
    if (cursor !== undefined && cursor.generation !== generation) forget();
    generation = cursor?.generation;
    return cursor;
  }

  async function move(client: Client, to: JournalPlace, referenceVersion: number): Promise<void> {
    await client.query({
      name: `vault-move-${schema}`,
      text: moveCursor(schema),
      values: [to.epoch, to.xid, to.position, referenceVersion],
    });
  }

  async function readSales(client: Client, rows: readonly FollowedRow[]): Promise<VaultSale[]> {
    const referenceAt = await pastReference(
      client,
      rows.map((row) => row.reference_version),
    );
    const read = rows.map((row) => ({
      row,
      sale: readSale(row, referenceAt(row.reference_version), deps.parse),
    }));
    const unread = read.flatMap(({ row, sale }) => (sale === undefined ? [row] : []));
    if (unread.length === 0) return read.flatMap(({ sale }) => sale ?? []);
    // They stay as they were counted, as everywhere; what never counted is left out.
    const positions = unread.map((row) => row.position);
    const recorded = await readContributions(client, positions);
    deps.log.warn(
      { positions: positions.slice(0, 10), rows: positions.length },
      'some documents cannot be read any more; the vault has them as they were counted',
    );
    return read.flatMap(({ row, sale }) => {
      const put = recorded.get(row.position);
      return sale ?? (put ? saleOfContribution(row, put) : []);
    });
  }

  /**
   * The lines first, in as many transactions as it takes; nobody finds them before the sale itself is there,
   * and whoever begins again writes the same.
   */
  async function writeLarge(row: FollowedRow): Promise<void> {
    const sale = saleOfContribution(row, row.contribution!);
    const isStillNext = async (client: Client) => {
      const from = await hold(client);
      const next = from && (await readNextRows(client, deps.epoch, from, 1))[0];
      return next?.position === row.position;
    };
    for (let after = 0; ; ) {
      const page = await remembering(async (client) => {
        if (!(await isStillNext(client))) return undefined;
        const lines = await readDailyPage(client, sale.documentId!, after, pageSize);
        await writeSales(client, writing, [{ ...sale, lines }], false);
        await names.writeOfSales(client, [{ ...sale, lines }]);
        if (lines.length < pageSize) {
          await writeSales(client, writing, [sale]);
          const cursor = await client.query<Cursor>(readCursor(schema));
          await move(client, row, cursor.rows[0]!.reference_version);
        }
        return lines;
      });
      if (page === undefined || page.length < pageSize) return;
      after = page.at(-1)!.number;
    }
  }

  return { step, rowsPerStep };
}

/** An erasure and a large daily file are steps by themselves. */
function takeBatch(rows: readonly FollowedRow[], pageSize: number): Batch {
  const isLarge = ({ contribution }: FollowedRow) =>
    contribution !== null && (readContribution(contribution).count ?? 0) > pageSize;
  const [first] = rows;
  if (first?.verdict === 'erased') return { erased: first };
  if (first !== undefined && isLarge(first)) return { large: first };
  const end = rows.findIndex((row) => row.verdict === 'erased' || isLarge(row));
  return { sales: end === -1 ? rows : rows.slice(0, end) };
}
