/** The middle of the values, the mean of the two middle ones where they are even; of none of them NaN. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Of a normal distribution the median absolute deviation times this is the standard deviation. */
const madToSigma = 1.4826;

export type Usual = { baseline: number; spread: number };

/** The median of a few values is itself off, by π/2 of their variance over their number. */
const medianVariance = Math.PI / 2;

/**
 * What is usual, by values of past weeks: their median, and how far from it the next value may well be: 1.4826 times
 * their median absolute deviation. A few weeks may agree by chance, so that is never under what chance alone makes of
 * `count` receipts: `noise` times the baseline over the square root of their number.
 */
export function usualOf(values: readonly number[], count: number, noise: number): Usual {
  const baseline = median(values);
  const mad = median(values.map((value) => Math.abs(value - baseline)));
  const least = (noise * Math.abs(baseline)) / Math.sqrt(Math.max(count, 1));
  const spread = Math.max(madToSigma * mad, least) * Math.sqrt(1 + medianVariance / values.length);
  return { baseline, spread };
}
