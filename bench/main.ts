import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { binaryArray, type Database } from '../src/base/db.ts';
import { createLog } from '../src/base/log.ts';
import { createMetrics } from '../src/base/metrics.ts';
import { readConfig } from '../src/config.ts';
import { type Program, startProgram } from '../src/start-program.ts';
import { createRollUp } from '../src/warehouse/roll-up.ts';
import { startBareServer } from './bare-server.ts';
import { benchReceipt } from './receipts.ts';

const token = 'admin-token-of-the-bench-only';
const count = Number(process.env.BENCH_RECEIPTS ?? 100_000);
const posts = Number(process.env.BENCH_POSTS ?? 20_000);
const root = mkdtempSync(path.join(tmpdir(), 'tillstream-bench-'));

type Line = { figure: string; value: number; baseline: number; unit: string; ratio: number };
const lines: Line[] = [];
function report(figure: string, value: number, baseline: number, unit: string): void {
  lines.push({ figure, value, baseline, unit, ratio: value / baseline });
  console.log(
    `${figure.padEnd(52)} ${value.toFixed(1).padStart(10)} ${baseline.toFixed(1).padStart(10)} ${unit.padEnd(12)} ${(value / baseline).toFixed(3)}`,
  );
}

const script = path.join(import.meta.dirname, 'generate-load.ts');
async function load(url: string, prefix: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    script,
    url,
    token,
    '64',
    String(posts),
    prefix,
  ]);
  return (JSON.parse(stdout) as { perSecond: number }).perSecond;
}

async function measurePosts(program: Program): Promise<void> {
  const { pool } = program.warehouse;
  await pool.query('create table bare (id text primary key, document bytea not null)');
  const bare = await startBareServer(pool);
  const parsing = await startBareServer(undefined);
  await load(`${program.address}/api/checks/`, 'warm');
  const durable = await load(bare.url, 'bare');
  const ours = await load(`${program.address}/api/checks/`, 'post');
  const undurable = await load(parsing.url, 'parse');
  report('POST, 64 connections, against bare durable server', ours, durable, 'receipts/s');
  report('the same against a server without a database', ours, undurable, 'receipts/s');
  bare.server.close();
  parsing.server.close();
  await pool.query('drop table bare');
}

async function insertBare(pool: Database, documents: readonly { id: string; body: Buffer }[]): Promise<void> {
  await pool.query({
    name: 'bench-bare',
    text: 'insert into bare (id, document) select * from unnest($1::text[], $2::bytea[])',
    values: [
      binaryArray(
        'text',
        documents.map((one) => one.id),
      ),
      binaryArray(
        'bytea',
        documents.map((one) => one.body),
      ),
    ],
  });
}

/** COPY from a file on the server: no client stands in its way, which favours the baseline. */
async function measureImport(program: Program): Promise<void> {
  const { pool } = program.warehouse;
  const rollUp = createRollUp({ pool, log: createLog('silent'), metrics: createMetrics(), rest: false });
  const documents = Array.from({ length: count }, (_, index) => {
    const receipt = benchReceipt(index, count, { places: 200, products: 1000, days: 30 });
    return { id: receipt.transaction_id as string, body: Buffer.from(JSON.stringify(receipt)) };
  });
  const copyFile = path.join(root, 'copy.txt');
  writeFileSync(copyFile, documents.map(({ id, body }) => `${id}\t${body.toString('utf8')}\n`).join(''), {
    mode: 0o644,
  });
  await pool.query('create table bare (id text primary key, document text not null)');
  let started = performance.now();
  await pool.query(`copy bare from '${copyFile}'`);
  const copied = count / ((performance.now() - started) / 1000);
  await pool.query('drop table bare; create table bare (id text primary key, document bytea not null)');
  started = performance.now();
  for (let start = 0; start < count; start += 1000)
    await insertBare(pool, documents.slice(start, start + 1000));
  const inserted = count / ((performance.now() - started) / 1000);
  await pool.query('drop table bare');

  started = performance.now();
  const answer = await fetch(`${program.address}/api/checks/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body: documents.map(({ body }) => body.toString('utf8')).join('\n'),
  });
  if (answer.status !== 202)
    throw new Error(`the NDJSON stream answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`);
  await answer.arrayBuffer();
  const journaled = count / ((performance.now() - started) / 1000);
  await program.warehouse.settle();
  while ((await rollUp.step()) > 0);
  const loaded = count / ((performance.now() - started) / 1000);
  report('NDJSON, fully loaded, against COPY into a bare table', loaded, copied, 'receipts/s');
  report('the same against batched inserts of the documents', loaded, inserted, 'receipts/s');
  report('NDJSON, durable and countable, against COPY', journaled, copied, 'receipts/s');
}

async function percentile(url: string, share: number): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < 600; turn++) {
    const started = performance.now();
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    await answer.arrayBuffer();
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
    if (turn >= 100) times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length * share)]!;
}

async function measureReads(program: Program): Promise<void> {
  const year = `${program.address}/api/analytics/sales?granularity=day&from=2025-01-01&to=2025-12-31`;
  const ready = await percentile(`${program.address}/readyz`, 0.99);
  report(`a year by day over ${count} receipts, p99`, await percentile(year, 0.99), ready, 'ms');
  report(`the same of one place, p99`, await percentile(`${year}&place_id=place-7`, 0.99), ready, 'ms');
}

const config = readConfig({ DATA_DIR: root, PORT: '0', ADMIN_TOKEN: token, LOG_LEVEL: 'error' });
const program = await startProgram({ config, log: createLog('error') });
try {
  console.log(`${cpus().length} cores, ${count} receipts, ${posts} single posts\n`);
  console.log(
    `${'figure'.padEnd(52)} ${'value'.padStart(10)} ${'baseline'.padStart(10)} ${'unit'.padEnd(12)} ratio`,
  );
  await measurePosts(program);
  await measureImport(program);
  await measureReads(program);
  const folder = path.join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${new Date().toISOString().slice(0, 10)}.json`);
  writeFileSync(
    file,
    `${JSON.stringify({ cores: cpus().length, receipts: count, posts, node: process.version, lines }, null, 2)}\n`,
  );
} finally {
  await program.stop();
  rmSync(root, { recursive: true, force: true });
}
