import { type BenchProgram, token } from './program.ts';
import type { Report } from './report.ts';

const rounds = 1_500;
const warmRounds = 100;

async function timed(url: string): Promise<number> {
  const started = performance.now();
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  await answer.arrayBuffer();
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
  return performance.now() - started;
}

/** 99th percentiles; all are asked in turns, so that a noisy moment of the machine meets each of them. */
export async function measureReads(
  program: BenchProgram,
  ofTenth: BenchProgram,
  report: Report,
  count: number,
): Promise<void> {
  const year = '/api/analytics/sales?granularity=day&from=2025-01-01&to=2025-12-31';
  const place = `${year}&place_id=place-7`;
  const urls = {
    ready: `${program.url}/readyz`,
    year: program.url + year,
    yearOfTenth: ofTenth.url + year,
    place: program.url + place,
    placeOfTenth: ofTenth.url + place,
  };
  const names = Object.keys(urls) as (keyof typeof urls)[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    keyof typeof urls,
    number[]
  >;
  for (let round = 0; round < warmRounds + rounds; round++) {
    for (const name of names) {
      const took = await timed(urls[name]);
      if (round >= warmRounds) times[name].push(took);
    }
  }
  const p99 = (name: keyof typeof urls) => times[name].sort((a, b) => a - b)[Math.floor(rounds * 0.99)]!;
  const of = `over ${count.toLocaleString('en')}, p99`;
  report.add(`a year by day ${of}; SELECT 1 route`, p99('year'), p99('ready'), 'ms', '<= 5');
  report.add(`a year by day of one place ${of}; SELECT 1 route`, p99('place'), p99('ready'), 'ms', '<= 5');
  report.add(`a year by day ${of}; over a tenth`, p99('year'), p99('yearOfTenth'), 'ms', '<= 1.3');
  report.add(
    `a year by day of one place ${of}; over a tenth`,
    p99('place'),
    p99('placeOfTenth'),
    'ms',
    '<= 1.3',
  );
}
