import { setTimeout as sleep } from 'node:timers/promises';
import { startTestKafka, whyNoKafka } from '../test/kafka.ts';
import { type BenchOptions, type BenchProgram, runScript, startBenchProgram, token } from './program.ts';
import { benchReceipt } from './receipts.ts';
import { median, type Report } from './report.ts';

const days = 30;
const rounds = 3;
const year = { places: 200, products: 1000, days: 365 };
const visibleSeconds = 20;
const postsPerTurn = 10;

/** Documents a second of one NDJSON stream, until every one is folded. */
async function load(program: BenchProgram, count: number, prefix: string): Promise<number> {
  const args = [`${program.url}/api/checks/`, token, count, days, prefix];
  const { startedMs } = await runScript('feed-documents.ts', args);
  for (;;) {
    const { rows } = await program.pool.query({
      text: "select count(*)::integer as loaded from stg.sale where source_id like $1 || '-%'",
      values: [prefix],
    });
    if (rows[0].loaded === count) break;
    await sleep(20);
  }
  await program.settle('folded');
  return count / ((Date.now() - startedMs!) / 1000);
}

async function withProgram<T>(
  options: BenchOptions,
  work: (program: BenchProgram) => Promise<T>,
): Promise<T> {
  const program = await startBenchProgram(options);
  try {
    return await work(program);
  } finally {
    await program.stop();
  }
}

/** How long after its 202 a receipt is in the answer, while so many come each second: the 99th percentile, in ms. */
async function measureVisible(program: BenchProgram, perSecond: number): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const total = Math.round(perSecond * visibleSeconds);
  const startedMs = performance.now();
  const waits: number[] = [];
  const watched: Promise<void>[] = [];
  const post = (id: string, place: string, index: number) =>
    fetch(`${program.url}/api/checks/`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ ...benchReceipt(index, total, year), transaction_id: id, place_id: place }),
    }).then((answer) => answer.arrayBuffer());
  async function watch(index: number): Promise<void> {
    const place = `visible-${index}`;
    await post(place, place, index);
    const sentMs = performance.now();
    for (;;) {
      const answer = await fetch(`${program.url}/api/analytics/?place_id=${place}`, { headers });
      if (((await answer.json()) as { results: unknown[] }).results.length > 0) break;
      await sleep(5);
    }
    waits.push(performance.now() - sentMs);
  }
  for (let index = 0; index < total; index += postsPerTurn) {
    const dueMs = startedMs + (index / perSecond) * 1000;
    await sleep(Math.max(dueMs - performance.now(), 0));
    for (let each = index; each < index + postsPerTurn - 1; each++)
      watched.push(post(`half-${each}`, `place-${each % year.places}`, each).then(() => {}));
    if (index % (postsPerTurn * 5) === 0) watched.push(watch(index));
  }
  await Promise.all(watched);
  waits.sort((one, other) => one - other);
  return waits[Math.floor(waits.length * 0.99)]!;
}

/** The same streams of receipts embedded and through Kafka, in turns on the same cores; the broker's work is in it. */
export async function measureKafka(report: Report, count: number): Promise<void> {
  const reason = whyNoKafka();
  if (reason !== undefined) return console.log(`left out: ${reason}`);
  const kafka = await startTestKafka();
  const env = { KAFKA_BROKERS: kafka.brokers.join(',') };
  const roles = ['collector,analytics,worker', 'processor'];
  try {
    await withProgram({}, (embedded) =>
      withProgram({ env, roles }, async (clustered) => {
        const rates = new Map<BenchProgram, number[]>([
          [embedded, []],
          [clustered, []],
        ]);
        for (let round = 0; round <= rounds; round++) {
          for (const [program, measured] of rates) {
            // The first round warms both up.
            const rate = await load(program, round === 0 ? count >> 2 : count, `round${round}`);
            if (round > 0) measured.push(rate);
            // What follows would run beside the other program; the clustered one has nobody who fills the vault.
            await program.settle(program === embedded ? 'idle' : undefined);
          }
        }
        const through = median(rates.get(clustered)!);
        report.add(
          'NDJSON through Kafka to folded marts; embedded',
          through,
          median(rates.get(embedded)!),
          'receipts/s',
          '>= 0.6',
        );
        const visibleMs = await measureVisible(clustered, Math.min(through / 2, 400));
        report.add('accept to visible at half load, p99; limit', visibleMs, 1000, 'ms', '< 1');
      }),
    );
  } finally {
    await kafka.stop();
  }
}
