import type { Queryable } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';

/**
 * Everything in these schemas is carried, marts included: a table that is added later comes along without being
 * named here, and marts with their cursors are what one snapshot of the journal says.
 */
export const carriedSchemas: readonly string[] = ['stg', 'cdm', 'ops', 'dds'];

/** What of them stays behind, with the reason; and unlogged tables, which a crash empties as well. */
export const leftBehind: Readonly<Record<string, string>> = {
  'ops.migration': 'the migrations that make the tables at the other end write it',
};

/** Other schemas of ours, with the reason why they are not carried whole. */
export const ownSchemas: Readonly<Record<string, string>> = {
  pgboss: 'jobs that are not done are carried one by one, since its tables are made by pg-boss itself',
  stg_next: 'a seal that had not come to its end',
  cdm_next: 'marts that a rebuild had not finished',
};

/** A table, its name quoted for SQL. Columns that the database computes by itself are left out. */
export type CarriedTable = { name: string; columns: string[] };
/** A partition that the program made while it ran, so that no migration makes it again. */
export type Partition = { name: string; parent: string; bound: string };

type TableRow = CarriedTable & { references: string[] };

// In the order in which references allow them to be filled.
const selectTables = `
  select format('%I.%I', n.nspname, c.relname) as name,
    (select coalesce(array_agg(quote_ident(a.attname) order by a.attnum), '{}') from pg_attribute as a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
    (select coalesce(array_agg(distinct format('%I.%I', rn.nspname, r.relname)), '{}') from pg_constraint as f
      join pg_class as r on r.oid = f.confrelid join pg_namespace as rn on rn.oid = r.relnamespace
      where f.conrelid = c.oid and f.contype = 'f' and f.confrelid <> c.oid) as references
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = any($1::text[]) and c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p'
  order by 1`;

/** Every table that is carried, each after those it refers to. */
export async function listTables(client: Queryable): Promise<CarriedTable[]> {
  const { rows } = await client.query<TableRow>({ text: selectTables, values: [carriedSchemas] });
  const waiting = rows.filter(({ name }) => leftBehind[name] === undefined);
  const sorted: TableRow[] = [];
  while (waiting.length > 0) {
    const isFree = (table: TableRow) =>
      table.references.every((name) => !waiting.some((other) => other.name === name));
    const next = waiting.findIndex(isFree);
    // References in a circle fail in every order, and the database says where.
    sorted.push(...waiting.splice(Math.max(next, 0), 1));
  }
  return sorted.map(({ name, columns }) => ({ name, columns }));
}

const selectPartitions = `
  select format('%I.%I', n.nspname, c.relname) as name, format('%I.%I', pn.nspname, p.relname) as parent,
    pg_get_expr(c.relpartbound, c.oid) as bound, c.relkind = 'p' as nested
  from pg_inherits as i
  join pg_class as c on c.oid = i.inhrelid join pg_namespace as n on n.oid = c.relnamespace
  join pg_class as p on p.oid = i.inhparent join pg_namespace as pn on pn.oid = p.relnamespace
  where pn.nspname = any($1::text[]) and c.relispartition and p.relkind = 'p'
  order by 1`;

export async function listPartitions(client: Queryable): Promise<Partition[]> {
  const { rows } = await client.query<Partition & { nested: boolean }>({
    text: selectPartitions,
    values: [carriedSchemas],
  });
  const nested = rows.find((row) => row.nested);
  if (nested !== undefined)
    throw new CodedError(
      'transfer_failed',
      `${nested.name} is a partition with partitions of its own, which cannot be carried`,
    );
  return rows.map(({ name, parent, bound }) => ({ name, parent, bound }));
}

/**
 * Partitions as they were at the other end. Empty ones of ours make room, since a month that a start made here may
 * lie within one that is sealed there.
 */
export async function makePartitions(client: Queryable, partitions: readonly Partition[]): Promise<void> {
  for (const own of await listPartitions(client)) {
    if (partitions.some(({ name }) => name === own.name)) continue;
    const { rows } = await client.query(`select exists (select from ${own.name}) as used`);
    if (!rows[0].used) await client.query(`drop table ${own.name}`);
  }
  for (const { name, parent, bound } of partitions)
    await client.query(`create table if not exists ${name} partition of ${parent} ${bound}`);
}

/** A relation that holds rows itself: a table, or a partition of one. In blocks of the database's size. */
export type Part = { table: CarriedTable; name: string; blocks: number };

const selectParts = `
  select format('%I.%I', n.nspname, c.relname) as name, pg_relation_size(c.oid) / current_setting('block_size')::bigint as blocks
  from (
    select $1::regclass as relid
    union select relid from pg_partition_tree($1::regclass)
  ) as t
  join pg_class as c on c.oid = t.relid join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind = 'r'
  order by 1`;

export async function listParts(client: Queryable, tables: readonly CarriedTable[]): Promise<Part[]> {
  const parts: Part[] = [];
  for (const table of tables) {
    const { rows } = await client.query<{ name: string; blocks: number }>({
      text: selectParts,
      values: [table.name],
    });
    parts.push(...rows.map((row) => ({ table, ...row })));
  }
  return parts;
}

/** `lastValue` as text: a sequence may be past the safe integers. */
export type SequenceState = { name: string; lastValue: string; isCalled: boolean };

/** Read after the snapshot, so they are at or past every number that is in it. */
export async function readSequences(client: Queryable): Promise<SequenceState[]> {
  const { rows } = await client.query<{ name: string }>({
    text: `select format('%I.%I', schemaname, sequencename) as name from pg_sequences
      where schemaname = any($1::text[]) order by 1`,
    values: [carriedSchemas],
  });
  const states: SequenceState[] = [];
  for (const { name } of rows) {
    const found = await client.query<{ last: string; called: boolean }>(
      `select last_value::text as last, is_called as called from ${name}`,
    );
    states.push({ name, lastValue: found.rows[0]!.last, isCalled: found.rows[0]!.called });
  }
  return states;
}

/**
 * Past every sequence number that others were told before: what the old installation sent after the backup must
 * not come out as older than what the new one sends.
 */
const entitySequence = 'ops.outbox_entity_seq';
const entityJump = 1_000_000_000n;

export async function setSequences(client: Queryable, states: readonly SequenceState[]): Promise<void> {
  for (const { name, lastValue, isCalled } of states) {
    const value = name === entitySequence ? BigInt(lastValue) + entityJump : BigInt(lastValue);
    await client.query({
      text: 'select setval($1::regclass, $2::bigint, $3)',
      values: [name, String(value), isCalled],
    });
  }
}

/**
 * The data is on another cluster now, or in another database of the same one: transaction ids of what comes
 * from here on are compared only with each other.
 */
export async function raiseEpoch(client: Queryable): Promise<void> {
  await client.query(
    'update ops.installation set epoch = epoch + 1, system_identifier = (select system_identifier from pg_control_system())',
  );
}
