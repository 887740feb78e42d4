/** A value far from what is usual. */
export type Unusual = { direction: 'high' | 'low'; usual: number };

/** Of a normal distribution about one value in two thousand lies further out. */
const threshold = 3.5;
/** Makes the median deviation comparable with a standard deviation. */
const normal = 1.4826;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * By the median and the median deviation, which one earlier outlier cannot move (Iglewicz and Hoaglin, 1993).
 * `leastSpread` is the spread that chance alone explains, so that a history without any is no trap.
 */
export function findUnusual(
  value: number,
  history: readonly number[],
  options: { leastHistory: number; leastSpread: (usual: number) => number },
): Unusual | undefined {
  if (history.length < options.leastHistory) return undefined;
  const usual = median(history);
  const deviation = median(history.map((one) => Math.abs(one - usual)));
  const spread = Math.max(normal * deviation, options.leastSpread(usual));
  if (Math.abs(value - usual) <= threshold * spread) return undefined;
  return { direction: value > usual ? 'high' : 'low', usual };
}
