import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { createReference, readPastReference } from '../../src/reference/load-reference.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram({ DEFAULT_TIME_ZONE: 'Europe/Moscow' });
});
after(() => tested.stop());

const put = (id: string, body: unknown) => tested.call('PUT', `/api/places/${id}`, body);
const get = async (query = '') => (await tested.call('GET', `/api/places/${query}`)).body;
const historyOf = async (id: string) =>
  (
    await tested.database.pool.query(
      `select to_char(since, 'YYYY-MM-DD"T"HH24:MI:SS') as since, fields from ops.reference_change where id = $1 order by version`,
      [id],
    )
  ).rows as { since: string | null; fields: Record<string, unknown> }[];

test('every way to say since when', async () => {
  for (const since of ['beginning', '2024-03-15', '2024-03-15T10:30', '2024-03-15 10:30:15.75', '9999-12-31'])
    assert.equal((await put('since', { time_zone: 'Asia/Tokyo', since })).status, 200, since);
  const held = Temporal.Now.plainDateTimeISO('Asia/Tokyo');
  await put('since', { time_zone: 'America/New_York', since: 'now' });
  await put('since', { time_zone: 'America/New_York' });
  const stored = (await historyOf('since')).map((row) => row.since);
  assert.deepEqual(stored.slice(0, 5), [
    null,
    '2024-03-15T00:00:00',
    '2024-03-15T10:30:00',
    '2024-03-15T10:30:15',
    '9999-12-31T00:00:00',
  ]);
  // The clock that was held when the change was made: first Tokyo's, then New York's.
  const [first, second] = stored.slice(5).map((since) => Temporal.PlainDateTime.from(since!));
  assert.ok(Math.abs(first!.since(held, { largestUnit: 'second' }).seconds) < 60, String(first));
  const there = Temporal.Now.plainDateTimeISO('America/New_York');
  assert.ok(Math.abs(second!.since(there, { largestUnit: 'second' }).seconds) < 60, String(second));
});

test('everything wrong with a change is told at once, each with its pointer, and nothing is stored', async () => {
  const refused = await put('wrong', {
    place_name: '',
    time_zone: 'Mars/Base',
    currency: 'XXQ',
    business_day_start: '25:00',
    groups: ['a', 'a'],
    since: '2024-02-30',
    colour: 'red',
  });
  assert.equal(refused.status, 422);
  assert.match(refused.headers.get('content-type')!, /problem\+json/);
  assert.equal(refused.body.code, 'invalid_parameters');
  const pointers = refused.body.errors.map((error: { pointer: string }) => error.pointer);
  for (const name of ['place_name', 'time_zone', 'currency', 'business_day_start', 'groups', 'since'])
    assert.ok(pointers.includes(`/body/${name}`), `${name} in ${pointers}`);
  assert.ok(JSON.stringify(refused.body.errors).includes('colour') || pointers.length >= 7, pointers.join());
  assert.deepEqual(await historyOf('wrong'), []);
  assert.ok(
    !(await get('?limit=1000')).results.some((one: { place_id: string }) => one.place_id === 'wrong'),
  );
});

const refusals: [body: unknown, pointer: string, code: string][] = [
  [{ time_zone: '+03:00' }, '/body/time_zone', 'unknown_time_zone'],
  [{ currency: 'rub' }, '/body/currency', 'unknown_currency'],
  [{ business_day_start: '3:00' }, '/body/business_day_start', 'invalid_time'],
  [{ business_day_start: '24:00' }, '/body/business_day_start', 'invalid_time'],
  [{ since: 'yesterday' }, '/body/since', 'invalid_timestamp'],
  [{ since: '2024-03-15T10:00:00Z' }, '/body/since', 'invalid_timestamp'],
  [{ since: '0000-01-01' }, '/body/since', 'invalid_timestamp'],
  [{ place_name: 'Later', since: '9999-01-01' }, '/body/since', 'in_the_future'],
  [{ place_name: 'a\u0000b' }, '/body/place_name', 'nul_character'],
  [{ groups: ['\ud800'] }, '/body/groups/0', 'lone_surrogate'],
];
for (const [body, pointer, code] of refusals) {
  test(`refused: ${JSON.stringify(body)}`, async () => {
    const { status, body: problem } = await put('refused', body);
    assert.equal(status, 422);
    assert.deepEqual(
      problem.errors.map((error: { pointer: string; code: string }) => [error.pointer, error.code]),
      [[pointer, code]],
    );
    assert.ok(problem.errors[0].message.length > 5);
  });
}

test('a body that is no object is refused', async () => {
  for (const body of ['null', '[]', '"x"', '{', '']) {
    const { status } = await put('refused', body);
    assert.ok(status === 422 || status === 400, `${body}: ${status}`);
  }
});

test('the answer and the list show what holds now', async () => {
  const changed = await put('shown', {
    place_name: 'Shown',
    time_zone: 'Asia/Tokyo',
    currency: 'JPY',
    business_day_start: '05:00',
    groups: ['b', 'a'],
    since: 'beginning',
  });
  const place = {
    place_id: 'shown',
    place_name: 'Shown',
    time_zone: 'Asia/Tokyo',
    currency: 'JPY',
    business_day_start: '05:00',
    groups: ['b', 'a'],
  };
  assert.deepEqual(changed.body, {
    ...place,
    reference_version: changed.body.reference_version,
    job_id: null,
  });
  await put('shown', { time_zone: 'America/New_York', since: '9999-01-01' });
  await put('shown', { currency: 'EUR', since: '2001-01-01' });
  const { results } = await get('?limit=1000');
  assert.deepEqual(
    results.find((one: { place_id: string }) => one.place_id === 'shown'),
    { ...place, currency: 'EUR' },
  );
});

test('a place that only sold shows the configured defaults', async () => {
  await tested.call(
    'POST',
    '/api/checks/',
    receipt({ transaction_id: 'p-1', place_id: 'sold', place_name: 'Sold' }),
  );
  const { results } = await get('?limit=1000');
  assert.deepEqual(
    results.find((one: { place_id: string }) => one.place_id === 'sold'),
    {
      place_id: 'sold',
      place_name: 'Sold',
      time_zone: 'Europe/Moscow',
      currency: 'RUB',
      business_day_start: '00:00',
      groups: [],
    },
  );
});

test('a name given by hand enters the history and stands against those of receipts', async () => {
  const name = async () =>
    (await get('?limit=1000')).results.find((one: { place_id: string }) => one.place_id === 'named')
      .place_name;
  await put('named', { place_name: 'First' });
  await put('named', { place_name: 'Second', since: '2024-01-01' });
  assert.equal(await name(), 'Second');
  // For the past only: a later one stands after it.
  await put('named', { place_name: 'Older', since: '2023-01-01' });
  assert.equal(await name(), 'Second');
  await tested.call(
    'POST',
    '/api/checks/',
    receipt({ transaction_id: 'n-1', place_id: 'named', place_name: 'Till' }),
  );
  assert.equal(await name(), 'Second');
  assert.deepEqual(
    (await historyOf('named')).map((row) => row.fields),
    [{ place_name: 'First' }, { place_name: 'Second' }, { place_name: 'Older' }],
  );
});

test('the list goes on where a page ended', async () => {
  for (let index = 0; index < 7; index++) await put(`page-${index}`, { groups: ['paged'] });
  const all = (await get('?limit=1000')).results.map((one: { place_id: string }) => one.place_id);
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { results: { place_id: string }[]; next_cursor: string | null } = await get(
      `?limit=3${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    assert.ok(page.results.length <= 3);
    seen.push(...page.results.map((one) => one.place_id));
    cursor = page.next_cursor;
  }
  assert.deepEqual(seen, all);
  assert.deepEqual(seen, seen.toSorted());
  for (const bad of ['?limit=0', '?limit=1001', '?limit=x', '?cursor=%00'])
    assert.equal((await tested.call('GET', `/api/places/${bad}`)).status, 422, bad);
});

test('a process that reads the history bit by bit knows the same as one that reads it whole, at any version', async () => {
  const { pool } = tested.database;
  const bitByBit = createReference({ pool, log: createLog('silent') });
  const times = ['2024-01-10T12:00:00', '2024-02-20T12:00:00', '2024-04-01T12:00:00'];
  const known: { version: number; settings: unknown }[] = [];
  const settings = (snapshot: Awaited<ReturnType<typeof bitByBit.refresh>>) =>
    ['bit-0', 'bit-1'].map((place) =>
      times.map((local) => [
        snapshot.placeSettings(place, { local }, 'UTC'),
        snapshot.placeCurrency(place, { local, offset: 'Z' }, 'UTC') ?? null,
      ]),
    );
  for (let turn = 0; turn < 8; turn++) {
    const zone = ['UTC', 'Asia/Tokyo', 'Europe/Paris', 'Asia/Kolkata'][turn % 4];
    await put(`bit-${turn % 2}`, {
      time_zone: zone,
      currency: turn % 3 === 0 ? 'EUR' : 'USD',
      since: ['beginning', '2024-02-01', '2024-03-01'][turn % 3],
    });
    const snapshot = await bitByBit.refresh();
    known.push({ version: snapshot.version, settings: settings(snapshot) });
  }
  const past = await readPastReference(pool);
  for (const { version, settings: expected } of known) assert.deepEqual(settings(past(version)), expected);
});
