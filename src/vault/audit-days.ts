import type { Client } from '../base/db.ts';
import { figureChecksOf, isBehind, type VaultDifference } from './audit-vault.ts';

/** Of one check. */
const maximumDifferences = 1_000;

/** As the audit of the warehouse gives them: `[[place_id, business date], …]` in a setting of the transaction. */
const days =
  "(select d->>0 as place_id, (d->>1)::date as period from jsonb_array_elements(current_setting('tillstream.audited_days')::jsonb) as d)";

/**
 * What the registered sales of the days count for, of those whose newest change is in the vault; row by row
 * (`offset 0`), since tables that were filled a moment ago have no statistics to join them by.
 */
const counted = `
  select r.* from (
    select a.place_id, a.period, j.contributions
    from ${days} as a
    cross join lateral (
      select s.journal_position, s.journal_at from stg.sale as s
      where s.place_id = a.place_id and s.business_date = a.period offset 0
    ) as s
    cross join lateral (
      select j.contributions from stg.journal as j
      where j.position = s.journal_position and j.received_at = s.journal_at and ${isBehind} offset 0
    ) as j offset 0
  ) as k
  cross join lateral cdm.contribution_rows(jsonb_path_query_array(k.contributions, '$[*] ? (@.sign == 1)')) as r
  where r.place_id = k.place_id and r.period = k.period`;

/** A sale that has changed since is compared once its change is in the vault too. */
const settled = (view: string) => `
  (
    select v.* from dds.${view} as v
    where v.business_date in (select period from ${days} as d)
      and (v.place_id, v.business_date) in (select place_id, period from ${days} as audited)
      and not exists (
        select from stg.sale as s
        join stg.journal as j on j.position = s.journal_position and j.received_at = s.journal_at
        where s.source_id = v.source_id and s.source = v.source and s.place_scope in ('', v.place_id)
          and not ${isBehind}
      )
  )`;

const checks = figureChecksOf(counted, settled('v_sale_current'), settled('v_sale_line_current'));

/**
 * Compares what the vault says of the days in `tillstream.audited_days` with the registered sales, in the caller's
 * snapshot. A vault that is behind is compared as far as it has come; one that nobody fills has nothing to compare.
 */
export async function auditVaultDays(client: Client, signal?: AbortSignal): Promise<VaultDifference[]> {
  const differences: VaultDifference[] = [];
  for (const text of checks) {
    signal?.throwIfAborted();
    const { rows } = await client.query<VaultDifference>(`${text} limit ${maximumDifferences}`);
    differences.push(...rows);
  }
  return differences;
}
