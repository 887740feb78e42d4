import type { Client, Database } from '../base/db.ts';
import { binaryColumn, inTransaction } from '../base/db.ts';
import { readSnapshot } from '../reference/load-reference.ts';
import type { ReferenceSnapshot } from '../reference/reference.ts';
import type { Contribution } from '../sales/contribution.ts';
import { checksOfFinestMarts, checksOfRolledUpMarts } from './audit-checks.ts';
import { appliedOf, type Parse, recompute } from './recompute.ts';

export type AuditDeps = {
  pool: Database;
  parse: Parse;
  identity: 'source' | 'place';
  progress: (sales: number) => void;
};

/** One figure of one row that is not what the journal says. */
export type Difference = { table: string; key: string; figure: string; expected: string; found: string };

export type Audited = { sales: number; unreadable: number; differences: Difference[]; complete: boolean };

const salesPerPage = 2_000;
const maximumDifferences = 1_000;

/** The highest accepted version of each sale, from the journal alone; the registry only tells what it was computed with. */
const declareSales = (identity: 'source' | 'place') => `
  declare audit_sales no scroll cursor for
  with newest as (
    select distinct on (source, source_id, 5) position, received_at, source, source_id,
      ${identity === 'place' ? 'place_id' : "''::text"} as place_scope
    from stg.journal
    where verdict in ('accepted', 'corrected')
    order by source, source_id, 5, version desc, sale_seq desc
  )
  select n.source, n.source_id, n.place_scope, coalesce(s.sale_seq, 0) as sale_seq, coalesce(s.place_id, '') as place_id,
    coalesce(s.business_date::text, '') as business_date, s.reference_version, j.version, c.contributions,
    j.position as document_position, j.received_at, j.content_type, j.resolved, j.document,
    s.source_id is null or s.version <> j.version as unregistered
  from newest as n
  join stg.journal as j on j.position = n.position and j.received_at = n.received_at
  left join stg.sale as s on s.source_id = n.source_id and s.source = n.source and s.place_scope = n.place_scope
  left join stg.journal as c on c.position = s.journal_position and c.received_at = s.journal_at`;

/**
 * Compares every mart, the tail included, with a recomputation of the whole journal in one snapshot. Each
 * sale is computed with the reference version it carries, so a change that came later is no difference.
 */
export async function auditMarts(deps: AuditDeps): Promise<Audited> {
  return await inTransaction(
    deps.pool,
    async (client) => {
      await client.query('lock table cdm.generation in access share mode');
      await client.query('create temp table audit_expected (contributions jsonb not null) on commit drop');
      const audited: Audited = { sales: 0, unreadable: 0, differences: [], complete: true };
      await computeExpected(client, deps, audited);
      await client.query(`
        create temp table audit_rows on commit drop as
        select r.* from audit_expected as e cross join lateral cdm.contribution_rows(e.contributions) as r`);
      await client.query(`
        create temp table audit_tail on commit drop as
        select r.* from stg.journal as j cross join lateral cdm.contribution_rows(j.contributions) as r
        where j.contributions is not null and (j.epoch, j.xid, j.position) > (
          (select epoch from cdm.cursor where follower = 'fold'),
          (select xid from cdm.cursor where follower = 'fold'),
          (select position from cdm.cursor where follower = 'fold'))`);
      for (const check of [...checksOfFinestMarts(), ...checksOfRolledUpMarts()]) {
        const { rows } = await client.query({ text: check.text, values: [maximumDifferences] });
        for (const row of rows) audited.differences.push(...differencesOf(check.table, check.figures, row));
      }
      return audited;
    },
    "begin isolation level repeatable read; set local transaction_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local work_mem = '64MB'",
  );
}

async function computeExpected(client: Client, deps: AuditDeps, audited: Audited): Promise<void> {
  const snapshots = new Map<number, ReferenceSnapshot>();
  await client.query(declareSales(deps.identity));
  for (;;) {
    const { rows } = await client.query(`fetch ${salesPerPage} from audit_sales`);
    if (rows.length === 0) break;
    const contributions: Contribution[] = [];
    for (const row of rows) {
      if (row.unregistered) {
        audited.differences.push({
          table: 'stg.sale',
          key: `${row.source}:${row.source_id}`,
          figure: 'version',
          expected: row.version,
          found: 'another, or none',
        });
      }
      const version = row.reference_version ?? 0;
      let snapshot = snapshots.get(version);
      if (snapshot === undefined) {
        snapshot = await readSnapshot(client as unknown as Database, version);
        snapshots.set(version, snapshot);
      }
      const applied = appliedOf(row);
      const fresh = recompute(applied, snapshot, deps.parse);
      if (fresh === undefined) audited.unreadable++;
      const counted = fresh === undefined ? applied.contribution : fresh;
      if (counted !== null) contributions.push(counted);
    }
    await client.query({
      text: 'insert into audit_expected select * from unnest($1::jsonb[])',
      values: [binaryColumn('jsonb', contributions, (contribution) => JSON.stringify([contribution]))],
    });
    audited.sales += rows.length;
    deps.progress(audited.sales);
  }
  await client.query('close audit_sales');
}

function differencesOf(
  table: string,
  figures: readonly string[],
  row: Record<string, unknown>,
): Difference[] {
  return figures.flatMap((figure) => {
    const expected = String(row[`expected_${figure}`]);
    const found = String(row[`found_${figure}`]);
    return expected === found ? [] : [{ table, key: String(row.key), figure, expected, found }];
  });
}
