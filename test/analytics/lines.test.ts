import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { openSaleLines } from '../../src/analytics/sale-lines.ts';
import { numbersFrom } from '../../src/commands/trickle.ts';
import { programRoles } from '../../src/roles.ts';
import { adminToken, receipt, startTestProgram, type TestProgram } from '../program.ts';
import { settleVault } from '../vault/fixture.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const random = numbersFrom(seed);
const whole = (limit: number) => Math.floor(random() * limit);
const period = 'from=2024-01-01&to=2024-03-31';
let tested: TestProgram;

/** Without the role that follows the journal into the vault, so that tests say how far it is. */
before(async () => {
  tested = await startTestProgram({}, { roles: programRoles.filter((role) => role !== 'vault') });
  const sales = Array.from({ length: 300 }, (_, number) => {
    const items = Array.from({ length: 1 + whole(40) }, () => ({
      product_id: `p${whole(9)}`,
      quantity: 1 + whole(3000) / 1000,
      price: whole(100_000) / 100,
      category: `c${whole(3)}`,
    }));
    return receipt({
      transaction_id: `sale-${number}`,
      place_id: `place-${whole(3)}`,
      timestamp: `2024-0${1 + whole(3)}-${String(1 + whole(28)).padStart(2, '0')}T${10 + whole(10)}:15:00`,
      type: random() < 0.1 ? 'refund' : 'sale',
      items,
      ...(random() < 0.5 ? { customer_id: `guest-${whole(20)}` } : {}),
    });
  });
  const { status } = await tested.call('POST', '/api/checks/', sales);
  assert.equal(status, 202);
  // Corrected: only what holds now is a line.
  await tested.call('POST', '/api/checks/', {
    ...sales[0],
    revision: 1,
    items: [sales[1]!.items as object[]][0],
  });
  await settleVault(tested);
});
after(() => tested.stop());

type Line = Record<string, string | number | null>;

async function ndjson(query: string, token = adminToken) {
  const response = await fetch(`${tested.program.address}/api/analytics/lines?${query}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  assert.equal(response.headers.get('content-type'), 'application/x-ndjson');
  const lines = text.split('\n').slice(0, -1);
  return { lines: lines.map((line) => JSON.parse(line) as Line), asOf: response.headers.get('x-as-of')! };
}

const tokenOf = async (roles: string[], place_id?: string): Promise<string> =>
  (await tested.call('POST', '/api/tokens/', { name: 'x', roles, place_id })).body.secret;

test('what the lines add up to is what the marts have, by place and product', async () => {
  const { lines } = await ndjson(period);
  assert.ok(lines.length > 2_000, 'more than one fetch');
  const sums = new Map<string, number[]>();
  for (const line of lines) {
    const sum = sums.get(`${line.place_id} ${line.product_id}`) ?? [0, 0];
    sum[0]! += Math.round(Number(line.net_amount) * 100);
    sum[1]! += Math.round(Number(line.quantity) * 1000) * (line.type === 'refund' ? -1 : 1);
    sums.set(`${line.place_id} ${line.product_id}`, sum);
  }
  const { body } = await tested.call(
    'GET',
    `/api/analytics/sales?granularity=total&group_by=place,product&${period}`,
  );
  assert.ok(body.rows.length > 20);
  for (const row of body.rows)
    assert.deepEqual(
      sums.get(`${row.place_id} ${row.product_id}`),
      [Math.round(row.net * 100), Math.round(row.units * 1000)],
      `${row.place_id} ${row.product_id} (seed ${seed})`,
    );
  assert.equal(sums.size, body.rows.length);
  const order = lines.map((line) => `${line.business_date} ${line.sold_at}`);
  assert.deepEqual(order, order.toSorted());
});

test('CSV and Parquet are the same rows', async () => {
  const { lines, asOf } = await ndjson(period);
  const ask = (format: string) =>
    fetch(`${tested.program.address}/api/analytics/lines?${period}&format=${format}`, {
      headers: { authorization: `Bearer ${adminToken}` },
    });
  const csv = (await (await ask('csv')).text()).trimEnd().split('\r\n');
  assert.deepEqual(csv[0]!.split(','), Object.keys(lines[0]!));
  assert.deepEqual(
    csv.slice(1),
    lines.map((line) => Object.values(line).join(',')),
  );
  const file = await (await ask('parquet')).arrayBuffer();
  const metadata = await parquetMetadataAsync(file);
  const rows = (await parquetReadObjects({ file, metadata })) as Record<string, unknown>[];
  const cents = (value: unknown) => Math.round(Number(value) * 1e4) / 1e4;
  assert.deepEqual(
    rows.map((row) => ({
      ...row,
      business_date: (row.business_date as Date).toISOString().slice(0, 10),
      sold_at: (row.sold_at as Date).toISOString(),
      line_number: Number(row.line_number),
      ...{ quantity: cents(row.quantity), price: cents(row.price) },
      ...{ amount: cents(row.amount), net_amount: cents(row.net_amount) },
    })),
    lines,
  );
  const named = metadata.key_value_metadata!.find(({ key }) => key === 'as_of')!.value!;
  assert.ok(named >= asOf);
});

test('filters, no lines at all, and what has to be given', async () => {
  const all = (await ndjson(period)).lines;
  const { lines } = await ndjson(`${period}&place_id=place-1&category=c0,c2&product_id=p3`);
  assert.ok(lines.length > 5);
  assert.deepEqual(
    lines,
    all.filter((line) => line.place_id === 'place-1' && line.category !== 'c1' && line.product_id === 'p3'),
  );
  assert.deepEqual((await ndjson('from=2001-01-01&to=2001-02-01')).lines, []);
  const open = await tested.call('GET', '/api/analytics/lines?from=2024-01-01');
  assert.deepEqual([open.status, open.body.errors[0].pointer], [422, '/query/to']);
  const json = await tested.call('GET', `/api/analytics/lines?${period}&format=json`);
  assert.equal(json.status, 406);
});

test('who may list customers sees whose sale it was, nobody else; a bound token its place alone', async () => {
  const { lines } = await ndjson(period, await tokenOf(['analyst', 'marketer']));
  assert.ok(lines.filter((line) => /^guest-\d+$/.test(String(line.customer_id))).length > 500);
  assert.ok(lines.some((line) => line.customer_id === null));
  for (const line of (await ndjson(period, await tokenOf(['analyst']))).lines)
    assert.doesNotMatch(JSON.stringify(line), /customer|guest/);
  const bound = await tokenOf(['analyst', 'marketer'], 'place-2');
  const own = (await ndjson(period, bound)).lines;
  assert.deepEqual(new Set(own.map((line) => line.place_id)), new Set(['place-2']));
  assert.doesNotMatch(JSON.stringify(own), /customer|guest/);
  const foreign = await tested.call('GET', `/api/analytics/lines?${period}&place_id=place-1`, undefined, {
    authorization: `Bearer ${bound}`,
  });
  assert.deepEqual([foreign.status, foreign.body.code], [403, 'foreign_place']);
});

test('an answer says up to when the vault is complete', async () => {
  const before = await ndjson(period);
  const sale = receipt({ transaction_id: 'late', timestamp: '2024-03-30T12:00:00', place_id: 'place-1' });
  assert.equal((await tested.call('POST', '/api/checks/', sale)).status, 202);
  const { rows } = await tested.database.pool.query(
    "select received_at from stg.journal where source_id = 'late'",
  );
  const behind = await ndjson(period);
  assert.deepEqual(behind.lines, before.lines);
  assert.equal(behind.asOf, rows[0].received_at.toISOString());
  await settleVault(tested);
  const complete = await ndjson(period);
  assert.equal(complete.lines.length, before.lines.length + 2);
  assert.ok(complete.asOf > behind.asOf);
});

const openSnapshots = `
  select count(*)::integer as n from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and query like '%sale_lines%' and state <> 'idle'`;

test('a reader that goes away ends the query and gives its connection back', async () => {
  const { pool } = tested.database;
  // More than there are connections, or than may be read at once.
  for (let turn = 0; turn < 20; turn++) {
    const gone = new AbortController();
    const response = await fetch(`${tested.program.address}/api/analytics/lines?${period}`, {
      headers: { authorization: `Bearer ${adminToken}` },
      signal: gone.signal,
    });
    assert.equal(response.status, 200);
    await response.body!.getReader().read();
    gone.abort();
    for (let tries = 0; (await pool.query(openSnapshots)).rows[0].n > 0; tries++) {
      assert.ok(tries < 6_000, 'a snapshot is still held');
      await sleep(5);
    }
  }
});

test('what the database is at when the reader goes is cancelled', async () => {
  const { pool } = tested.database;
  const holder = await pool.connect();
  const gone = new AbortController();
  const query = { from: '2024-01-01', to: '2024-03-31', sources: ['receipt'], withCustomers: false };
  const { pages } = await openSaleLines({ pool, asOf: undefined }, query, gone.signal);
  try {
    await holder.query('begin; lock table dds.s_order_line in access exclusive mode');
    const reading = pages.next();
    const refused = assert.rejects(reading, { code: '57014' });
    while ((await pool.query(`${openSnapshots} and wait_event_type = 'Lock'`)).rows[0].n === 0)
      await sleep(5);
    gone.abort();
    await refused;
  } finally {
    await holder.query('rollback');
    holder.release();
  }
});

test('only so many at once, and the next is told to come back', async () => {
  const { pool } = tested.database;
  const holder = await pool.connect();
  await holder.query('begin; lock table dds.s_order_line in access exclusive mode');
  try {
    const opened = Array.from({ length: 4 }, () => ndjson(period));
    while ((await pool.query(`${openSnapshots} and wait_event_type = 'Lock'`)).rows[0].n < 4) await sleep(5);
    const fifth = await tested.call('GET', `/api/analytics/lines?${period}`);
    assert.deepEqual([fifth.status, fifth.body.code], [503, 'overloaded']);
    assert.ok(Number(fifth.headers.get('retry-after')) > 0);
    await holder.query('rollback');
    for (const { lines } of await Promise.all(opened)) assert.ok(lines.length > 0);
    assert.ok((await ndjson(period)).lines.length > 0);
  } finally {
    holder.release(true);
  }
});
