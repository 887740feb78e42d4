import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type CustomersFixture, createCustomersFixture, createDyingPool } from './fixture.ts';

let fixture: CustomersFixture;
before(async () => {
  fixture = await createCustomersFixture('2024-01-31T12:00:00Z');
  await fixture.rule({ tag: 'orders', scope: 'category', match: 'c0', metric: 'orders', threshold: 2 });
  await fixture.rule({ tag: 'units', scope: 'product', match: 'p1', metric: 'units', threshold: 4_000 });
  await fixture.rule({ tag: 'spent', metric: 'spent', threshold: 20_000, currency: 'RUB' });
  await fixture.rule({
    tag: 'lately',
    scope: 'category',
    match: 'c1',
    metric: 'orders',
    threshold: 0,
    window_days: 20,
  });
  await fixture.rule({ tag: 'all', metric: 'orders', threshold: 3 });
});
after(() => fixture.database.drop());

const seed = process.env.SEED === undefined ? undefined : Number(process.env.SEED);

type Document = {
  id: number;
  revision: number;
  refund: boolean;
  customer: number;
  day: number;
  euro: boolean;
  lines: { product: number; category: number; quantity: number; priceMinor: number }[];
};

const documents = fc.array(
  fc.record<Document>({
    id: fc.integer({ min: 0, max: 9 }),
    revision: fc.integer({ min: 0, max: 4 }),
    refund: fc.integer({ min: 0, max: 4 }).map((one) => one === 0),
    // The last one is nobody.
    customer: fc.integer({ min: 0, max: 3 }),
    day: fc.integer({ min: 0, max: 59 }),
    euro: fc.integer({ min: 0, max: 5 }).map((one) => one === 0),
    lines: fc.array(
      fc.record({
        product: fc.integer({ min: 0, max: 2 }),
        category: fc.integer({ min: 0, max: 2 }),
        quantity: fc.integer({ min: 1, max: 4 }),
        priceMinor: fc.integer({ min: 0, max: 9999 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  }),
  { minLength: 1, maxLength: 30 },
);

const dateOf = (day: number) => new Date(Date.UTC(2023, 11, 10 + day)).toISOString().slice(0, 10);
const totalOf = (document: Document) =>
  document.lines.reduce((sum, line) => sum + line.quantity * line.priceMinor, 0);

const receiptOf = (document: Document, run: string) => ({
  transaction_id: `${run}-${document.id}`,
  timestamp: `${dateOf(document.day)}T12:15:00`,
  place_id: 'place',
  items: document.lines.map((line) => ({
    product_id: `p${line.product}`,
    category: `c${line.category}`,
    quantity: line.quantity,
    price: line.priceMinor / 100,
  })),
  total_amount: totalOf(document) / 100,
  nds_amount: 0,
  currency: document.euro ? 'EUR' : 'RUB',
  revision: document.revision,
  ...(document.customer === 3 ? {} : { customer_id: `${run}-guest-${document.customer}` }),
  ...(document.refund ? { type: 'refund' } : {}),
});

/** Written without looking at the program: the first document of the highest revision of each id stands. */
function standing(list: readonly Document[]): Document[] {
  const current = new Map<number, Document>();
  for (const document of list) {
    const before = current.get(document.id);
    if (before === undefined || document.revision > before.revision) current.set(document.id, document);
  }
  return [...current.values()];
}

type Sums = Map<string, { orders: number; units: number; spent: number }>;

function add(sums: Sums, key: string, orders: number, units: number, spent: number): void {
  const sum = sums.get(key) ?? { orders: 0, units: 0, spent: 0 };
  sums.set(key, { orders: sum.orders + orders, units: sum.units + units, spent: sum.spent + spent });
}

/** By customer, scope, key, currency and date. */
function recompute(list: readonly Document[], run: string): Sums {
  const sums: Sums = new Map();
  for (const document of list) {
    if (document.customer === 3) continue;
    const direction = document.refund ? -1 : 1;
    const orders = document.refund ? 0 : 1;
    const counted = new Set<string>();
    const name = (scope: string, key: string) =>
      `${run}-guest-${document.customer}|${scope}|${key}|${document.euro ? 'EUR' : 'RUB'}|${dateOf(document.day)}`;
    const line = (scope: string, key: string, units: number, spent: number) => {
      add(
        sums,
        name(scope, key),
        counted.has(scope + key) ? 0 : orders,
        direction * units,
        direction * spent,
      );
      counted.add(scope + key);
    };
    for (const { product, category, quantity, priceMinor } of document.lines) {
      line('category', `c${category}`, quantity * 1000, quantity * priceMinor);
      line('product', `p${product}`, quantity * 1000, quantity * priceMinor);
      line('total', '', quantity * 1000, quantity * priceMinor);
    }
  }
  for (const [key, sum] of sums) if (!sum.orders && !sum.units && !sum.spent) sums.delete(key);
  return sums;
}

function group(sums: Sums, keyOf: (parts: string[]) => string): Sums {
  const result: Sums = new Map();
  for (const [name, sum] of sums) add(result, keyOf(name.split('|')), sum.orders, sum.units, sum.spent);
  for (const [key, sum] of result) if (!sum.orders && !sum.units && !sum.spent) result.delete(key);
  return result;
}

async function stored(text: string, run: string): Promise<Sums> {
  const { rows } = await fixture.pool.query({ text, values: [`${run}-guest-%`] });
  return new Map(rows.map(({ name, orders, units, spent }) => [name, { orders, units, spent }]));
}

const joined = `
  join cdm.customer as c on c.user_no = u.user_no and c.customer_id like $1
  join cdm.counted_key as k on k.key_no = u.key_no`;

const sorted = (sums: Map<string, unknown>) => [...sums].sort(([a], [b]) => (a < b ? -1 : 1));

function expectedTags(days: Sums, run: string): string[] {
  const value = (guest: string, test: (parts: string[]) => boolean, metric: 'orders' | 'units' | 'spent') =>
    [...days]
      .filter(([name]) => name.startsWith(`${guest}|`) && test(name.split('|')))
      .reduce((sum, [, one]) => sum + one[metric], 0);
  return [0, 1, 2].flatMap((number) => {
    const guest = `${run}-guest-${number}`;
    const isKey = (scope: string, key: string) => (parts: string[]) => parts[1] === scope && parts[2] === key;
    const tags: string[] = [];
    if (value(guest, isKey('category', 'c0'), 'orders') > 2) tags.push('orders');
    if (value(guest, isKey('product', 'p1'), 'units') > 4_000) tags.push('units');
    const inRubles = (parts: string[]) => isKey('total', '')(parts) && parts[3] === 'RUB';
    if (value(guest, inRubles, 'spent') > 20_000) tags.push('spent');
    const lately = (parts: string[]) => isKey('category', 'c1')(parts) && parts[4]! > '2024-01-11';
    if (value(guest, lately, 'orders') > 0) tags.push('lately');
    if (value(guest, isKey('total', ''), 'orders') > 3) tags.push('all');
    return tags.sort().map((tag) => `${guest} ${tag}`);
  });
}

/** How many customers have orders with a key in each period, over all runs so far. */
function expectedUnique(all: readonly Sums[]): Map<string, number> {
  const orders = new Map<string, number>();
  for (const days of all)
    for (const [name, { orders: count }] of days) {
      const [guest, scope, key, , date] = name.split('|') as [string, string, string, string, string];
      const weekday = (new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7;
      const monday = new Date(Date.parse(date) - weekday * 86_400_000).toISOString().slice(0, 10);
      const periods = [`day ${date}`, `week ${monday}`, `month ${date.slice(0, 7)}-01`];
      for (const period of [...periods, `year ${date.slice(0, 4)}-01-01`, 'all 1900-01-01']) {
        const at = `${period} ${scope} ${key}|${guest}`;
        orders.set(at, (orders.get(at) ?? 0) + count);
      }
    }
  const unique = new Map<string, number>();
  for (const [at, count] of orders) {
    const name = at.split('|')[0]!;
    if (count > 0) unique.set(name, (unique.get(name) ?? 0) + 1);
  }
  return unique;
}

const earlier: Sums[] = [];

async function compare(list: readonly Document[], run: string): Promise<void> {
  const days = recompute(standing(list), run);
  const name = "c.customer_id || '|' || k.scope || '|' || k.key || '|' || u.currency";
  assert.deepEqual(
    sorted(
      await stored(
        `select ${name} || '|' || u.period as name, u.orders, u.units, u.spent from cdm.user_day as u ${joined}`,
        run,
      ),
    ),
    sorted(days),
    'days',
  );
  const counters = group(days, ([guest, scope, key, currency]) => `${guest}|${scope}|${key}|${currency}`);
  assert.deepEqual(
    sorted(
      await stored(
        `select ${name} as name, u.orders, u.units, u.spent from cdm.user_counter as u ${joined}`,
        run,
      ),
    ),
    sorted(counters),
    'counters',
  );
  const tags = await fixture.pool.query({
    text: `select c.customer_id || ' ' || r.tag as name from ops.customer_tag as t
      join ops.tag_rule as r on r.rule_id = t.rule_id join cdm.customer as c on c.user_no = t.user_no
      where t.assigned and c.customer_id like $1 order by c.customer_id, r.tag`,
    values: [`${run}-guest-%`],
  });
  assert.deepEqual(
    tags.rows.map((row) => row.name),
    expectedTags(days, run),
    'tags',
  );
  await compareEvents(
    tags.rows.map((row) => row.name),
    run,
  );
  earlier.push(days);
  const unique = await fixture.pool.query(
    `select q.kind || ' ' || q.period || ' ' || k.scope || ' ' || k.key as name, q.customers
     from cdm.unique_customers as q join cdm.counted_key as k on k.key_no = q.key_no`,
  );
  const found = new Map(unique.rows.map((row) => [row.name, row.customers]));
  assert.deepEqual(sorted(found), sorted(expectedUnique(earlier)), 'unique customers');
  const waiting = await fixture.pool.query('select count(*) as rows from cdm.customer_pending');
  assert.equal(waiting.rows[0].rows, 0, 'nothing waits any more');
  const listed = await fixture.pool.query({
    text: `select s.source_id from cdm.customer_sale as s join cdm.customer as c on c.user_no = s.user_no
      where c.customer_id like $1 and s.count = 1 order by 1`,
    values: [`${run}-guest-%`],
  });
  const sold = standing(list).filter((one) => one.customer !== 3);
  assert.deepEqual(
    listed.rows.map((row) => row.source_id),
    sold.map((one) => `${run}-${one.id}`).sort(),
  );
}

/** A tag is given, taken back, given again …, and the last event says how it is. */
async function compareEvents(tagged: readonly string[], run: string): Promise<void> {
  const { rows } = await fixture.pool.query({
    text: `select (payload->>'customer_id') || ' ' || (payload->>'tag') as name, array_agg(event order by entity_seq) as events
      from ops.outbox where payload->>'customer_id' like $1 group by 1`,
    values: [`${run}-guest-%`],
  });
  for (const { name, events } of rows as { name: string; events: string[] }[])
    for (const [index, event] of events.entries())
      assert.equal(event, index % 2 === 0 ? 'tag.assigned' : 'tag.revoked', name);
  const last = rows.filter(({ events }) => events.length % 2 === 1).map(({ name }) => name);
  assert.deepEqual(last.sort(), [...tagged].sort(), 'events');
}

/** As if the transactions had committed in another order than they began: a new place for each row of the run. */
async function shuffle(run: string, keys: readonly number[]): Promise<void> {
  const { rows } = await fixture.pool.query({
    text: `select position, xid::text as xid from stg.journal where source_id like $1 order by position`,
    values: [`${run}-%`],
  });
  const order = rows
    .map((_, index) => index)
    .sort((a, b) => ((keys[a % keys.length]! * (a + 7)) % 97) - ((keys[b % keys.length]! * (b + 7)) % 97));
  await fixture.pool.query({
    text: `update stg.journal as j set xid = i.xid::xid8
      from unnest($1::int8[], $2::text[]) as i(position, xid) where j.position = i.position`,
    values: [rows.map((row) => row.position), order.map((index) => rows[index]!.xid)],
  });
}

let runs = 0;

test('for any history, in any order and killed anywhere, counters and tags are those of a plain recomputation', async () => {
  await fc.assert(
    fc.asyncProperty(
      documents,
      fc.array(fc.nat(96), { minLength: 5, maxLength: 40 }),
      fc.array(fc.record({ follower: fc.nat(3), dies: fc.option(fc.integer({ min: 1, max: 14 })) }), {
        minLength: 1,
        maxLength: 8,
      }),
      async (list, keys, steps) => {
        const run = `r${runs++}`;
        for (const document of list) {
          const incoming = fixture.parse(receiptOf(document, run));
          assert.ok(incoming.sale, JSON.stringify(incoming));
          await fixture.loader.load([incoming]);
        }
        await shuffle(run, keys);
        const dying = createDyingPool(fixture.pool);
        const followers = [1, 2, 3, 7].map((rowsPerStep) =>
          fixture.follower({ pool: dying.pool, rowsPerStep }),
        );
        for (const { follower, dies } of steps) {
          dying.dieAfter(dies);
          await followers[follower]!.step().catch((error: Error) => assert.equal(error.message, 'killed'));
        }
        dying.dieAfter(null);
        await fixture.follow(followers[3]!);
        await compare(list, run);
      },
    ),
    { numRuns: 40, verbose: 1, ...(seed === undefined ? {} : { seed }) },
  );
});

/** Loads the changes of a sale, and has them followed one by one in another order. */
async function followInOrder(changes: readonly Record<string, unknown>[], order: readonly number[]) {
  for (const change of changes) await fixture.loader.load([fixture.parse(change)]);
  const { rows } = await fixture.pool.query({
    text: 'select position, xid::text as xid from stg.journal where source_id = $1 order by position',
    values: [changes[0]!.transaction_id],
  });
  for (const [place, index] of order.entries())
    await fixture.pool.query({
      text: 'update stg.journal set xid = $2::xid8 where position = $1',
      values: [rows[index].position, rows[place].xid],
    });
  const follower = fixture.follower({ rowsPerStep: 1 });
  while ((await follower.step()) === 0);
  const { rows: waiting } = await fixture.pool.query('select count(*) as rows from cdm.customer_pending');
  assert.ok(waiting[0].rows > 0, 'the first change followed is not the first made');
  await fixture.follow(follower);
  const left = await fixture.pool.query('select count(*) as rows from cdm.customer_pending');
  assert.equal(left.rows[0].rows, 0);
}

test('a value that never was gives no tag, although it was the sum for a moment', async () => {
  const changes = [1, 9, 2].map((quantity, revision) => ({
    transaction_id: 'gap-1',
    customer_id: 'gap-guest-0',
    revision,
    items: [{ product_id: 'p1', category: 'x', quantity, price: 1 }],
    total_amount: quantity,
  }));
  await followInOrder(changes, [1, 2, 0]);
  const { rows } = await fixture.pool.query(
    "select event from ops.outbox where payload->>'customer_id' = 'gap-guest-0'",
  );
  assert.deepEqual(rows, []);
});

test('days that add up to nothing for a moment are found again', async () => {
  const changes = ['2024-01-01', '2024-01-02'].map((date, revision) => ({
    transaction_id: 'moved-1',
    customer_id: 'moved-guest-0',
    revision,
    timestamp: `${date}T12:00:00`,
  }));
  await followInOrder(changes, [1, 0]);
  const { rows } = await fixture.pool.query(
    `select distinct u.period::text as period, u.orders from cdm.user_day as u
     join cdm.customer as c on c.user_no = u.user_no where c.customer_id = 'moved-guest-0'`,
  );
  assert.deepEqual(rows, [{ period: '2024-01-02', orders: 1 }]);
});
