import type { Client } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';

/** A view on the marts, of ours or of a BI tool, with what is needed to make it again. */
export type MartView = {
  name: string;
  definition: string;
  options: string | null;
  owner: string;
  comment: string | null;
  /** Names and comments, quoted for SQL. */
  columnComments: { name: string; comment: string }[];
  grants: string[];
};

// The marts, at depth 0, and the views above them: the deepest level at which a view stands, since it is made
// after all that it reads from.
const dependents = `
  with recursive above as (
    select c.oid, 0 as depth from pg_class as c
    where c.relnamespace = $1::regnamespace and c.relname = any($2::name[])
    union
    select r.ev_class, p.depth + 1
    from above as p
    join pg_depend as d on d.refclassid = 'pg_class'::regclass and d.refobjid = p.oid and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite as r on r.oid = d.objid and r.ev_class <> p.oid
  ),
  dependent as (
    select v.depth, c.*, format('%I.%I', n.nspname, c.relname) as name
    from (select oid, max(depth) as depth from above group by oid) as v
    join pg_class as c on c.oid = v.oid
    join pg_namespace as n on n.oid = c.relnamespace
  )`;

const selectViews = `
  ${dependents}
  select name, pg_get_viewdef(oid) as definition, array_to_string(reloptions, ', ') as options,
    quote_ident(pg_get_userbyid(relowner)) as owner, quote_literal(obj_description(oid, 'pg_class')) as comment,
    (select coalesce(jsonb_agg(jsonb_build_object('name', quote_ident(a.attname), 'comment', quote_literal(m.description)) order by a.attnum), '[]')
      from pg_description as m join pg_attribute as a on a.attrelid = m.objoid and a.attnum = m.objsubid
      where m.classoid = 'pg_class'::regclass and m.objoid = dependent.oid and m.objsubid > 0) as "columnComments"
  from dependent where depth > 0 and relkind = 'v'
  order by depth, name`;

// What goes with a table that is dropped, and is not ours to make again.
const selectObstacles = `
  ${dependents}
  select 'materialized view ' || name || ' reads from' as what, name from dependent where depth > 0 and relkind <> 'v'
  union all
  select format('trigger %I stands on', t.tgname), name from dependent as d join pg_trigger as t on t.tgrelid = d.oid and not t.tgisinternal
  union all
  select format('policy %I stands on', p.polname), name from dependent as d join pg_policy as p on p.polrelid = d.oid
  union all
  select 'row security is on for', name from dependent where relrowsecurity
  union all
  select format('publication %I contains', p.pubname), name from dependent as d
  join pg_publication_rel as r on r.prrelid = d.oid join pg_publication as p on p.oid = r.prpubid
  union all
  select format('function %s reads from', f.objid::regprocedure), name from dependent as d
  join pg_depend as f on f.refclassid = 'pg_class'::regclass and f.refobjid = d.oid and f.classid = 'pg_proc'::regclass
  limit 1`;

const selectGrants = `
  select format('grant %s%s on %s to %s%s', a.privilege_type, g.columns, $2::text,
    case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
    case when a.is_grantable then ' with grant option' else '' end) as text
  from pg_class as c
  cross join lateral (
    select c.relacl as acl, '' as columns
    union all
    select attacl, format(' (%I)', attname) from pg_attribute where attrelid = c.oid and not attisdropped
  ) as g
  cross join lateral aclexplode(g.acl) as a
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
 * Error `invalid_configuration` for anything else that would be lost with the tables.
 */
export async function readViews(
  client: Client,
  schema: string,
  tables: readonly string[],
): Promise<MartView[]> {
  const values = [schema, tables];
  const obstacles = await client.query<{ what: string; name: string }>({ text: selectObstacles, values });
  const obstacle = obstacles.rows[0];
  if (obstacle !== undefined)
    throw new CodedError(
      'invalid_configuration',
      `${obstacle.what} ${obstacle.name}, and a rebuild would lose that; take it away, rebuild, and make it again`,
    );
  const { rows } = await client.query<Omit<MartView, 'grants'>>({ text: selectViews, values });
  const views: MartView[] = [];
  for (const row of rows) views.push({ ...row, grants: await grantsOf(client, row.name, row.name) });
  return views;
}

export async function dropViews(client: Client, views: readonly MartView[]): Promise<void> {
  for (const { name } of views.toReversed()) await client.query(`drop view ${name}`);
}

export async function recreateViews(client: Client, views: readonly MartView[]): Promise<void> {
  for (const { name, definition, options, owner, comment, columnComments, grants } of views) {
    await client.query(`create view ${name} ${options === null ? '' : `with (${options})`} as ${definition}`);
    await client.query(`alter view ${name} owner to ${owner}`);
    if (comment !== null) await client.query(`comment on view ${name} is ${comment}`);
    const columns = columnComments.map((one) => `comment on column ${name}.${one.name} is ${one.comment}`);
    if (columns.length > 0) await client.query(columns.join('; '));
    for (const grant of grants) await client.query(grant);
  }
}
