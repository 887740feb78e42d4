import { type BenchProgram, token } from './program.ts';
import type { Report } from './report.ts';

const rounds = 1_500;
const warmRounds = 100;

export type Reads = { ready: number; year: number; place: number };

async function timed(url: string): Promise<number> {
  const started = performance.now();
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  await answer.arrayBuffer();
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
  return performance.now() - started;
}

/** Milliseconds, 99th percentile of each; asked in turns, so that a noisy moment meets all of them. */
export async function timeReads(program: BenchProgram): Promise<Reads> {
  const year = `${program.url}/api/analytics/sales?granularity=day&from=2025-01-01&to=2025-12-31`;
  const urls: Record<keyof Reads, string> = {
    ready: `${program.url}/readyz`,
    year,
    place: `${year}&place_id=place-7`,
  };
  const times: Record<keyof Reads, number[]> = { ready: [], year: [], place: [] };
  for (let round = 0; round < warmRounds + rounds; round++) {
    for (const name of ['ready', 'year', 'place'] as const) {
      const took = await timed(urls[name]);
      if (round >= warmRounds) times[name].push(took);
    }
  }
  const percentile = (list: number[]) => list.sort((a, b) => a - b)[Math.floor(list.length * 0.99)]!;
  return {
    ready: percentile(times.ready),
    year: percentile(times.year),
    place: percentile(times.place),
  };
}

export function reportReads(report: Report, small: Reads, large: Reads, count: number): void {
  const of = `over ${count.toLocaleString('en')}, p99`;
  report.add(`a year by day ${of}; SELECT 1 route`, large.year, large.ready, 'ms', '<= 5');
  report.add(`a year by day of one place ${of}; SELECT 1 route`, large.place, large.ready, 'ms', '<= 5');
  report.add(`a year by day ${of}; over a tenth`, large.year, small.year, 'ms', '<= 1.3');
  report.add(`a year by day of one place ${of}; over a tenth`, large.place, small.place, 'ms', '<= 1.3');
}
