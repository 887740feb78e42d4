const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** A sale of the year 1 must not make a drawing of a million days. */
const mostPeriods = 5_000;

const isoDay = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const dayAt = (date: string) => Date.parse(`${date}T00:00:00Z`);
const padded = (value: number, digits: number) => String(value).padStart(digits, '0');

/** `2015-W01` is the week with the first Thursday of 2015. */
function nextWeek(week: string): string {
  const [year, number] = week.split('-W').map(Number) as [number, number];
  const fourth = dayAt(`${padded(year, 4)}-01-04`);
  const firstThursday = fourth + (3 - ((new Date(fourth).getUTCDay() + 6) % 7)) * dayMs;
  const thursday = new Date(firstThursday + number * 7 * dayMs);
  const days = (thursday.getTime() - Date.UTC(thursday.getUTCFullYear(), 0, 1)) / dayMs;
  return `${padded(thursday.getUTCFullYear(), 4)}-W${padded(Math.floor(days / 7) + 1, 2)}`;
}

function nextPeriod(period: string): string {
  if (/^\d{4}$/.test(period)) return padded(Number(period) + 1, 4);
  if (/^\d{4}-W\d\d$/.test(period)) return nextWeek(period);
  if (/^\d{4}-\d\d-\d\d$/.test(period)) return isoDay(dayAt(period) + dayMs);
  // The 32nd day of a month is one of the next.
  return isoDay(dayAt(`${period}-01`) + 31 * dayMs).slice(0, 7);
}

/** Each hour as its place writes it; hours of several zones stay as they are, since they have no one order. */
function fillHours(known: readonly string[]): string[] {
  const ordered = known.map((period) => ({ period, ms: Date.parse(period) })).sort((a, b) => a.ms - b.ms);
  if (new Set(ordered.map(({ ms }) => ms)).size < ordered.length) return [...known];
  const filled: string[] = [];
  for (const [index, { period, ms }] of ordered.entries()) {
    filled.push(period);
    const until = ordered[index + 1]?.ms ?? 0;
    const [local, offset] = [period.slice(0, 19), period.slice(19)];
    for (let hours = 1; ms + hours * hourMs < until && filled.length < mostPeriods; hours++)
      filled.push(new Date(Date.parse(`${local}Z`) + hours * hourMs).toISOString().slice(0, 19) + offset);
  }
  return filled;
}

/**
 * The periods of an answer of `/api/analytics/sales`, in their order and without gaps: one in which nothing was sold
 * has no row, and has its place on the axis all the same.
 */
export function fillPeriods(periods: Iterable<string>): string[] {
  const known = [...new Set(periods)].sort();
  const last = known.at(-1);
  if (last === undefined) return [];
  if (last.includes('T')) return fillHours(known);
  const filled = [known[0]!];
  while (filled.at(-1)! < last) {
    if (filled.length >= mostPeriods) return known;
    filled.push(nextPeriod(filled.at(-1)!));
  }
  return filled;
}
