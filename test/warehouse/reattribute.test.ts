import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { changePlace } from '../../src/reference/change-place.ts';
import { createReattribution } from '../../src/warehouse/reattribute.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

const log = createLog('silent');
let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

const query = async (text: string, values: unknown[] = []) =>
  (await tested.database.pool.query(text, values)).rows;

/** `count` sales of a place, in the order in which a re-attribution takes them, all at 22:30. */
async function load(place: string, count: number, changes: Record<string, unknown> = {}): Promise<void> {
  const documents = Array.from({ length: count }, (_, index) =>
    receipt({
      transaction_id: `${place}-${String(index).padStart(4, '0')}`,
      place_id: place,
      timestamp: '2024-02-07T22:30:00',
      ...changes,
    }),
  );
  const { body } = await tested.call('POST', '/api/checks/', documents);
  assert.equal(body.accepted, count, JSON.stringify(body).slice(0, 500));
}

async function change(place: string, body: Record<string, unknown>) {
  const answer = await tested.call('PUT', `/api/places/${place}`, { since: 'beginning', ...body });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body as { reference_version: number; job_id: string };
}

async function jobsDone(): Promise<void> {
  while ((await tested.program.jobs.pending('reattribute')) > 0) await sleep(20);
}

/** Versions that the sales of a place carry, with how many. */
const versions = async (place: string) =>
  Object.fromEntries(
    (
      await query(
        'select reference_version as version, count(*)::integer as n from stg.sale where place_id = $1 group by 1 order by 1',
        [place],
      )
    ).map((row) => [row.version, row.n]),
  );

/** Holds one sale, so that a job that comes to it stands still, until `work` is done. */
async function whileHeld(saleId: string, work: () => Promise<void>): Promise<void> {
  const holder = await tested.database.pool.connect();
  try {
    await holder.query('begin');
    await holder.query('select from stg.sale where source_id = $1 for update', [saleId]);
    await work();
    await holder.query('commit');
  } finally {
    holder.release(true);
  }
}

const standsStill = async () => {
  const [row] = await query(
    "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%from stg.sale where source_id = any%') as found",
  );
  return row.found as boolean;
};
const until = async (condition: () => Promise<boolean>) => {
  while (!(await condition())) await sleep(20);
};

const stepSales = 250;

test('the job exists exactly if the change does', async () => {
  await load('joined', 1);
  const { warehouse } = tested.program;
  const deps = { ...warehouse, clock: systemClock, defaultTimeZone: 'UTC' };
  const state = () =>
    query(`select (select version from ops.reference_state) as version,
      (select count(*) from ops.reference_change) as changes, (select count(*) from pgboss.job) as jobs,
      (select count(*) from ops.place where named_by_hand) as named`);
  const before = await state();
  const failing = {
    enqueue: async (...[client, queue, data]: Parameters<typeof tested.program.jobs.enqueue>) => {
      await tested.program.jobs.enqueue(client, queue, data);
      throw new Error('no room for jobs');
    },
  };
  await assert.rejects(
    changePlace({ ...deps, jobs: failing }, 'joined', { time_zone: 'Asia/Tokyo', place_name: 'New' }),
    /no room for jobs/,
  );
  assert.deepEqual(await state(), before);
  const { job_id: jobId } = await change('joined', { time_zone: 'Asia/Tokyo' });
  assert.equal((await query('select from pgboss.job where id = $1', [jobId])).length, 1);
  await jobsDone();
});

test('a change that moves no sale queues nothing', async () => {
  const named = await tested.call('PUT', '/api/places/joined', { place_name: 'Other', groups: ['x'] });
  assert.equal(named.body.job_id, null);
  const empty = await tested.call('PUT', '/api/places/nobody-sells-here', { time_zone: 'Asia/Tokyo' });
  assert.equal(empty.body.job_id, null);
});

test('progress is seen while it works, and the outcome after', async () => {
  await load('seen', 2 * stepSales);
  let jobId = '';
  const output = async () => (await query('select state, output from pgboss.job where id = $1', [jobId]))[0];
  await whileHeld(`seen-0${stepSales}`, async () => {
    ({ job_id: jobId } = await change('seen', { time_zone: 'Asia/Tokyo' }));
    await until(standsStill);
    assert.deepEqual(await output(), {
      state: 'active',
      output: { sales: 2 * stepSales, scanned: stepSales, changed: stepSales, unreadable: 0 },
    });
  });
  await jobsDone();
  assert.deepEqual(await output(), {
    state: 'completed',
    output: { sales: 2 * stepSales, scanned: 2 * stepSales, changed: 2 * stepSales, unreadable: 0 },
  });
});

test('two changes in a row, the second while the first works: all end under the second', async () => {
  await load('twice', 2 * stepSales);
  let changing: ReturnType<typeof change>;
  await whileHeld(`twice-0${stepSales}`, async () => {
    await change('twice', { time_zone: 'Asia/Tokyo' });
    await until(standsStill);
    // Waits for the step that uses the old version, as it waits for loads.
    changing = change('twice', { time_zone: 'America/New_York' });
    const waits = "select from pg_locks where locktype = 'advisory' and objid = 7101 and not granted";
    await until(async () => (await query(waits)).length > 0);
  });
  const { reference_version: second } = await changing!;
  await jobsDone();
  assert.deepEqual(await versions('twice'), { [second]: 2 * stepSales });
  const { body } = await tested.call(
    'GET',
    '/api/analytics/sales?granularity=hour&from=2024-02-06&to=2024-02-09&place_id=twice',
  );
  assert.deepEqual(
    body.rows.map((row: { period: string; receipts: number }) => [row.period, row.receipts]),
    [['2024-02-07T22:00:00-05:00', 2 * stepSales]],
  );
  assert.deepEqual(await tested.audit(), []);
});

test('sales corrected while it works, before and behind where it stands', async () => {
  await load('corrected', 3 * stepSales);
  let version = 0;
  await whileHeld(`corrected-0${stepSales}`, async () => {
    ({ reference_version: version } = await change('corrected', { time_zone: 'Asia/Tokyo' }));
    await until(standsStill);
    for (const number of ['0003', `0${3 * stepSales - 2}`]) {
      const corrected = receipt({
        transaction_id: `corrected-${number}`,
        place_id: 'corrected',
        revision: 1,
        timestamp: '2024-02-09T08:15:00',
      });
      assert.equal((await tested.call('POST', '/api/checks/', corrected)).status, 202);
    }
  });
  await jobsDone();
  const carried = await versions('corrected');
  assert.ok(
    Object.keys(carried).every((one) => Number(one) >= version),
    JSON.stringify(carried),
  );
  const { body } = await tested.call(
    'GET',
    '/api/analytics/sales?granularity=hour&from=2024-02-06&to=2024-02-10&place_id=corrected',
  );
  assert.deepEqual(
    body.rows.map((row: { period: string; receipts: number }) => [row.period, row.receipts]),
    [
      ['2024-02-07T22:00:00+09:00', 3 * stepSales - 2],
      ['2024-02-09T08:00:00+09:00', 2],
    ],
  );
  assert.deepEqual(await tested.audit(), []);
});

test('a sale that was corrected away from the place is left alone', async () => {
  await load('left', 1);
  const moved = receipt({ transaction_id: 'left-0000', place_id: 'arrived', revision: 1 });
  await tested.call('POST', '/api/checks/', moved);
  const { job_id: jobId } = await change('left', { time_zone: 'Asia/Tokyo' });
  assert.equal(jobId, null);
  assert.equal(
    (
      await query(
        "select count(*) as n from stg.journal where verdict = 'reattributed' and source_id = 'left-0000'",
      )
    )[0].n,
    0,
  );
  assert.deepEqual(await tested.audit(), []);
});

test('it waits while the tail is long, so that loading goes first', async () => {
  await load('tail', 30);
  const holder = await tested.database.pool.connect();
  // Nobody folds while somebody else holds the fold's lock.
  await holder.query('select pg_advisory_lock(7102)');
  await load('tail-too', 30);
  const { pool, reference, parse, epoch } = tested.program.warehouse;
  const work = createReattribution({ pool, reference, parse, epoch, log, tailLimit: 30 });
  await pool.query(
    "update ops.reference_state set version = version + 1; insert into ops.reference_change (version, kind, id, since, fields) select version, 'place', 'tail', null, '{\"time_zone\": \"Asia/Tokyo\"}' from ops.reference_state",
  );
  const { version } = await reference.refresh();
  const working = work.reattributePlace('tail', version);
  await sleep(300);
  const moved = () => query("select from stg.journal where verdict = 'reattributed' and place_id = 'tail'");
  assert.equal((await moved()).length, 0);
  holder.release(true);
  assert.deepEqual(await working, { sales: 30, scanned: 30, changed: 30, unreadable: 0 });
  assert.equal((await moved()).length, 30);
});

test('stopped in the middle it throws, and goes on with what is left', async () => {
  await load('stopped', 2 * stepSales);
  const { pool, reference, parse, epoch } = tested.program.warehouse;
  const work = createReattribution({ pool, reference, parse, epoch, log });
  await pool.query(
    "update ops.reference_state set version = version + 1; insert into ops.reference_change (version, kind, id, since, fields) select version, 'place', 'stopped', null, '{\"time_zone\": \"Asia/Tokyo\"}' from ops.reference_state",
  );
  const { version } = await reference.refresh();
  const stop = new AbortController();
  const report = async () => stop.abort(new Error('the program stops'));
  await assert.rejects(
    work.reattributePlace('stopped', version, { signal: stop.signal, report }),
    /the program stops/,
  );
  assert.deepEqual(await work.reattributePlace('stopped', version), {
    sales: stepSales,
    scanned: stepSales,
    changed: stepSales,
    unreadable: 0,
  });
});

test('documents that cannot be read in the new currency stay, are counted, and are told', async () => {
  await load('yen', 2);
  await load('yen', 1, {
    transaction_id: 'whole',
    items: [{ product_id: 'p', quantity: 1, price: 500, category: 'c' }],
    total_amount: 500,
    nds_amount: 0,
    tips_amount: 0,
  });
  const { job_id: jobId, reference_version: version } = await change('yen', { currency: 'JPY' });
  await jobsDone();
  const [job] = await query('select output from pgboss.job where id = $1', [jobId]);
  assert.deepEqual(job.output, { sales: 3, scanned: 3, changed: 1, unreadable: 2 });
  assert.deepEqual(await versions('yen'), { [version]: 3 });
  const { body } = await tested.call('GET', '/api/analytics/?place_id=yen');
  assert.deepEqual(
    body.results.map((one: { currency: string; total_purchases: number; average_receipt: number }) => [
      one.currency,
      one.total_purchases,
      one.average_receipt,
    ]),
    [
      ['JPY', 1, 500],
      ['RUB', 2, 27.47],
    ],
  );
  assert.deepEqual(await tested.audit(), []);
  // Readable again, they follow.
  await change('yen', { currency: 'EUR' });
  await jobsDone();
  const after = await tested.call('GET', '/api/analytics/?place_id=yen');
  assert.deepEqual(
    after.body.results.map((one: { currency: string; total_purchases: number }) => [
      one.currency,
      one.total_purchases,
    ]),
    [['EUR', 3]],
  );
  assert.deepEqual(await tested.audit(), []);
});

test('a document read before a change and loaded after it counts as the change says', async () => {
  const { parse, stream, resolvedDefaults } = tested.program.warehouse;
  const read = (id: string, place: string) =>
    parse({
      source: 'receipt',
      receivedAtMs: Date.now(),
      contentType: 'application/json',
      body: Buffer.from(JSON.stringify(receipt({ transaction_id: id, place_id: place }))),
      resolved: resolvedDefaults,
    });
  const documents = [read('meanwhile-0', 'euro-now'), read('meanwhile-1', 'yen-now')];
  await change('euro-now', { currency: 'EUR', time_zone: 'Asia/Tokyo' });
  await change('yen-now', { currency: 'JPY' });
  const [euro, yen] = await stream.append(documents, Date.now() + 60_000);
  assert.equal(euro!.verdict, 'accepted');
  assert.deepEqual(
    [yen!.verdict, ...new Set(yen!.problems.map((problem) => problem.code))],
    ['rejected', 'too_many_decimals'],
  );
  const { body } = await tested.call('GET', '/api/analytics/?place_id=euro-now&place_id=yen-now');
  assert.deepEqual(
    body.results.map((one: { currency: string }) => one.currency),
    ['EUR'],
  );
  assert.deepEqual(await tested.audit(), []);
});

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
let state = seed;
function random(below: number): number {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((state / 2_147_483_648) * below);
}
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
const two = (value: number) => String(value).padStart(2, '0');

test(`whatever is loaded, corrected and changed at once: nothing keeps an old attribution (SEED=${seed})`, async () => {
  const places = ['any-0', 'any-1', 'any-2'];
  const time = () => `2024-03-${two(1 + random(28))}T${two(random(24))}:${two(random(60))}:00`;
  let next = 0;
  const load = async () => {
    for (let turn = 0; turn < 25; turn++) {
      const batch = Array.from({ length: 20 }, () => {
        const revision = random(4);
        return receipt({
          transaction_id: revision > 0 && next > 0 ? `any-${random(next)}` : `any-${next++}`,
          revision,
          place_id: pick(places),
          timestamp: `${time()}${pick(['', 'Z', '+09:00'])}`,
        });
      });
      const { status, body } = await tested.call('POST', '/api/checks/', batch);
      // Under yen each may be refused, and then all are.
      const codes = JSON.stringify(body).match(/"code":"(?!invalid_document|too_many_decimals)\w+"/);
      assert.ok((status === 202 || status === 422) && codes === null, JSON.stringify(body));
    }
  };
  const changes = async () => {
    for (let turn = 0; turn < 15; turn++) {
      const fields = pick([
        { time_zone: pick(['Europe/Moscow', 'Asia/Kolkata', 'America/New_York', 'Pacific/Apia']) },
        { business_day_start: `0${random(7)}:30` },
        { currency: pick(['RUB', 'EUR', 'JPY']) },
        { time_zone: pick(['UTC', 'Asia/Tokyo']), business_day_start: '04:00' },
      ]);
      const since = pick(['beginning', 'now', time(), time().slice(0, 10)]);
      await change(pick(places), { ...fields, since });
      await sleep(random(100));
    }
  };
  await Promise.all([load(), load(), changes(), changes()]);
  await jobsDone();
  assert.deepEqual(await tested.audit(), []);
  // A rebuild computes every sale under the newest history: it must find all as they should be.
  const rebuilt = await rebuildMarts({
    ...tested.program.warehouse,
    log,
    metrics: createMetrics(),
    progress: () => {},
  });
  assert.equal(rebuilt.recomputed, 0);
  assert.ok(next > 100);
});
