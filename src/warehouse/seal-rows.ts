import type { Client, Database } from '../base/db.ts';
import { inTransaction } from '../base/db.ts';

export const journalColumns = `position, epoch, xid, received_at, source, source_id, version, sale_seq, verdict, place_id, problems,
    resolved, contributions, reference_version, document, content_type, token_id, replay_of, topic, partition, "offset"`;

/** Each looks up its sale in the registry, so a transaction is short; nothing else waits for it. */
const rowsPerPage = 5_000;
const changesPerPage = 500;

export type SealScope = {
  /** Rows received before are sealed. */
  before: Date;
  identity: 'source' | 'place';
};

/** For conditions on the journal: a literal, so that younger partitions are left out when the plan is made. */
export const isOld = (alias: string, before: Date) =>
  `${alias}.received_at < '${before.toISOString()}'::timestamptz`;

/**
 * Of the journal's rows in `from`, as they stand in `stg.sealed_sale`. Two kinds are kept, and erasures:
 * - the last row of each sale, whatever came after the seal, with what it put in and without what it took out: the
 *   rows that had put that in are gone, so what is left adds up to the same;
 * - where that row was re-attributed, the one it names, for its document. It counts for nothing any more, which is
 *   written as taking out what it puts in: readers find there what they always found.
 */
function keptRows(from: string, { before, identity }: SealScope): string {
  const scope = (alias: string) => (identity === 'place' ? `coalesce(${alias}.place_id, '')` : "''::text");
  return `
    select j.position, j.epoch, j.xid, j.received_at, j.source, j.source_id, j.version, j.sale_seq, j.verdict, j.place_id,
      j.problems, j.resolved,
      case when p.put = '[]' or p.put is null then null when last.position = j.position or j.sale_seq is null then p.put
        else jsonb_set(p.put, '{0,sign}', '-1') || p.put end as contributions,
      j.reference_version, j.document, j.content_type, j.token_id, j.replay_of, j.topic, j.partition, j."offset"
    from ${from} as j
    left join lateral (
      select s.journal_position, s.journal_at from stg.sale as s
      where s.source_id = j.source_id and s.source = j.source and s.place_scope = ${scope('j')} offset 0
    ) as s on true
    -- The sale's last row before the seal. That is the one the registry names unless the sale changed since: only
    -- then is it looked for among the rows of the sale.
    left join lateral (
      select j.position, j.verdict, j.replay_of where s.journal_position = j.position
      union all
      select * from (
        select c.position, c.verdict, c.replay_of from stg.journal as c
        where c.position = s.journal_position and c.received_at = s.journal_at and s.journal_position <> j.position
          and ${isOld('s', before).replace('received_at', 'journal_at')} offset 0
      ) as registered
      union all
      select * from (
        select c.position, c.verdict, c.replay_of from stg.journal as c
        where (s.journal_position is null or not ${isOld('s', before).replace('received_at', 'journal_at')})
          and s.journal_position is distinct from j.position
          and c.source_id = j.source_id and c.source = j.source and ${scope('c')} = ${scope('j')}
          and c.sale_seq is not null and ${isOld('c', before)}
        order by c.sale_seq desc, c.version desc, c.position desc limit 1
      ) as found
    ) as last on j.sale_seq is not null
    cross join lateral (select jsonb_path_query_array(j.contributions, '$[*] ? (@.sign == 1)') as put) as p
    where j.sale_seq is not null
        and (last.position = j.position or last.verdict = 'reattributed' and last.replay_of = j.position)
      or j.verdict = 'erased'`;
}

const copyPage = (scope: SealScope) => `
  with page as materialized (
    select * from stg.journal as o where ${isOld('o', scope.before)} and o.position > $1
    order by o.position limit ${rowsPerPage}
  ),
  written as (
    insert into stg_next.sealed_sale (${journalColumns}) ${keptRows('page', scope)}
    returning 1
  )
  select (select count(*) from page) as rows, (select max(position) from page) as last`;

/** A crash of the server loses at most pages of a table that the next seal begins anew. */
const begin = 'begin; set local synchronous_commit = off';

/** Copies what is kept of all rows before the seal into `stg_next.sealed_sale`, page by page. Answers how many rows it looked at. */
export async function copyKept(
  pool: Database,
  scope: SealScope,
  { signal, progress }: { signal?: AbortSignal; progress: (rows: number) => void },
): Promise<number> {
  const text = copyPage(scope);
  let total = 0;
  for (let after: number | null = 0; after !== null; ) {
    signal?.throwIfAborted();
    const values = [after];
    const page = await inTransaction(pool, (client) => client.query({ text, values }), begin);
    const { rows, last } = page.rows[0] as { rows: number; last: number | null };
    total += rows;
    after = last;
    progress(total);
  }
  return total;
}

const takeChanges = `
  delete from ops.seal_change where ctid = any (array(select ctid from ops.seal_change limit ${changesPerPage}))
  returning source_id`;
const forget = 'delete from stg_next.sealed_sale where source_id = any($1::text[])';
const copyAgain = (scope: SealScope) => `
  with changed as materialized (
    select * from stg.journal as o where o.source_id = any($1::text[]) and ${isOld('o', scope.before)}
  )
  insert into stg_next.sealed_sale (${journalColumns}) ${keptRows('changed', scope)}`;

/** Copies anew the sales whose older rows were written meanwhile, in the caller's transaction. False where there are more. */
export async function copyChanged(client: Client, scope: SealScope): Promise<boolean> {
  const { rows } = await client.query<{ source_id: string | null }>(takeChanges);
  const ids = [...new Set(rows.flatMap((row) => row.source_id ?? []))];
  if (ids.length > 0) {
    await client.query({ text: forget, values: [ids] });
    await client.query({ text: copyAgain(scope), values: [ids] });
  }
  return rows.length < changesPerPage;
}
