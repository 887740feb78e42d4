import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contributionOf } from '../../src/sales/contribution.ts';
import { arrivedAtMs, contextOf, parseChanged, problemsOf, saleOf, snapshotOf } from './parsing.ts';

const berlin = { unique_place_id1: { timeZone: 'Europe/Berlin' } };

/** timestamp, zone of the place, what it says about the time */
const doubtful: [string, string, string[]][] = [
  ['2024-03-31T02:30:00', 'Europe/Berlin', ['dst_gap']],
  ['2024-03-31T01:59:59', 'Europe/Berlin', []],
  ['2024-03-31T03:00:00', 'Europe/Berlin', []],
  ['2023-10-29T02:30:00', 'Europe/Berlin', ['dst_ambiguous']],
  ['2023-10-29T02:30:00+01:00', 'Europe/Berlin', []],
  ['2023-10-29T03:00:00', 'Europe/Berlin', []],
  ['2024-03-31T02:30:00', 'Europe/Moscow', []],
];
for (const [timestamp, timeZone, codes] of doubtful) {
  test(`${timestamp} in ${timeZone}: ${codes.join() || 'plain'}`, () => {
    const sale = saleOf(
      parseChanged({ timestamp }, contextOf({ places: { unique_place_id1: { timeZone } } })),
    );
    assert.deepEqual(
      sale.flags.map((flag) => flag.code),
      codes,
    );
  });
}

/** timestamp, start of the business day, business date and start of the hour of its contribution */
const attributed: [string, string, string, string][] = [
  ['2024-02-07T01:30:00', '00:00', '2024-02-07', '2024-02-07T00:00:00Z'],
  ['2024-02-07T01:30:00', '03:00', '2024-02-06', '2024-02-07T00:00:00Z'],
  ['2024-02-07T02:59:59.999', '03:00', '2024-02-06', '2024-02-07T01:00:00Z'],
  ['2024-02-07T03:00:00', '03:00', '2024-02-07', '2024-02-07T02:00:00Z'],
  ['2024-01-01T00:10:00', '04:00', '2023-12-31', '2023-12-31T23:00:00Z'],
  ['2024-02-06T23:30:00Z', '00:00', '2024-02-07', '2024-02-06T23:00:00Z'],
  ['2024-02-07 12:34', '00:00', '2024-02-07', '2024-02-07T11:00:00Z'],
  ['2024-02-07T12:34:56-0800', '00:00', '2024-02-07', '2024-02-07T20:00:00Z'],
  // The gap is read an hour later; of the repeated hour the first is taken.
  ['2024-03-31T02:30:00', '00:00', '2024-03-31', '2024-03-31T01:00:00Z'],
  ['2023-10-29T02:30:00', '00:00', '2023-10-29', '2023-10-29T00:00:00Z'],
  ['2023-10-29T02:30:00+01:00', '00:00', '2023-10-29', '2023-10-29T01:00:00Z'],
];
for (const [timestamp, businessDayStart, date, hour] of attributed) {
  test(`${timestamp} counts for ${date} where the day starts at ${businessDayStart}`, () => {
    const places = { unique_place_id1: { timeZone: 'Europe/Berlin', businessDayStart } };
    const sale = saleOf(parseChanged({ timestamp }, contextOf({ places })));
    const settings = snapshotOf(places).placeSettings(sale.placeId, sale.time, 'UTC');
    const contribution = contributionOf(sale, arrivedAtMs, settings)!;
    assert.equal(contribution.date, date);
    assert.equal(contribution.hour, Date.parse(hour) / 1000);
  });
}

for (const timestamp of [
  '2023-02-29T12:00:00',
  '2024-13-01T12:00:00',
  '2024-00-10T12:00:00',
  '2024-04-31T00:00:00',
  '2024-02-07T24:00:00',
  '2024-02-07T12:60:00',
  '2024-02-07T12:34:60',
  '2024-02-07T12:34:56+24:00',
  '2024-02-07T12:34:56+05:75',
  '2024-02-07',
  '07.02.2024 12:34',
  '1707309296',
  'NaN',
  '',
  ' 2024-02-07T12:34:56',
  '2024-02-07T12:34:56[Europe/Berlin]',
]) {
  test(`"${timestamp}" is no time`, () => {
    assert.deepEqual(problemsOf(parseChanged({ timestamp })), ['/timestamp invalid_timestamp']);
  });
}

/** Against an arrival at 2024-06-15T12:00:00Z. */
const ranged: [string, boolean][] = [
  ['2024-06-17T12:00:00Z', true],
  ['2024-06-17T12:00:01Z', false],
  ['2024-06-17T14:00:00', true],
  ['2024-06-17T14:00:01', false],
  ['9999-12-31T23:59:59', false],
  ['2000-01-01T00:00:00', true],
  ['1999-12-31T23:59:59', false],
  ['1999-12-31T23:30:00Z', true],
  ['0001-01-01T00:00:00', false],
];
for (const [timestamp, good] of ranged) {
  test(`${timestamp} is ${good ? 'in' : 'out of'} range, in the zone of the place`, () => {
    const expected = good ? [] : ['/timestamp timestamp_out_of_range'];
    assert.deepEqual(problemsOf(parseChanged({ timestamp }, contextOf({ places: berlin }))), expected);
  });
}

test('the range is a setting', () => {
  const narrow = contextOf({ maximumFutureHours: 1, minimumDate: '2024-06-01' });
  assert.deepEqual(problemsOf(parseChanged({ timestamp: '2024-06-15T13:00:01Z' }, narrow)), [
    '/timestamp timestamp_out_of_range',
  ]);
  assert.deepEqual(problemsOf(parseChanged({ timestamp: '2024-05-31T23:59:59' }, narrow)), [
    '/timestamp timestamp_out_of_range',
  ]);
});
