import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runCommand } from '../commands/run-command.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
const place = 'audited';

before(async () => {
  tested = await startTestProgram();
  const documents = [
    ...[0, 1, 2].map((index) =>
      receipt({ transaction_id: `a-${index}`, place_id: place, timestamp: `2024-02-0${index + 1}T12:00:00` }),
    ),
    receipt({ transaction_id: 'a-1', place_id: place, revision: 1, timestamp: '2024-03-05T23:10:00' }),
    receipt({ transaction_id: 'a-1', place_id: place, revision: 2, timestamp: '2024-03-05T20:10:00' }),
    receipt({ transaction_id: 'refund', type: 'refund', place_id: place }),
    receipt({ transaction_id: 'elsewhere', place_id: 'other', customer_id: 'c-1' }),
  ];
  const sent = await tested.call('POST', '/api/checks/', documents);
  assert.equal(sent.body.accepted, documents.length);
  await tested.settle();
});
after(() => tested.stop());

const query = async (text: string, values: unknown[] = []) =>
  (await tested.database.pool.query(text, values)).rows;

/** What is planted is found, and nothing else: `table figure` of each difference. */
async function found(): Promise<string[]> {
  const differences = await tested.audit();
  return [...new Set(differences.map(({ table, figure }) => `${table} ${figure}`))].sort();
}

/** Which marts disagree where one is wrong: itself, and those summed from it. */
const marts: Record<string, string[]> = {
  sales_hour: ['sales_hour', 'sales_day'],
  category_hour: ['category_hour', 'category_day'],
  product_day: ['product_day', 'product_month'],
  place_pulse: ['place_pulse'],
  sales_day: ['sales_day', 'sales_month', 'sales_chain_day'],
  sales_month: ['sales_month', 'sales_year'],
  sales_year: ['sales_year'],
  category_day: ['category_day', 'category_month', 'category_chain_day'],
  category_month: ['category_month', 'category_year'],
  category_year: ['category_year'],
  product_month: ['product_month', 'product_year'],
  product_year: ['product_year'],
  sales_chain_day: ['sales_chain_day'],
  category_chain_day: ['category_chain_day'],
};

test('the tests know every mart', async () => {
  const tables = await query(
    "select table_name from information_schema.tables where table_schema = 'cdm' and table_type = 'BASE TABLE' and table_name not in ('generation', 'cursor', 'dirty')",
  );
  const counted = (name: string) =>
    /^(counted_|customer|user_|unique_customers|snapshot|analytics_snapshot|touched_)/.test(name);
  assert.deepEqual(
    tables
      .map((row) => row.table_name as string)
      .filter((name) => !counted(name))
      .sort(),
    Object.keys(marts).sort(),
  );
  assert.deepEqual(await found(), []);
});

for (const [mart, disagreeing] of Object.entries(marts)) {
  test(`a wrong, a missing and an invented row of ${mart} are found, figure by figure`, async () => {
    const columns = await query(
      "select column_name as name, data_type = 'bigint' as is_figure from information_schema.columns where table_schema = 'cdm' and table_name = $1",
      [mart],
    );
    const figures = columns.filter((column) => column.is_figure).map((column) => column.name as string);
    assert.ok(figures.length >= 5);
    const table = `cdm.${mart}`;
    const row = (condition: string) =>
      `ctid = (select ctid from ${table} where ${condition} and units <> 0 order by period desc limit 1)`;
    for (const kind of mart === 'place_pulse' ? ['by_arrival', 'not by_arrival'] : ['true']) {
      const more = figures.map((figure) => `${figure} = ${figure} + 7`).join(', ');
      assert.deepEqual(
        await planted(`update ${table} set ${more} where ${row(kind)}`, table, 'true'),
        disagreeing.flatMap((other) => figures.map((figure) => `cdm.${other} ${figure}`)).sort(),
      );
      const missing = await planted(`delete from ${table} where ${row(kind)}`, table, 'true');
      assert.ok(missing.includes(`${table} units`), String(missing));
      const names = columns.map((column) => column.name as string);
      const values = names.map((name) => (name === 'source' ? "'invented'" : name));
      const invented = await planted(
        `insert into ${table} (${names.join(', ')}) select ${values.join(', ')} from ${table} where ${row(kind)}`,
        table,
        'true',
      );
      assert.ok(invented.includes(`${table} units`), String(invented));
    }
  });
}

test('expected and found are told as they are', async () => {
  await query(
    "update cdm.product_day set units = units + 7 where place_id = 'other' and product_id = 'product_id_1'",
  );
  const differences = await tested.audit();
  await query(
    "update cdm.product_day set units = units - 7 where place_id = 'other' and product_id = 'product_id_1'",
  );
  assert.deepEqual(differences[0], {
    table: 'cdm.product_day',
    key: 'other 2024-02-07 receipt credit_card RUB groceries product_id_1',
    figure: 'units',
    expected: '2000',
    found: '2007',
  });
});

/** Changes one thing, looks, and puts it back. */
async function planted(plant: string, table: string, saved: string): Promise<string[]> {
  await query(`create table kept_rows as select * from ${table} where ${saved}`);
  await query(plant);
  const seen = await found();
  await query(`delete from ${table} where ${saved}`);
  await query(`insert into ${table} select * from kept_rows`);
  await query('drop table kept_rows');
  assert.deepEqual(await found(), [], `after ${plant}`);
  return seen;
}

const inRegistry: [change: string, expected: string[]][] = [
  ["update stg.sale set business_date = '2024-02-09' where source_id = 'a-0'", ['stg.sale business_date']],
  ["update stg.sale set place_id = 'other' where source_id = 'a-0'", ['stg.sale place_id']],
  ["update stg.sale set content_hash = '\\x00' where source_id = 'a-0'", ['stg.sale content_hash']],
  ["update stg.sale set sale_seq = 2 where source_id = 'a-0'", ['stg.sale journal_row']],
  [
    "update stg.sale set version = '0000000007' where source_id = 'a-0'",
    ['stg.sale journal_row', 'stg.sale version'],
  ],
];
for (const [change, expected] of inRegistry) {
  test(`found in the registry: ${change}`, async () => {
    assert.deepEqual(await planted(change, 'stg.sale', "source_id = 'a-0'"), expected);
  });
}

test('a sale that is missing in the registry, and one that nobody sent', async () => {
  const missing = await planted(
    "delete from stg.sale where source_id = 'a-0'",
    'stg.sale',
    "source_id = 'a-0'",
  );
  assert.ok(missing.includes('stg.sale version'), String(missing));
  assert.ok(!missing.some((one) => one.startsWith('cdm.')), 'the marts are right');
  const invented = await planted(
    "insert into stg.sale select source, place_scope, 'ghost', version, content_hash, canonical_hash, journal_position, journal_at, sale_seq, status, place_id, business_date, reference_version from stg.sale where source_id = 'a-0'",
    'stg.sale',
    "source_id = 'ghost'",
  );
  assert.ok(invented.includes('stg.sale journal_row'), String(invented));
});

test('a pointer to an older row of the same sale', async () => {
  const seen = await planted(
    `update stg.sale as s set journal_position = j.position, journal_at = j.received_at
     from stg.journal as j where s.source_id = 'a-1' and j.source_id = 'a-1' and j.sale_seq = 1`,
    'stg.sale',
    "source_id = 'a-1'",
  );
  assert.ok(seen.includes('stg.sale journal_row'), String(seen));
});

const change = (sale: string, seq: number, entry: number, member: string, value: string) =>
  `update stg.journal set contributions = jsonb_set(contributions, '{${entry},${member}}', '${value}') where source_id = '${sale}' and sale_seq = ${seq}`;

test('what is recorded as counted for a sale is not what its document says', async () => {
  const seen = await planted(change('a-0', 1, 0, 'total', '9999'), 'stg.journal', "source_id = 'a-0'");
  // The marts are as the document says, so they are not accused.
  assert.deepEqual(seen, ['stg.journal contribution.total']);
  const moved = await planted(change('a-0', 1, 0, 'place', '"other"'), 'stg.journal', "source_id = 'a-0'");
  assert.deepEqual(moved, ['stg.journal contribution.place']);
  const nothing = await planted(
    "update stg.journal set contributions = null where source_id = 'a-0'",
    'stg.journal',
    "source_id = 'a-0'",
  );
  assert.ok(nothing.includes('stg.journal contribution.total'));
});

test('a document that was changed in the journal', async () => {
  const seen = await planted(
    `update stg.journal set document = convert_to(replace(convert_from(document, 'UTF8'), '10.99', '11.99'), 'UTF8') where source_id = 'a-0'`,
    'stg.journal',
    "source_id = 'a-0'",
  );
  assert.ok(seen.includes('stg.sale content_hash'), String(seen));
  assert.ok(seen.includes('stg.journal contribution.products'), String(seen));
});

test('history that no longer adds up to the current contribution', async () => {
  const cases = [
    change('a-1', 1, 0, 'total', '1'), // put in first
    change('a-1', 2, 0, 'total', '1'), // taken out again
    change('a-1', 3, 0, 'total', '1'), // taken out by the newest
    "delete from stg.journal where source_id = 'a-1' and sale_seq = 2",
    "update stg.journal set contributions = contributions || contributions where source_id = 'a-1' and sale_seq = 1",
  ];
  for (const plant of cases)
    assert.deepEqual(
      await planted(plant, 'stg.journal', "source_id = 'a-1'"),
      ['stg.journal counted'],
      plant,
    );
});

test('a period that is taken for clean above one that is behind', async () => {
  await query("insert into cdm.dirty (level, place_id, period) values ('day', 'audited', '2024-02-01')");
  const differences = await tested.audit();
  await query('delete from cdm.dirty');
  assert.deepEqual(
    differences.map(({ table, key }) => `${table} ${key}`),
    [
      'cdm.dirty chain_day 2024-02-01',
      'cdm.dirty month audited 2024-02-01',
      'cdm.dirty year audited 2024-01-01',
    ],
  );
});

test('the command prints each difference and exits 1, and exits 0 where there is none', async () => {
  const env = { DATABASE_URL: tested.database.connectionString, LOG_LEVEL: 'error' };
  const clean = await runCommand(['audit'], env);
  assert.equal(clean.code, 0, clean.output);
  assert.match(clean.output, /^audit: 5 sales recomputed in .* 0 differences$/m);
  await query("update cdm.sales_year set sales = sales + 1 where place_id = 'other'");
  const wrong = await runCommand(['audit'], env);
  await query("update cdm.sales_year set sales = sales - 1 where place_id = 'other'");
  assert.equal(wrong.code, 1, wrong.output);
  assert.match(
    wrong.output,
    /^cdm\.sales_year {2}other 2024-01-01 receipt credit_card RUB {2}sales: expected 2747, found 2748$/m,
  );
  assert.match(wrong.output, /, 1 differences$/m);
});
