import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
/** Roles belong to the whole server, which other tests use too. */
const role = `bi_${process.pid}`;
const query = async (text: string) => (await tested.database.pool.query(text)).rows;

before(async () => {
  tested = await startTestProgram();
  await tested.call('POST', '/api/checks/', receipt());
  await query(`create role ${role}; create role ${role}_owner`);
});
after(async () => {
  await query(`drop owned by ${role}, ${role}_owner cascade; drop role ${role}, ${role}_owner`);
  await tested.stop();
});

const rebuild = () =>
  rebuildMarts({
    ...tested.program.warehouse,
    log: createLog('silent'),
    metrics: createMetrics(),
    progress: () => {},
  });

/** All that somebody may have put on the marts, and all that a migration may name. */
async function catalog() {
  const classes = await query(`
    select c.oid::regclass::text as name, c.relkind, c.reloptions, c.relacl::text as grants, c.relowner::regrole::text as owner,
      obj_description(c.oid, 'pg_class') as comment, case when c.relkind = 'v' then pg_get_viewdef(c.oid) end as definition
    from pg_class as c
    where c.relnamespace in ('cdm'::regnamespace, 'bi'::regnamespace) and c.relkind <> 'S'
    order by 1`);
  const columns = await query(`
    select a.attrelid::regclass::text as name, a.attname, a.atttypid::regtype::text as type, a.attnotnull, a.attacl::text as grants,
      col_description(a.attrelid, a.attnum) as comment,
      pg_get_expr(d.adbin, d.adrelid) as default
    from pg_attribute as a join pg_class as c on c.oid = a.attrelid
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace in ('cdm'::regnamespace, 'bi'::regnamespace) and c.relkind in ('r', 'v') and a.attnum > 0
      and not a.attisdropped
    order by 1, a.attnum`);
  const indexes = await query(
    "select indexname, indexdef from pg_indexes where schemaname = 'cdm' order by 1",
  );
  const constraints = await query(`
    select conrelid::regclass::text as name, conname, pg_get_constraintdef(oid) as definition
    from pg_constraint where connamespace = 'cdm'::regnamespace and contype <> 'n' order by 1, 2`);
  return { classes, columns, indexes, constraints };
}

test('views, grants, owners, comments, indexes and their names survive a rebuild, twice', async () => {
  await query(`
    create schema bi;
    grant usage, create on schema bi to ${role}_owner;
    create view bi.net with (security_barrier = true) as select place_id, period, sales - refunds as net from cdm.sales_day;
    create view bi.by_month as
      select n.place_id, date_trunc('month', n.period) as month, sum(n.net) as net, max(c.moved_at) as as_of
      from bi.net as n cross join cdm.cursor as c group by 1, 2;
    create view bi."Both" as select b.*, y.receipts from bi.by_month as b join cdm.sales_year as y using (place_id);
    comment on view bi.by_month is 'what it''s about';
    comment on column bi.by_month.net is 'it''s money';
    alter view bi.net owner to ${role}_owner;
    grant select on cdm.sales_day to ${role}_owner;
    grant select, insert on bi.net to ${role} with grant option;
    grant select on bi."Both" to public;
    grant select (place_id, net) on bi.by_month to ${role};
    grant select on cdm.sales_day to ${role};
    grant select (place_id, sales) on cdm.sales_hour to ${role};
    create index by_category on cdm.category_day (category) where sales <> 0;
    alter table cdm.sales_year set (autovacuum_enabled = true)`);
  const before = await catalog();
  assert.ok(before.classes.length > 30 && before.indexes.length > 18);
  for (let turn = 0; turn < 2; turn++) {
    await rebuild();
    assert.deepEqual(await catalog(), before);
  }
  assert.deepEqual(await query('select net::integer from bi.net'), [{ net: 2747 }]);
  assert.deepEqual(await tested.audit(), []);
});

const obstacles: [make: string, drop: string, message: RegExp][] = [
  [
    'create materialized view bi.kept as select * from bi.by_month',
    'drop materialized view bi.kept',
    /materialized view bi\.kept reads from/,
  ],
  [
    'create trigger look before update on cdm.sales_day for each row execute function suppress_redundant_updates_trigger()',
    'drop trigger look on cdm.sales_day',
    /trigger look stands on cdm\.sales_day/,
  ],
  [
    'create policy own on cdm.sales_day using (true)',
    'drop policy own on cdm.sales_day',
    /policy own stands on cdm\.sales_day/,
  ],
  [
    'create function bi.total() returns bigint begin atomic select sum(net)::bigint from bi.net; end',
    'drop function bi.total()',
    /function bi\.total\(\) reads from bi\.net/,
  ],
];
for (const [make, drop, message] of obstacles) {
  test(`a rebuild refuses to lose: ${make.slice(0, 50)}`, async () => {
    await query(make);
    const [before] = await query('select generation from cdm.generation');
    await assert.rejects(rebuild(), (error: Error & { code: string }) => {
      assert.equal(error.code, 'invalid_configuration');
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(await query('select generation from cdm.generation'), [before]);
    assert.deepEqual(await query("select to_regnamespace('cdm_next') as next"), [{ next: null }]);
    await query(drop);
    assert.equal((await rebuild()).generation, before.generation + 1);
  });
}
