import type { Client } from '../base/db.ts';
import type { Resolved, Source, Verdict } from '../sales/sale.ts';
import type { StoredContribution } from '../sales/stored-contribution.ts';

export type JournalPlace = { epoch: number; xid: string; position: number };

/** A row that the vault takes in. `document` is that of the row it names where it keeps none itself. */
export type FollowedRow = JournalPlace & {
  verdict: Verdict;
  source: Source;
  source_id: string | null;
  version: string | null;
  sale_seq: number | null;
  received_at: Date;
  content_type: string | null;
  resolved: Resolved | null;
  reference_version: number | null;
  document: Buffer | null;
  /** What was put in, where that is needed: of daily files, and of sales whose document cannot be read. */
  contribution: StoredContribution | null;
};

/** What one step holds in memory: of documents in bytes, each row and each line of a daily file counted too. */
const weightPerStep = 24 * 1024 * 1024;
const weightOfRow = 1_000;
const weightOfDailyLine = 500;

const putIn = "jsonb_path_query_first(j.contributions, '$[*] ? (@.sign == 1)')";

const columns = `j.epoch, j.xid, j.position, j.verdict, j.source, j.source_id, j.version, j.sale_seq, j.received_at,
    j.content_type, j.resolved, j.reference_version, j.document, j.contributions, j.replay_of`;

// Two indexes in the order of the journal: of the rows that move a figure, which the fold reads too, and of the
// others that the vault takes in. The end is that of the fold: nothing younger than a running transaction.
const oneIndex = (condition: string) => `(
  select ${columns} from stg.journal as j
  where ${condition} and (j.epoch, j.xid, j.position) > ($2::integer, $3::xid8, $4::bigint)
    and (j.epoch < $1 or j.xid < pg_snapshot_xmin(pg_current_snapshot()))
  order by j.epoch, j.xid, j.position
  limit $5)`;

const nextRows = `
  with next as materialized (
    select * from (
      ${oneIndex('j.contributions is not null')}
      union all
      ${oneIndex("j.contributions is null and j.verdict in ('accepted', 'corrected', 'stale', 'reattributed', 'erased')")}
    ) as found
    order by epoch, xid, position limit $5
  ),
  -- A re-attributed row keeps no body; it names the row that does. Asked row by row, since a join would read the
  -- whole journal for the few that ask.
  whole as materialized (
    select j.epoch, j.xid, j.position, j.verdict, j.source, j.source_id, j.version, j.sale_seq, j.received_at,
      j.resolved, j.reference_version, j.contributions,
      case when j.verdict = 'reattributed' then (select f.content_type from stg.journal as f where f.position = j.replay_of)
        else j.content_type end as content_type,
      case when j.verdict = 'reattributed' then (select f.document from stg.journal as f where f.position = j.replay_of)
        else j.document end as document
    from next as j
  ),
  weighed as (
    select *, row_number() over w as number,
      sum(${weightOfRow} + coalesce(octet_length(document), 0)
        + case when source = 'daily' then coalesce((contributions->-1->>'count')::bigint, 0) * ${weightOfDailyLine} else 0 end)
        over w as weight
    from whole
    window w as (order by epoch, xid, position)
  )
  select j.epoch, j.xid::text as xid, j.position, j.verdict, j.source, j.source_id, j.version, j.sale_seq, j.received_at,
    j.content_type, j.resolved, j.reference_version, j.document,
    case when j.source = 'daily' or j.document is null then ${putIn} end as contribution
  from weighed as j
  where j.weight <= ${weightPerStep} or j.number = 1
  order by j.number`;

/** The next rows in order, as many as one step can hold; at least one where there is any. */
export async function readNextRows(
  client: Client,
  epoch: number,
  from: JournalPlace,
  limit: number,
): Promise<FollowedRow[]> {
  const { rows } = await client.query<FollowedRow>({
    name: 'vault-next-rows',
    text: nextRows,
    values: [epoch, from.epoch, from.xid, from.position, limit],
  });
  return rows;
}

/** What was put in for rows whose document turned out to be unreadable, by position. */
export async function readContributions(
  client: Client,
  positions: readonly number[],
): Promise<Map<number, StoredContribution | null>> {
  const { rows } = await client.query<{ position: number; contribution: StoredContribution | null }>({
    text: `select j.position, ${putIn} as contribution from stg.journal as j where j.position = any($1::int8[])`,
    values: [positions],
  });
  return new Map(rows.map((row) => [row.position, row.contribution]));
}
