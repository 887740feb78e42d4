import type { Database } from '../base/db.ts';
import type { CatalogueKind } from './change-catalogue.ts';

export type CatalogueItem = { id: string; fields: Record<string, unknown> };
export type CatalogueChange = {
  reference_version: number;
  /** Local date-time; null since the beginning. */
  since: string | null;
  changed_at: string;
  fields: Record<string, unknown>;
};

const selectPage = `
  select id, fields from ops.reference where kind = $1 and ($2::text is null or id > $2) order by id limit $3`;

/** What holds now, by id. */
export async function readCatalogue(
  pool: Database,
  kind: CatalogueKind,
  page: { after?: string; limit: number },
): Promise<CatalogueItem[]> {
  const { rows } = await pool.query<CatalogueItem>({
    name: 'read-catalogue',
    text: selectPage,
    values: [kind, page.after ?? null, page.limit],
  });
  return rows;
}

const selectOne = 'select id, fields from ops.reference where kind = $1 and id = $2';

const selectHistory = `
  select version as reference_version, to_char(since, 'YYYY-MM-DD"T"HH24:MI:SS') as since, changed_at, fields
  from ops.reference_change where kind = $1 and id = $2
  order by version desc limit 100`;

/** One entry with its last hundred changes, the newest first; undefined where there is none. */
export async function readCatalogueItem(
  pool: Database,
  kind: CatalogueKind,
  id: string,
): Promise<(CatalogueItem & { history: CatalogueChange[] }) | undefined> {
  const item = await pool.query<CatalogueItem>({ text: selectOne, values: [kind, id] });
  if (item.rows.length === 0) return undefined;
  const history = await pool.query<CatalogueChange & { changed_at: Date }>({
    text: selectHistory,
    values: [kind, id],
  });
  const changes = history.rows.map((row) => ({ ...row, changed_at: row.changed_at.toISOString() }));
  return { ...item.rows[0]!, history: changes };
}
