import type { Client } from '../base/db.ts';
import { auditKeys } from './audit-keys.ts';
import { hashes } from './satellites.ts';

/** One figure of one row that is not what the journal says, or not what the vault says elsewhere. */
export type VaultDifference = { table: string; key: string; figure: string; expected: string; found: string };

const maximumDifferences = 1_000;

const cursor = "(select c.epoch from dds.cursor as c where c.follower = 'journal')";
/** Of a journal row `j`: it is in the vault. */
export const isBehind = `(j.epoch, j.xid, j.position) <= (${cursor}, ${cursor.replace('c.epoch', 'c.xid')}, ${cursor.replace('c.epoch', 'c.position')})`;

const row = (table: string, key: string, figure: string, expected: string, found: string) =>
  `'dds.${table}' as "table", ${key} as key, '${figure}' as figure, ${expected} as expected, ${found} as found`;

/** `column` of `table` names a row of `hub`. */
function orphans(table: string, column: string, hub: string, key: string = column): string {
  return `
    select ${row(table, `t.${key}::text`, column, `'a row in dds.${hub}'`, `coalesce(t.${column}::text, '')`)}
    from dds.${table} as t
    where t.${column} is not null and not exists (select from dds.${hub} as h where h.${column} = t.${column})`;
}

/** What the context says of a sale is a link too. */
function unlinked(link: string, column: string): string {
  return `
    select ${row('s_order_context', 't.order_key::text', column, `'a row in dds.${link}'`, `t.${column}::text`)}
    from dds.s_order_context as t
    where t.${column} is not null
      and not exists (select from dds.${link} as l where l.order_key = t.order_key and l.${column} = t.${column})`;
}

const orphanChecks = [
  ...['order_key:h_order', 'product_key:h_product'].map((one) => ['l_order_product', one]),
  ...['order_key:h_order', 'user_key:h_user'].map((one) => ['l_order_user', one]),
  ...['order_key:h_order', 'restaurant_key:h_restaurant'].map((one) => ['l_order_restaurant', one]),
  ...['product_key:h_product', 'category_key:h_category'].map((one) => ['l_product_category', one]),
  ...['product_key:h_product', 'restaurant_key:h_restaurant'].map((one) => ['l_product_restaurant', one]),
  ...['order_key:h_order', 'restaurant_key:h_restaurant', 'user_key:h_user'].map((one) => [
    's_order_context',
    one,
  ]),
  ['s_order_status', 'order_key:h_order'],
  ['s_order_line', 'link_key:l_order_product'],
  ['s_order_line', 'category_key:h_category'],
  ['s_product_names', 'product_key:h_product'],
  ['s_restaurant_names', 'restaurant_key:h_restaurant'],
  ['s_user_names', 'user_key:h_user'],
].map(([table, reference]) => {
  const [column, hub] = reference!.split(':');
  return orphans(table!, column!, hub!);
});

// While a large daily file goes into the vault page by page, its lines are there before the sale.
const isUnderWay = (order: string) => `exists (
  select from stg.journal as j join dds.h_order as o on o.source_id = j.source_id
  where o.order_key = ${order} and j.source = 'daily' and not ${isBehind})`;

const current = `
  select distinct on (order_key) order_key, version, sale_seq from dds.s_order_context
  order by order_key, version desc, sale_seq desc`;

/** Each version of a sale has its rows in every satellite, and what is newest of each line is of the newest version. */
const shapeChecks = [
  `select ${row('h_order', 'o.order_id', 'current', "'one row in dds.s_order_context'", "'none'")}
   from dds.h_order as o
   where not exists (select from dds.s_order_context as c where c.order_key = o.order_key) and not ${isUnderWay('o.order_key')}`,
  `select ${row('s_order_cost', "concat_ws(' ', order_key, version, sale_seq)", 'rows', "case when c.source is null then '0' else '1' end", "case when k.total is null then '0' else '1' end")}
   from dds.s_order_context as c full join dds.s_order_cost as k using (order_key, version, sale_seq)
   where c.source is null or k.total is null`,
  `select ${row('s_order_line', "concat_ws(' ', l.link_key, l.line_number, l.version, l.sale_seq)", 'version', "'a row in dds.s_order_context'", "'none'")}
   from dds.s_order_line as l join dds.l_order_product as i on i.link_key = l.link_key
   where not exists (select from dds.s_order_context as c
     where c.order_key = i.order_key and c.version = l.version and c.sale_seq = l.sale_seq) and not ${isUnderWay('i.order_key')}`,
  `select ${row('s_order_line', "concat_ws(' ', l.link_key, l.line_number)", 'current', "c.version || ' #' || c.sale_seq", "l.version || ' #' || l.sale_seq")}
   from (
     select distinct on (l.link_key, l.line_number) l.link_key, l.line_number, l.version, l.sale_seq, l.is_deleted, i.order_key
     from dds.s_order_line as l join dds.l_order_product as i on i.link_key = l.link_key
     join dds.s_order_context as c on c.order_key = i.order_key and c.version = l.version and c.sale_seq = l.sale_seq
     order by l.link_key, l.line_number, l.version desc, l.sale_seq desc
   ) as l
   join (${current}) as c on c.order_key = l.order_key
   where not l.is_deleted and (l.version, l.sale_seq) <> (c.version, c.sale_seq)`,
];

const keyOfRow = {
  s_order_context: 'order_key',
  s_order_cost: 'order_key',
  s_order_status: 'order_key',
  s_order_line: 'link_key',
};
const hashChecks = Object.entries(hashes).map(
  ([table, hash]) => `
    select ${row(table, `t.${keyOfRow[table as keyof typeof hashes]}::text`, 'hashdiff', 't.expected::text', 't.hashdiff::text')}
    from (select *, ${hash} as expected from dds.${table}) as t where t.expected <> t.hashdiff`,
);

/** Every journal row that tells a version of a sale, up to the cursor, and nothing else but what was sealed since. */
const journalChecks = [
  `select ${row('s_order_context', "concat_ws(' ', j.source, j.source_id)", 'journal_position', 'j.position::text', "'none'")}
   from stg.journal as j
   where j.verdict in ('accepted', 'corrected', 'reattributed') and ${isBehind}
     and not exists (select from dds.s_order_context as c where c.journal_position = j.position)`,
  `select ${row('s_order_context', 'c.order_key::text', 'journal_position', "'a row in stg.journal'", 'c.journal_position::text')}
   from dds.s_order_context as c
   where not exists (select from stg.journal as j where j.position = c.journal_position and ${isBehind})
     and c.load_dt >= coalesce((select max(before) from ops.seal), '-infinity')`,
];

const counted = `
  select r.* from stg.journal as j cross join lateral cdm.contribution_rows(j.contributions) as r
  where j.contributions is not null and ${isBehind}`;

/** Sums of both sides that differ; a row that only one side has counts as zeros in the other. */
function figures(
  name: string,
  keys: string,
  sums: readonly string[],
  expected: string,
  found: string,
): string {
  const shown = sums.map((sum) => `('${sum}', coalesce(e.${sum}, 0), coalesce(f.${sum}, 0))`).join(', ');
  const side = (from: string) =>
    `select ${keys}, ${sums.map((sum) => `sum(${sum}) as ${sum}`).join(', ')} from (${from}) as side group by ${keys}`;
  return `
    select ${row(name, `concat_ws(' ', ${keys})`, '', 'v.expected::text', 'v.found::text').replace("'' as figure", 'v.figure')}
    from (${side(expected)}) as e full join (${side(found)}) as f using (${keys})
    cross join lateral (values ${shown}) as v(figure, expected, found)
    where v.expected <> v.found`;
}

// The same sums as the marts are made of, by the function that they are made with, up to the vault's cursor.
const figureChecks = figureChecksOf(counted, 'dds.v_sale_current', 'dds.v_sale_line_current');

/** `expected` yields what `cdm.contribution_rows` does; `sales` and `lines` have the columns of the views. */
export function figureChecksOf(expected: string, sales: string, lines: string): string[] {
  return [
    figures(
      'v_sale_current',
      'period, place_id, source, payment_method, currency',
      ['sales', 'refunds', 'discounts', 'receipts', 'refund_receipts', 'nds', 'tips'],
      `select * from (${expected}) as r where scope = 0`,
      `select business_date as period, place_id, source, payment_method, currency,
       case kind when 'refund' then 0 else total end as sales, case kind when 'refund' then total else 0 end as refunds,
       case kind when 'refund' then 0 else discount end as discounts, (kind <> 'refund')::integer as receipts,
       (kind = 'refund')::integer as refund_receipts, case kind when 'refund' then -nds else nds end as nds,
       case kind when 'refund' then -tips else tips end as tips
     from ${sales} as v`,
    ),
    figures(
      'v_sale_line_current',
      'period, place_id, source, currency, category, product_id',
      ['net', 'units'],
      `select *, sales - refunds as net from (${expected}) as r where scope = 2 and category <> '*'`,
      `select business_date as period, place_id, source, currency, category, product_id, net_amount as net,
       case kind when 'refund' then -quantity else quantity end as units
     from ${lines} as v`,
    ),
  ];
}

const checks = [
  ...orphanChecks,
  unlinked('l_order_restaurant', 'restaurant_key'),
  unlinked('l_order_user', 'user_key'),
  ...shapeChecks,
  ...hashChecks,
  ...journalChecks,
  ...figureChecks,
];

/**
 * Looks for what is wrong with the vault, in the caller's snapshot: orphans, versions that are not whole, keys
 * and hashes that come out otherwise, and sums that are not those of the journal up to the vault's own cursor.
 */
export async function auditVault(client: Client, signal?: AbortSignal): Promise<VaultDifference[]> {
  const differences: VaultDifference[] = [];
  // Whole tables are compared, and those that were filled just now have no statistics yet. Planned for few rows,
  // 20,000 sales take minutes: looked up one by one, or lines and versions joined before the order is known. So
  // joins are of sets and in the order in which they are written.
  await client.query(
    'set local enable_nestloop = off; set local join_collapse_limit = 1; set local from_collapse_limit = 1',
  );
  for (const text of checks) {
    signal?.throwIfAborted();
    const { rows } = await client.query<VaultDifference>(`${text} limit ${maximumDifferences}`);
    differences.push(...rows);
  }
  differences.push(...(await auditKeys(client, maximumDifferences)));
  await client.query(
    'set local enable_nestloop to default; set local join_collapse_limit to default; set local from_collapse_limit to default',
  );
  return differences;
}
