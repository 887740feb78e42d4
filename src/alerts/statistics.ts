/** The middle of the values, the mean of the two middle ones where they are even; of none of them NaN. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Of a normal distribution the median absolute deviation times this is the standard deviation. */
const madToSigma = 1.4826;

/** The median of a few values is itself off, by π/2 of their variance over their number. */
const medianVariance = Math.PI / 2;

export type Usual = { baseline: number; lower: number; upper: number };

/**
 * What is usual, by values of past weeks: their median, and between what the next value may well lie, which is
 * `sensitivity` times 1.4826 times their median absolute deviation away. A few weeks may agree by chance, so the band
 * is never narrower than what chance alone makes of `count` receipts: of a count the square root has the same spread,
 * a half, whatever the count; `noise` says how much wider it is for a figure that adds up amounts.
 */
export function usualOf(
  values: readonly number[],
  { count, noise, sensitivity }: { count: number; noise: number; sensitivity: number },
): Usual {
  const baseline = median(values);
  const mad = median(values.map((value) => Math.abs(value - baseline)));
  const widths = sensitivity * Math.sqrt(1 + medianVariance / values.length);
  const byWeeks = widths * madToSigma * mad;
  const byChance = (widths * noise) / (2 * Math.sqrt(Math.max(count, 1)));
  return {
    baseline,
    lower: Math.min(baseline - byWeeks, baseline * (1 - Math.min(byChance, 1)) ** 2),
    upper: Math.max(baseline + byWeeks, baseline * (1 + byChance) ** 2),
  };
}
