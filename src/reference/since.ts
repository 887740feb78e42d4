import { parseTimestamp } from '../base/time.ts';

/** Whether `since` is a time of its own, not `now`, `beginning` or nothing. */
export const isWritten = (since: string | undefined): since is string =>
  since !== undefined && since !== 'now' && since !== 'beginning';

/**
 * A local date or date-time without offset, to the second, as the history stores it; undefined where it is
 * none. The year 0 is none of PostgreSQL's.
 */
export function writtenSince(since: string): string | undefined {
  const parsed = parseTimestamp(/^\d{4}-\d\d-\d\d$/.test(since) ? `${since}T00:00:00` : since);
  if (parsed === null || parsed.offset !== undefined || parsed.local.startsWith('0000')) return undefined;
  return parsed.local.slice(0, 19);
}

export const sinceRule = 'is no local date or date-time, "now" or "beginning"';
