import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { createPool, type Database } from '../../src/base/db.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { numbersFrom } from '../../src/commands/trickle.ts';
import { createCustomersFollower } from '../../src/customers/follow-customers.ts';
import { parseDocument } from '../../src/intake/parse-document.ts';
import { createReference } from '../../src/reference/load-reference.ts';
import type { Arrival, Incoming } from '../../src/sales/sale.ts';
import { createDirectStream } from '../../src/stream/direct-stream.ts';
import { countTail, createFold } from '../../src/warehouse/fold.ts';
import { createGate } from '../../src/warehouse/gate.ts';
import { ensurePartitions, settleInstallation } from '../../src/warehouse/installation.ts';
import { createLoader, type LoaderDeps } from '../../src/warehouse/load.ts';
import { until } from '../database/temporary-server.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { receipt } from '../program.ts';

let database: TestDatabase;
let loader: ReturnType<typeof createLoader>;
let fold: ReturnType<typeof createFold>;
let customers: ReturnType<typeof createCustomersFollower>;
const log = createLog('silent');
const metrics = createMetrics();
let reparse: LoaderDeps['parse'];
let parse: (changes: Record<string, unknown>) => Incoming;

before(async () => {
  database = await createTestDatabase();
  const { pool } = database;
  const { epoch } = await settleInstallation(pool, 'source');
  await ensurePartitions(pool, Date.now());
  const reference = createReference({ pool, log });
  await reference.refresh();
  customers = createCustomersFollower({ pool, epoch, metrics, clock: systemClock, defaultTimeZone: 'UTC' });
  const config = {
    ...{ strictTotals: false, maximumFutureHours: 48, minimumDate: '2000-01-01' },
    productIdScope: 'chain' as const,
  };
  reparse = (arrival, snapshot) => parseDocument(arrival, { current: snapshot, config });
  loader = createLoader({ pool, reference, epoch, identity: 'source', parse: reparse, log, metrics });
  fold = createFold({ pool, epoch, log, metrics });
  parse = (changes) => {
    const arrival: Arrival = {
      source: 'receipt',
      receivedAtMs: Date.now(),
      contentType: 'application/json',
      body: Buffer.from(JSON.stringify(receipt(changes))),
      resolved: { placeId: 'unknown', currency: 'RUB', timeZone: 'UTC' },
    };
    return parseDocument(arrival, { current: reference.current(), config });
  };
});
after(() => database.drop());

const count = async (text: string) =>
  (await database.pool.query(`select count(*) as n from ${text}`)).rows[0].n as number;
/** A transaction of the server itself holds followers back for a moment. */
const foldAll = async () => {
  while ((await countTail(database.pool, 1, ['fold'])) > 0) await fold.step();
  while ((await countTail(database.pool, 1, ['customers'])) > 0) await customers.step();
};

test('a tail is counted without reading what lies before it, though nobody analysed the journal', async () => {
  await loader.load(Array.from({ length: 2_000 }, (_, index) => parse({ transaction_id: `long-${index}` })));
  await foldAll();
  await loader.load([parse({ transaction_id: 'last' })]);
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    const counted = await countTail(client as unknown as Database, 1);
    const { rows } = await client.query(
      "select sum(seq_tup_read)::integer as read from pg_stat_xact_user_tables where relname like 'journal%'",
    );
    assert.deepEqual([counted, rows[0].read], [1, 0]);
  } finally {
    await client.query('rollback');
    client.release();
    await foldAll();
    await database.pool.query(
      'truncate stg.sale, stg.journal, cdm.sales_hour, cdm.category_hour, cdm.product_day, cdm.place_pulse',
    );
  }
});

test('transactions that commit out of order: the fold skips nothing', async () => {
  const blocked = await database.pool.connect();
  await blocked.query('begin');
  // An older transaction with journal rows of its own, still open while younger ones commit and are folded.
  await blocked.query('select pg_current_xact_id()');
  await loader.load([parse({ transaction_id: 'younger' })]);
  assert.deepEqual([await fold.step(), await customers.step()], [0, 0]);
  assert.equal(await countTail(database.pool, 100), 1, 'the younger row must wait for the older transaction');
  await blocked.query({
    text: `insert into stg.journal (epoch, received_at, source, source_id, verdict, contributions, document)
      select epoch, received_at, source, 'older', verdict, contributions, document from stg.journal where source_id = 'younger'`,
  });
  await blocked.query('commit');
  blocked.release();
  await foldAll();
  assert.equal(await countTail(database.pool, 100), 0);
  const { rows } = await database.pool.query('select sum(receipts)::integer as receipts from cdm.sales_hour');
  assert.equal(rows[0].receipts, 2);
  await database.pool.query(
    "delete from stg.journal where source_id = 'older'; truncate cdm.sales_hour, cdm.category_hour, cdm.product_day, cdm.place_pulse",
  );
});

test('a document that the database refuses is rejected alone, its neighbours load', async () => {
  await database.pool.query(`
    create function refuse() returns trigger language plpgsql as $$
    begin if new.source_id = 'culprit' then raise exception 'not this one' using errcode = '22000'; end if; return new; end $$;
    create trigger refuse before insert on stg.sale for each row execute function refuse()`);
  const ids = Array.from({ length: 9 }, (_, index) => (index === 4 ? 'culprit' : `neighbour-${index}`));
  const outcomes = await loader.load(ids.map((id) => parse({ transaction_id: id })));
  assert.deepEqual(
    outcomes.map((outcome) => outcome.verdict),
    ids.map((id) => (id === 'culprit' ? 'rejected' : 'accepted')),
  );
  assert.equal(outcomes[4]!.problems[0]!.code, 'refused_by_database');
  assert.equal(await count("stg.sale where source_id like 'neighbour-%'"), 8);
  await database.pool.query('drop trigger refuse on stg.sale; drop function refuse()');
});

for (const state of ['40P01', '40001', '55P03', '53100', '57P01', '08006']) {
  test(`SQLSTATE ${state} rejects nothing and loses nothing`, async () => {
    const pool = createPool({
      connectionString: database.connectionString,
      applicationName: 'trouble',
      maximumConnections: 2,
    });
    await pool.query('create sequence if not exists failures');
    await pool.query(`
      create or replace function stumble() returns trigger language plpgsql as $$
      begin if nextval('failures') <= 2 then raise exception 'stumbled' using errcode = '${state}'; end if; return new; end $$;
      create trigger stumble before insert on stg.sale for each row execute function stumble()`);
    const stream = createDirectStream({
      load: loader.load as never,
      admit: async () => true,
      clock: systemClock,
      log,
    });
    const outcomes = await stream.append([parse({ transaction_id: `after-${state}` })], Date.now() + 60_000);
    assert.equal(outcomes[0]!.verdict, 'accepted');
    assert.equal(await count(`stg.journal where source_id = 'after-${state}'`), 1);
    assert.equal(await count(`stg.journal where verdict = 'rejected' and source_id = 'after-${state}'`), 0);
    await pool.query('drop trigger stumble on stg.sale; drop sequence failures');
    await stream.stop();
    await pool.end();
  });
}

test('trouble that lasts past the deadline is told, and nothing is stored', async () => {
  const stream = createDirectStream({
    load: async () => {
      throw Object.assign(new Error('no room'), { code: '53100' });
    },
    admit: async () => true,
    clock: systemClock,
    log,
  });
  await assert.rejects(stream.append([parse({ transaction_id: 'lasting' })], Date.now() + 200), {
    code: 'database_unavailable',
    retryAfterSeconds: 2,
  });
  await stream.stop();
});

test('two loaders with the same sales in any order: each sale once, the highest revision stands', async () => {
  const other = createLoader({
    pool: database.pool,
    reference: createReference({ pool: database.pool, log }),
    epoch: 1,
    identity: 'source',
    parse: reparse,
    log,
    metrics,
  });
  const batch = (revision: number, reversed: boolean) => {
    const documents = Array.from({ length: 200 }, (_, index) =>
      parse({ transaction_id: `both-${index}`, revision, note: revision }),
    );
    return reversed ? documents.reverse() : documents;
  };
  const loads = Array.from({ length: 12 }, (_, index) =>
    (index % 2 === 0 ? loader : other).load(batch(index % 4, index % 3 === 0)),
  );
  await Promise.all(loads);
  assert.equal(await count("stg.sale where source_id like 'both-%'"), 200);
  assert.equal(await count("stg.sale where source_id like 'both-%' and version = '0000000003'"), 200);
  const { rows } = await database.pool.query(`
    select sum(receipts)::integer as receipts from stg.journal as j cross join lateral cdm.contribution_rows(j.contributions) as r
    where j.source_id like 'both-%' and r.scope = 0`);
  assert.equal(rows[0].receipts, 200);
});

/** The journal and registry of a sale; what does not fit comes last, since a batch writes it last. */
async function stored(id: string, outcomes: readonly { position: string }[]): Promise<unknown> {
  const positions = outcomes.map(({ position }) => position);
  const { rows: journal } = await database.pool.query({
    text: `select verdict, version, sale_seq, place_id, document is not null as has_document, reference_version, content_type,
        regexp_replace(contributions::text, '"got": [0-9]+, ', '', 'g') as contributions,
        array_positions($2::text[], position::text) as outcomes
      from stg.journal where source_id = $1 order by verdict = 'conflict', position`,
    values: [id, positions],
  });
  const { rows: registered } = await database.pool.query({
    text: `select r.version, r.status, r.place_id, r.business_date, r.sale_seq, r.reference_version, j.sale_seq as applied
      from stg.sale as r join stg.journal as j on j.position = r.journal_position and j.received_at = r.journal_at
      where r.source_id = $1`,
    values: [id],
  });
  return JSON.parse(JSON.stringify({ journal, registered }).replaceAll(id, 'id'));
}

test('documents of one sale are applied in their order, in one batch as one by one, and stored alike', async () => {
  const history = (id: string) => [
    parse({ transaction_id: id, revision: 1 }),
    parse({ transaction_id: id, revision: 0 }),
    parse({ transaction_id: id, revision: 1 }),
    parse({ transaction_id: id, revision: 3, place_id: 'place-2' }),
    parse({ transaction_id: id, revision: 2 }),
    parse({ transaction_id: id, revision: 3, note: 'other' }),
    parse({ transaction_id: id, revision: 3, note: 'other' }),
  ];
  const together = await loader.load(history('together'));
  assert.deepEqual(
    together.map(({ verdict }) => verdict),
    ['accepted', 'stale', 'duplicate', 'corrected', 'stale', 'conflict', 'conflict'],
  );
  assert.equal(together[6]!.position, together[5]!.position);
  assert.equal(
    together[5]!.problems[0]!.code,
    (await loader.load([history('together')[5]!]))[0]!.problems[0]!.code,
  );
  const [first, ...others] = history('in-two');
  const inTwo = [...(await loader.load([first!])), ...(await loader.load(others))];
  const single = [];
  for (const document of history('single')) single.push(...(await loader.load([document])));
  const alone = (await stored('single', single)) as {
    journal: unknown[];
    registered: { sale_seq: number }[];
  };
  assert.equal(alone.journal.length, 6);
  assert.equal(alone.registered[0]!.sale_seq, 2);
  assert.deepEqual(await stored('together', together), alone);
  assert.deepEqual(await stored('in-two', inTwo), alone);
});

test('whatever comes of a sale, and wherever its batches end, the outcome is that of one by one', async () => {
  const random = numbersFrom(7);
  const seen = new Set<string>();
  for (let index = 0; index < 60; index++) {
    const changes = Array.from({ length: 6 }, () => ({
      revision: Math.floor(random() * 3),
      note: random() < 0.6 ? 'one' : 'other',
    }));
    const load = async (id: string, ends: readonly number[]) => {
      const outcomes = [];
      for (const [order, end] of ends.entries()) {
        const part = changes.slice(ends[order - 1] ?? 0, end);
        outcomes.push(...(await loader.load(part.map((change) => parse({ ...change, transaction_id: id })))));
      }
      const verdicts = outcomes.map(({ verdict }) => verdict);
      for (const verdict of verdicts) seen.add(verdict);
      return { verdicts, stored: await stored(id, outcomes) };
    };
    const alone = await load(`alone-${index}`, [1, 2, 3, 4, 5, 6]);
    const end = index % 6;
    assert.deepEqual(
      await load(`parts-${index}`, end === 0 ? [6] : [end, 6]),
      alone,
      JSON.stringify(changes),
    );
  }
  assert.deepEqual([...seen].sort(), ['accepted', 'conflict', 'corrected', 'duplicate', 'stale']);
});

// The first sales of a loader are loaded in a transaction of several statements, those after new ones in one statement.
for (const before of [0, 1]) {
  test(`a change that loading waited for is known before anything is written, after ${before} new sales`, async () => {
    const { pool } = database;
    const reference = createReference({ pool, log });
    await reference.refresh();
    const given = { pool, reference, epoch: 1, identity: 'source' as const, parse: reparse, log, metrics };
    const waiting = createLoader(given);
    const id = `waiting-${before}`;
    for (let sale = 0; sale < before; sale++)
      await waiting.load([parse({ transaction_id: `${id}-${sale}` })]);
    const changing = await pool.connect();
    await changing.query('begin; select pg_advisory_xact_lock(7101)');
    await changing.query('update ops.reference_state set version = version + 1');
    const loading = waiting.load([parse({ transaction_id: id })]);
    await until(
      async () =>
        (await count("pg_locks where locktype = 'advisory' and objid = 7101 and not granted")) === 1,
      'loading waits',
    );
    await changing.query('commit');
    changing.release();
    assert.deepEqual(
      (await loading).map(({ verdict }) => verdict),
      ['accepted'],
    );
    const { rows } = await pool.query({
      text: `select j.reference_version = v.version as newest from stg.journal as j, ops.reference_state as v where j.source_id = $1
        union all select s.reference_version = v.version from stg.sale as s, ops.reference_state as v where s.source_id = $1`,
      values: [id],
    });
    assert.deepEqual(rows, [{ newest: true }, { newest: true }]);
  });
}

test('sales that are known are told apart among new ones, whatever came before', async () => {
  const load = async (...list: Record<string, unknown>[]) =>
    (await loader.load(list.map(parse))).map(({ verdict }) => verdict);
  const [first, second] = [{ transaction_id: 'among-1' }, { transaction_id: 'among-2' }];
  const corrected = { ...first, revision: 1 };
  const known = ['accepted', 'duplicate', 'corrected', 'accepted'];
  assert.deepEqual(await load(first, second), ['accepted', 'accepted']);
  assert.deepEqual(
    await load({ transaction_id: 'among-3' }, second, corrected, { transaction_id: 'among-4' }),
    known,
  );
  // The one before had some that were known.
  const again = { ...first, revision: 2 };
  assert.deepEqual(
    await load({ transaction_id: 'among-5' }, corrected, again, { transaction_id: 'among-6' }),
    known,
  );
  assert.equal(await count("stg.sale where source_id like 'among-%'"), 6);
  await foldAll();
});

test('where all sales were new for a while, those that are not are still told apart', async () => {
  const ids = (prefix: string, amount: number) =>
    Array.from({ length: amount }, (_, index) => parse({ transaction_id: `${prefix}-${index}` }));
  for (let batch = 0; batch < 9; batch++) await loader.load(ids(`new${batch}`, 100));
  assert.equal(await count("pg_prepared_statements where name = 'register-new'"), 1);
  const again = [
    ...ids('new10', 98),
    ...ids('new0', 1),
    parse({ transaction_id: 'new1-0', total_amount: 5 }),
  ];
  const verdicts = (await loader.load(again)).map(({ verdict }) => verdict);
  assert.deepEqual(verdicts.slice(-3), ['accepted', 'duplicate', 'conflict']);
  assert.deepEqual(new Set(verdicts.slice(0, 98)), new Set(['accepted']));
  assert.equal(await count("stg.sale where source_id like 'new%'"), 998);
  assert.equal(await count("stg.journal where source_id like 'new%' and verdict = 'accepted'"), 998);
  await foldAll();
});

test('past the bound of the tail loading waits, and then says so', async () => {
  await loader.load(Array.from({ length: 30 }, (_, index) => parse({ transaction_id: `tail-${index}` })));
  const gate = createGate({ pool: database.pool, clock: systemClock, metrics, limit: 20 });
  assert.equal(await gate.admit(1, Date.now() + 100), false);
  const stream = createDirectStream({
    load: loader.load as never,
    admit: gate.admit,
    clock: systemClock,
    log,
  });
  await assert.rejects(stream.append([parse({ transaction_id: 'waiting' })], Date.now() + 200), {
    code: 'overloaded',
  });
  assert.equal(await count("stg.sale where source_id = 'waiting'"), 0);
  const waiting = stream.append([parse({ transaction_id: 'waiting' })], Date.now() + 60_000);
  await foldAll();
  assert.equal((await waiting)[0]!.verdict, 'accepted');
  await stream.stop();
  // Positions of the journal that count nothing do not fill it, although it was full when it had so many.
  await gate.admit(100, Date.now() + 60_000);
  await foldAll();
  await loader.load(Array.from({ length: 30 }, (_, index) => parse({ transaction_id: `tail-${index}` })));
  assert.equal(await gate.admit(1, Date.now() + 60_000), true);
});

test('a new month of the journal waits for readers without holding up what is loaded', async () => {
  const { pool } = database;
  const inOneYear = Date.now() + 365 * 86_400_000;
  const reader = await pool.connect();
  await reader.query('begin; select count(*) from stg.journal');
  const made = ensurePartitions(pool, inOneYear);
  // Until the lock is asked for, and behind it: without its short limit this would wait for the reader.
  for (let count = 0; count < 20; count++) {
    const [outcome] = await loader.load([parse({ transaction_id: `month-${count}` })]);
    assert.equal(outcome!.verdict, 'accepted');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await reader.query('rollback');
  reader.release();
  await made;
  const { rows } = await pool.query({
    text: 'select to_regclass($1) is not null as made',
    values: [`stg.journal_${new Date(inOneYear).toISOString().slice(0, 7).replace('-', '_')}`],
  });
  assert.equal(rows[0].made, true);
});
