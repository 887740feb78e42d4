import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, usualOf } from '../../src/alerts/statistics.ts';
import { numbersFrom } from '../../src/commands/trickle.ts';

test('the median is the middle, or between the two middle values, whatever one wild value says', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([10, 11, 9, 10_000]), 10.5);
  assert.ok(Number.isNaN(median([])));
});

test('weeks that agree by chance make no band narrower than chance does', () => {
  const asked = { count: 100, noise: 1, sensitivity: 4 };
  const { baseline, lower, upper } = usualOf([100, 100, 100, 100], asked);
  assert.equal(baseline, 100);
  // Four standard deviations of a hundred receipts are 40, of a median of four weeks a little more.
  assert.ok(lower > 50 && lower < 62, String(lower));
  assert.ok(upper > 140 && upper < 155, String(upper));
});

test('weeks that differ make the band wider, one wild week does not', () => {
  const asked = { count: 10_000, noise: 1, sensitivity: 4 };
  const calm = usualOf([10_000, 10_100, 9_900, 10_050, 9_950, 10_000], asked);
  const wild = usualOf([10_000, 10_100, 9_900, 10_050, 9_950, 100], asked);
  const unsteady = usualOf([10_000, 14_000, 7_000, 12_000, 8_000, 10_000], asked);
  assert.ok(Math.abs(calm.lower - wild.lower) < 300, `${calm.lower} ${wild.lower}`);
  assert.ok(unsteady.lower < 0 && unsteady.upper > 20_000);
});

test('counts of a steady place leave the band less than once in a thousand times', () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  const random = numbersFrom(seed);
  const poisson = (mean: number) => {
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = random(); product > limit; product *= random()) count++;
    return count;
  };
  let outside = 0;
  for (let time = 0; time < 10_000; time++) {
    const weeks = Array.from({ length: 6 }, () => poisson(20));
    const { lower, upper } = usualOf(weeks, { count: median(weeks), noise: 1.2, sensitivity: 4 });
    const value = poisson(20);
    if (value < lower || value > upper) outside++;
  }
  assert.ok(outside < 10, `SEED=${seed}: ${outside}`);
});
