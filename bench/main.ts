import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { measureDashboard } from './measure-dashboard.ts';
import { measureKafka } from './measure-kafka.ts';
import { measureLoading } from './measure-loading.ts';
import { measureOrders } from './measure-orders.ts';
import { measurePosts } from './measure-posts.ts';
import { measureReads } from './measure-reads.ts';
import { measureVault } from './measure-vault.ts';
import { type BenchProgram, startBenchProgram } from './program.ts';
import { benchReceipt } from './receipts.ts';
import { createReport } from './report.ts';

const settings = {
  posts: Number(process.env.BENCH_POSTS ?? 20_000),
  orders: Number(process.env.BENCH_ORDERS ?? 50_000),
  streamed: Number(process.env.BENCH_STREAMED ?? 300_000),
  imported: Number(process.env.BENCH_IMPORTED ?? 1_000_000),
};
const report = createReport(settings);
const year = { places: 200, products: 1000, days: 365 };
const idleMs = 10_000;

async function withProgram(work: (program: BenchProgram) => Promise<void>): Promise<void> {
  const program = await startBenchProgram();
  try {
    await work(program);
  } finally {
    await program.stop();
  }
}

/** Receipts of one year in a file; `step` 10 takes every tenth of them. */
async function writeYear(file: string, total: number, step: number): Promise<void> {
  function* lines() {
    for (let index = 0; index < total; index += step)
      yield `${JSON.stringify(benchReceipt(index, total, year))}\n`;
  }
  await pipeline(Readable.from(lines()), createWriteStream(file));
}

/** What autovacuum would do a minute later, in the middle of what is measured, is done before. */
async function becomeQuiet(program: BenchProgram): Promise<void> {
  await program.settle('idle');
  await program.pool.query('vacuum (analyze)');
}

/** One program takes in the whole year and another a tenth of it; both are asked in the same minutes. */
async function measureYear(program: BenchProgram, ofTenth: BenchProgram): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-bench-files-'));
  try {
    const whole = path.join(folder, 'whole.ndjson');
    const tenth = path.join(folder, 'tenth.ndjson');
    await writeYear(whole, settings.imported, 1);
    await writeYear(tenth, settings.imported, 10);
    await sleep(idleMs);
    report.add('memory of the idle program; limit', program.memory().now, 200, 'MB', '< 1');
    const { most } = await program.run(['import', whole]);
    report.add('most memory of the program in an import; limit', program.memory().most, 400, 'MB', '< 1');
    report.add('most memory of the import command; limit', most, 400, 'MB', '< 1');
    await ofTenth.run(['import', tenth]);
    for (const each of [program, ofTenth]) await becomeQuiet(each);
    await measureReads(program, ofTenth, report, settings.imported);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await withProgram((program) => measurePosts(program, report, settings.posts));
await withProgram((program) => measureLoading(program, report, settings.streamed));
await withProgram((program) => measureOrders(program, report, settings.orders));
await measureVault(report, settings.streamed);
await withProgram((program) => withProgram((ofTenth) => measureYear(program, ofTenth)));
await withProgram((program) => measureDashboard(program, report));
await measureKafka(report, settings.streamed);
report.write();
