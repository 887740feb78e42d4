const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

/** Between ten attempts: the first again within half a minute, the last within a day of the event. */
export const usualDelaysMs: readonly number[] = [
  10 * secondMs,
  minuteMs,
  5 * minuteMs,
  15 * minuteMs,
  45 * minuteMs,
  2 * hourMs,
  4 * hourMs,
  7 * hourMs,
  9 * hourMs,
];

/** A receiver may ask for patience, not for ever. */
const longestAskedMs = hourMs;
const jitterShare = 0.2;

/**
 * How long to wait after attempt number `tries` (from 1); undefined where that was the last. Up to a fifth less
 * by chance, so that what failed together does not come back together; `random` is from 0 to 1.
 */
export function retryDelayMs(
  tries: number,
  delaysMs: readonly number[],
  retryAfterMs: number | undefined,
  random: number,
): number | undefined {
  const usual = delaysMs[tries - 1];
  if (usual === undefined) return undefined;
  const own = usual * (1 - jitterShare * random);
  return Math.round(Math.max(own, Math.min(retryAfterMs ?? 0, longestAskedMs)));
}

/** `Retry-After` in milliseconds: seconds or a date; undefined where it is neither. */
export function readRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * secondMs;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(at - nowMs, 0);
}
