import type { Client } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';

/** A view on the marts, of ours or of a BI tool, with what is needed to make it again. */
export type MartView = {
  name: string;
  definition: string;
  options: string | null;
  owner: string;
  grants: string[];
};

// The deepest level at which a view stands: it is made after all that it reads from.
const selectViews = `
  with recursive dependent as (
    select c.oid, 0 as depth from pg_class as c
    where c.relnamespace = $1::regnamespace and c.relname = any($2::name[])
    union
    select r.ev_class, p.depth + 1
    from dependent as p
    join pg_depend as d on d.refclassid = 'pg_class'::regclass and d.refobjid = p.oid and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite as r on r.oid = d.objid and r.ev_class <> p.oid
  )
  select format('%I.%I', n.nspname, c.relname) as name, pg_get_viewdef(c.oid) as definition,
    array_to_string(c.reloptions, ', ') as options, quote_ident(pg_get_userbyid(c.relowner)) as owner,
    c.relkind <> 'v' as is_kept_elsewhere
  from (select oid, max(depth) as depth from dependent where depth > 0 group by oid) as v
  join pg_class as c on c.oid = v.oid
  join pg_namespace as n on n.oid = c.relnamespace
  order by v.depth, name`;

const selectGrants = `
  select format('grant %s on %s to %s%s', a.privilege_type, $2::text,
    case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
    case when a.is_grantable then ' with grant option' else '' end) as text
  from pg_class as c cross join lateral aclexplode(c.relacl) as a
  where c.oid = $1::regclass and a.grantee <> c.relowner`;

async function grantsOf(client: Client, from: string, to: string): Promise<string[]> {
  const { rows } = await client.query<{ text: string }>({ text: selectGrants, values: [from, to] });
  return rows.map((row) => row.text);
}

/** Who may read one table may read the other. */
export async function copyGrants(client: Client, from: string, to: string): Promise<void> {
  for (const grant of await grantsOf(client, from, to)) await client.query(grant);
}

/**
 * Every view that reads from these tables, directly or through others, in the order in which to make them.
 * Error `invalid_configuration` for a materialized one: its rows and indexes are not ours to make again.
 */
export async function readViews(
  client: Client,
  schema: string,
  tables: readonly string[],
): Promise<MartView[]> {
  const { rows } = await client.query<Omit<MartView, 'grants'> & { is_kept_elsewhere: boolean }>({
    text: selectViews,
    values: [schema, tables],
  });
  const kept = rows.find((row) => row.is_kept_elsewhere);
  if (kept !== undefined)
    throw new CodedError(
      'invalid_configuration',
      `the materialized view ${kept.name} reads from the marts; drop it, rebuild, and create it again`,
    );
  const views: MartView[] = [];
  for (const { is_kept_elsewhere: _, ...row } of rows)
    views.push({ ...row, grants: await grantsOf(client, row.name, row.name) });
  return views;
}

export async function dropViews(client: Client, views: readonly MartView[]): Promise<void> {
  for (const { name } of views.toReversed()) await client.query(`drop view ${name}`);
}

export async function recreateViews(client: Client, views: readonly MartView[]): Promise<void> {
  for (const { name, definition, options, owner, grants } of views) {
    await client.query(`create view ${name} ${options === null ? '' : `with (${options})`} as ${definition}`);
    await client.query(`alter view ${name} owner to ${owner}`);
    for (const grant of grants) await client.query(grant);
  }
}
