import { binaryColumn, type Client, inTransaction } from '../base/db.ts';
import type { Resolved, Source } from '../sales/sale.ts';
import { putIn, type StoredContribution } from '../sales/stored-contribution.ts';
import type { RecomputeDeps, SaleKey } from './recompute.ts';

const salesPerStep = 250;
/** For what reads the whole journal; nothing is written, so the fold does not wait for it. */
export const beginLongRead =
  "begin read only; set local transaction_timeout = 0; set local work_mem = '64MB'";

type Identity = 'source' | 'place';
type Repair = SaleKey & {
  /** Null where no document stands behind the registry's row. */
  position: number | null;
  received_at: Date;
  sale_seq: number;
  version: string;
  verdict: string;
  place_id: string;
  reference_version: number;
  contributions: StoredContribution[] | null;
  document: Buffer | null;
  document_at: Date;
  content_type: string | null;
  resolved: Resolved;
  content_hash: Buffer;
};

const document = `
  select position, received_at, content_type, resolved, document, sha256(document) as hash
  from stg.journal where source_id = any($1::text[])`;
// Not pulled up into the join, which would then carry every document there is.
const hashOnly =
  'select position, sha256(document) as hash from stg.journal where sale_seq is not null offset 0';

/**
 * The newest row of each sale in the journal against the registry's row: what is missing, what nobody sent,
 * and what says something else. `within` limits both sides to sales with a source id of $1.
 */
const disagreeing = (identity: Identity, within: boolean) => `
  from (
    select distinct on (j.source, j.source_id, place_scope) j.*
    from (select j.*, ${identity === 'place' ? 'j.place_id' : "''::text"} as place_scope from stg.journal as j) as j
    where j.sale_seq is not null ${within ? 'and j.source_id = any($1::text[])' : ''}
    order by j.source, j.source_id, place_scope, j.sale_seq desc, j.version desc, j.position desc
  ) as l
  left join (${within ? document : hashOnly}) as d on d.position = case l.verdict when 'reattributed' then l.replay_of else l.position end
  full join (select * from stg.sale ${within ? 'where source_id = any($1::text[])' : ''}) as s
    on s.source_id = l.source_id and s.source = l.source and s.place_scope = l.place_scope
  cross join lateral (select jsonb_path_query_first(l.contributions, '$[*] ? (@.sign == 1)') as entry) as c
  where s.source_id is null or l.source_id is null or s.version <> l.version or s.sale_seq <> l.sale_seq
    or s.journal_position <> l.position or s.journal_at <> l.received_at
    or (s.canonical_hash is null and s.content_hash <> d.hash)
    or s.business_date <> (c.entry->>'date')::date or s.place_id <> c.entry->>'place'`;

const key = `
  coalesce(l.source_id, s.source_id) as source_id, coalesce(l.source, s.source) as source,
  coalesce(l.place_scope, s.place_scope) as place_scope`;

const readRepairs = (identity: Identity) => `
  select ${key}, l.position, l.received_at, l.sale_seq, l.version, l.verdict, l.place_id,
    coalesce(l.reference_version, 0) as reference_version, l.contributions, d.document, d.received_at as document_at,
    d.content_type, d.resolved, 
    case when s.canonical_hash is null then coalesce(d.hash, s.content_hash, '') else s.content_hash end as content_hash
  ${disagreeing(identity, true)}`;

const lockSales = `
  select from stg.sale where source_id = any($1::text[]) order by source_id, source, place_scope for update`;

const deleteSales = `
  delete from stg.sale as s
  using unnest($1::text[], $2::text[], $3::text[]) as k(source_id, source, place_scope)
  where s.source_id = k.source_id and s.source = k.source and s.place_scope = k.place_scope`;

const writeSales = `
  insert into stg.sale (source_id, source, place_scope, version, content_hash, journal_position, journal_at, sale_seq,
    status, place_id, business_date, reference_version)
  select source_id, source, place_scope, version, content_hash, position, at, sale_seq, status, place_id,
    business_date::date, reference_version
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::int8[], $7::timestamptz[], $8::int4[],
      $9::text[], $10::text[], $11::text[], $12::int8[])
    as i(source_id, source, place_scope, version, content_hash, position, at, sale_seq, status, place_id,
      business_date, reference_version)
  order by source_id, source, place_scope
  on conflict (source_id, source, place_scope) do update set version = excluded.version,
    content_hash = excluded.content_hash, journal_position = excluded.journal_position, journal_at = excluded.journal_at,
    sale_seq = excluded.sale_seq, status = excluded.status, place_id = excluded.place_id,
    business_date = excluded.business_date, reference_version = excluded.reference_version`;

export type RepairDeps = RecomputeDeps & { signal?: AbortSignal };

/**
 * Makes the registry say what the journal says: the newest accepted version of each sale and where it is
 * counted. Only rows that disagree are locked, read again and written. Answers how many there were.
 */
export async function repairRegistry(deps: RepairDeps, identity: Identity): Promise<number> {
  const keys = await inTransaction(
    deps.pool,
    async (client) => {
      const { rows } = await client.query<SaleKey>(
        `select ${key} ${disagreeing(identity, false)} order by 1, 2, 3`,
      );
      return rows;
    },
    beginLongRead,
  );
  let repaired = 0;
  for (let start = 0; start < keys.length; start += salesPerStep) {
    deps.signal?.throwIfAborted();
    const page = keys.slice(start, start + salesPerStep);
    repaired += await inTransaction(deps.pool, (client) => repairPage(client, deps, identity, page));
  }
  return repaired;
}

async function repairPage(
  client: Client,
  deps: RepairDeps,
  identity: Identity,
  keys: readonly SaleKey[],
): Promise<number> {
  const values = [binaryColumn('text', keys, (one) => one.source_id)];
  await client.query({ text: lockSales, values });
  const { rows } = await client.query<Repair>({ text: readRepairs(identity), values });
  const isBehind = (row: Repair) => row.position !== null;
  const ghosts = rows.filter((row) => !isBehind(row));
  await client.query({ text: deleteSales, values: keyColumns(ghosts) });
  await client.query({ text: writeSales, values: columnsOf(rows.filter(isBehind), deps) });
  return rows.length;
}

function keyColumns(rows: readonly SaleKey[]): Buffer[] {
  return [
    binaryColumn('text', rows, (row) => row.source_id),
    binaryColumn('text', rows, (row) => row.source),
    binaryColumn('text', rows, (row) => row.place_scope),
  ];
}

function columnsOf(repairs: readonly Repair[], deps: RepairDeps): Buffer[] {
  const rows = repairs.map((row) => ({ ...row, ...standingOf(row, deps) }));
  return [
    ...keyColumns(rows),
    binaryColumn('text', rows, (row) => row.version),
    binaryColumn('bytea', rows, (row) => row.content_hash),
    binaryColumn('int8', rows, (row) => row.position),
    binaryColumn('timestamptz', rows, (row) => row.received_at.getTime()),
    binaryColumn('int4', rows, (row) => row.sale_seq),
    binaryColumn('text', rows, (row) => row.status),
    binaryColumn('text', rows, (row) => row.placeId),
    binaryColumn('text', rows, (row) => row.businessDate),
    binaryColumn('int8', rows, (row) => row.reference_version),
  ];
}

/** Where the sale is counted, as recorded; what is not counted is asked of its document. */
function standingOf(
  row: Repair,
  deps: RepairDeps,
): { status: string; placeId: string; businessDate: string } {
  const counted = putIn(row.contributions);
  if (counted !== null) return { status: 'closed', placeId: counted.place, businessDate: counted.date };
  const sale =
    row.document === null
      ? undefined
      : deps.parse(
          {
            source: row.source as Source,
            receivedAtMs: row.document_at.getTime(),
            contentType: row.content_type ?? 'application/json',
            body: row.document,
            resolved: row.resolved,
          },
          deps.reference.current(),
        ).sale;
  return {
    status: sale?.status ?? 'open',
    placeId: sale?.placeId ?? row.place_id,
    businessDate: sale?.time.local.slice(0, 10) ?? row.received_at.toISOString().slice(0, 10),
  };
}
