import { binaryColumn, inTransaction } from '../base/db.ts';
import type { Contribution } from '../sales/contribution.ts';
import {
  appendSigned,
  appliedOf,
  keyColumns,
  lockSales,
  type RecomputeDeps,
  readLocked,
  type SaleKey,
} from './recompute.ts';

// All that the journal counts for a sale, whatever put it there; $2: ids are told apart by place.
const readCounted = `
  select j.source_id, j.source, case when $2 then j.place_id else '' end as place_scope, cdm.contribution_in_full(e) - 'sign' as contribution,
    sum((e->>'sign')::integer)::integer as times
  from stg.journal as j cross join lateral jsonb_array_elements(j.contributions) as e
  where j.source_id = any($1::text[])
  group by 1, 2, 3, 4
  having sum((e->>'sign')::integer) <> 0`;

/**
 * Where the journal's rows of a sale do not add up to what it counts for: one row takes out all that they
 * come to, and a second puts in once what is recorded. What is recorded wrongly is for `recomputeSales`.
 */
export async function recountSales(deps: RecomputeDeps, keys: readonly SaleKey[]): Promise<void> {
  await inTransaction(deps.pool, async (client) => {
    const ids = binaryColumn('text', keys, (key) => key.source_id);
    await client.query({ text: lockSales, values: [ids] });
    const isByPlace = keys.some((key) => key.place_scope !== '');
    const counted = await client.query({ text: readCounted, values: [ids, isByPlace] });
    const every = Number.MAX_SAFE_INTEGER;
    const { rows } = await client.query({ text: readLocked, values: [...keyColumns(keys), every] });
    for (const applied of rows.map(appliedOf)) {
      const taken = counted.rows
        .filter((row) => row.source_id === applied.sourceId && row.source === applied.source)
        .filter((row) => row.place_scope === applied.placeScope)
        .flatMap(({ times, contribution }) =>
          new Array<Contribution>(Math.abs(times)).fill({ ...contribution, sign: times > 0 ? -1 : 1 }),
        );
      const put = applied.contribution === null ? [] : [applied.contribution];
      const next = { ...applied, saleSeq: applied.saleSeq + 1 };
      const fresh = applied.contribution;
      // Under the version the sale carries, so that a re-attribution that is to come still finds it.
      const version = applied.referenceVersion;
      await appendSigned(client, deps.epoch, version, [{ applied, fresh, signed: taken }]);
      await appendSigned(client, deps.epoch, version, [{ applied: next, fresh, signed: put }]);
    }
  });
}
