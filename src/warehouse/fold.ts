import { type Client, type Database, inTransaction } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';
import { foldStatement, type MartSchema } from './fold-statement.ts';

/** Advisory locks: a mart has one writer at a time, and a swap of the marts takes both. */
export const foldLock = 7102;
export const rollUpLock = 7103;

/** A step of millions of products may take longer than a transaction usually may. */
export const beginLong = "begin; set local transaction_timeout = 0; set local statement_timeout = '10min'";

/**
 * The journal is read in the order of its index (see `readInOrder`), the rows of a step do not spill to files, and
 * a step, however few rows it takes, is not planned anew, which takes 8 ms. What the marts have is read by their index,
 * and what a step adds is compared with it by hash, whatever the tables' sizes were when the step was planned.
 */
const beginStep = `${beginLong}; set local work_mem = '16MB'; set local plan_cache_mode = force_generic_plan;
  set local enable_sort = off; set local enable_nestloop = off; set local enable_seqscan = off`;

/** Rows a step usually takes; the cost of a step is mostly the distinct mart rows it touches. */
const usualRowsPerStep = 5_000;
/** To read first what the marts have pays in full steps; where it was more than what was added, not in the next so many. */
const plainSteps = 16;

export type FoldDeps = {
  pool: Database;
  epoch: number;
  log: Log;
  metrics: Metrics;
  schema?: MartSchema;
  rowsPerStep?: number;
};

export function createFold(deps: FoldDeps) {
  const schema = deps.schema ?? 'cdm';
  const rowsPerStep = deps.rowsPerStep ?? usualRowsPerStep;
  const texts = {
    plain: foldStatement(schema, rowsPerStep, false),
    looking: foldStatement(schema, rowsPerStep, true),
  };
  /** Full steps until one looks first again; undefined after one that was not full. */
  let plainLeft: number | undefined;
  // The marts being rebuilt have no other writer, and filling them must not hold up the live ones.
  const lock = schema === 'cdm' ? `pg_try_advisory_xact_lock(${foldLock})` : 'true';

  const transaction = <T>(work: (client: Client) => Promise<T>) => inTransaction(deps.pool, work, beginStep);

  /** Answers how many journal rows were folded, a full step's number where it left some; 0 also where another process holds the lock. */
  async function step(): Promise<number> {
    const started = performance.now();
    const rows = await transaction(async (client) => {
      const [locked, cursor] = (await client.query(
        `select ${lock} as held;
         select epoch, xid::text as xid, position from ${schema}.cursor where follower = 'fold'`,
      )) as unknown as [
        { rows: { held: boolean }[] },
        { rows: { epoch: number; xid: string; position: number }[] },
      ];
      const from = cursor.rows[0];
      if (!locked.rows[0]!.held || from === undefined) return 0;
      const kind = plainLeft === 0 ? 'looking' : 'plain';
      const folded = await client.query<{ rows: number; looked: number; added: number }>({
        name: `fold-${kind}-${schema}-${rowsPerStep}`,
        text: texts[kind],
        values: [deps.epoch, from.epoch, from.xid, from.position],
      });
      const { rows, looked, added } = folded.rows[0]!;
      if (rows < rowsPerStep) plainLeft = undefined;
      else plainLeft = looked > added ? plainSteps : Math.max((plainLeft ?? 1) - 1, 0);
      return rows;
    });
    if (rows > 0) {
      deps.metrics.foldSeconds.observe({ step: 'fold' }, (performance.now() - started) / 1000);
      observeStage(deps.metrics, 'processor', 'fold', started);
    }
    return rows;
  }

  return { step, rowsPerStep };
}

/** The followers that loading waits for; one that reads a long history for the first time is not waited for. */
type Awaited = readonly ('fold' | 'customers')[];
const allAwaited: Awaited = ['fold', 'customers'];

const slowest = (followers: string) => `
  select epoch, xid, position from cdm.cursor where follower = any(${followers}::text[]) and caught_up
  order by epoch, xid, position limit 1`;

/**
 * Journal rows past the slowest of the followers, counted no further than `limit`. In order, else the planner, who takes a
 * third of the journal to be past any place, reads it from its beginning to find the few rows at its end.
 */
export async function countTail(
  pool: Database,
  limit: number,
  followers: Awaited = allAwaited,
): Promise<number> {
  const { rows } = await pool.query<{ rows: number }>({
    name: 'count-tail',
    text: `
      with slowest as materialized (${slowest('$2')})
      select count(*) as rows from (
        select 1 from stg.journal
        where contributions is not null and (epoch, xid, position) > (
          (select epoch from slowest), (select xid from slowest), (select position from slowest))
        order by epoch, xid, position limit $1
      ) as tail`,
    values: [limit, followers],
  });
  return rows[0]!.rows;
}

/**
 * Where the tail begins, which it grows from until this is another place, and how many positions of the journal were given
 * since: about its rows where all of them count, more where some do not, and got without reading any.
 */
export async function readTailStart(pool: Database): Promise<{ start: string; positions: number }> {
  const { rows } = await pool.query<{ start: string; positions: number }>({
    name: 'read-tail-start',
    text: `
      select concat_ws(' ', epoch, xid, position) as start, (select last_value from stg.journal_position) - position as positions
      from (${slowest('$1')}) as slowest`,
    values: [allAwaited],
  });
  return rows[0] ?? { start: '', positions: 0 };
}
