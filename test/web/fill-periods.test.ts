import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillPeriods } from '../../web/src/fill-periods.ts';

test('periods without a sale have their place on the axis', () => {
  assert.deepEqual(fillPeriods([]), []);
  assert.deepEqual(fillPeriods(['2024-03-01', '2024-02-27', '2024-03-01']), [
    ...['2024-02-27', '2024-02-28', '2024-02-29', '2024-03-01'],
  ]);
  assert.deepEqual(fillPeriods(['2023-11', '2024-02']), ['2023-11', '2023-12', '2024-01', '2024-02']);
  assert.deepEqual(fillPeriods(['0999', '1001']), ['0999', '1000', '1001']);
  // 2020 has 53 weeks, and the first of January 2021 is in the last of them.
  assert.deepEqual(fillPeriods(['2020-W52', '2021-W02']), ['2020-W52', '2020-W53', '2021-W01', '2021-W02']);
  assert.deepEqual(fillPeriods(['2024-W51', '2025-W01']), ['2024-W51', '2024-W52', '2025-W01']);
});

test('weeks of thirty years follow each other as the calendar has them', () => {
  const expected: string[] = [];
  const end = Temporal.PlainDate.from('2030-12-30');
  for (let day = Temporal.PlainDate.from('2001-01-04'); day.until(end).days > 0; day = day.add({ days: 7 }))
    expected.push(`${day.yearOfWeek}-W${String(day.weekOfYear).padStart(2, '0')}`);
  assert.deepEqual(fillPeriods([expected[0]!, expected.at(-1)!]), expected);
});

test('hours go on through the night, and over a change of the clock', () => {
  assert.deepEqual(fillPeriods(['2024-02-07T23:00:00+03:00', '2024-02-08T02:00:00+03:00']), [
    ...['2024-02-07T23:00:00+03:00', '2024-02-08T00:00:00+03:00'],
    ...['2024-02-08T01:00:00+03:00', '2024-02-08T02:00:00+03:00'],
  ]);
  assert.deepEqual(fillPeriods(['2024-03-31T04:00:00+02:00', '2024-03-31T00:00:00+01:00']), [
    ...['2024-03-31T00:00:00+01:00', '2024-03-31T01:00:00+01:00', '2024-03-31T02:00:00+01:00'],
    '2024-03-31T04:00:00+02:00',
  ]);
  const zones = ['2024-02-07T10:00:00+03:00', '2024-02-07T14:00:00+07:00', '2024-02-07T20:00:00+03:00'];
  assert.deepEqual(fillPeriods(zones), zones, 'hours of several zones stand as they came');
});
