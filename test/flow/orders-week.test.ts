import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { makeCatalogue } from '../../examples/orders/catalogue.ts';
import { generateOrders, writeOrders } from '../../examples/orders/generate.ts';
import type { OrderMessage } from '../../examples/orders/order-life.ts';
import { runCommand, startCommand } from '../commands/run-command.ts';
import { startTestProgram, type TestProgram } from '../program.ts';
import { compareWithMessages, lastStates } from './orders-oracle.ts';

const orders = 4_000;
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-orders-'));
const file = path.join(folder, 'orders.ndjson');
let text: string;
let messages: OrderMessage[];
let tested: TestProgram;

before(async () => {
  await writeOrders({ out: folder, seed: 4, orders, withPayments: true });
  text = readFileSync(file, 'utf8');
  messages = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as OrderMessage);
  tested = await startTestProgram();
});
after(async () => {
  await tested.stop();
  rmSync(folder, { recursive: true, force: true });
});

const count = async (query: string) => (await tested.database.pool.query(query)).rows[0].n as number;

test('the messages hold what makes orders hard: late ones, repeats, cancels on both sides of closing', () => {
  const lines = text.trim().split('\n');
  assert.ok(lines.length > 2.5 * orders && lines.length < 3.5 * orders, `${lines.length} messages`);
  assert.ok(new Set(lines).size < lines.length, 'some come twice');
  const last = lastStates(messages);
  assert.equal(last.length, orders);
  const ends = Map.groupBy(last, ({ payload }) => payload.final_status);
  assert.ok(ends.get('CLOSED')!.length > 0.8 * orders);
  const cancelled = ends.get('CANCELLED')!.map(({ payload }) => payload.statuses);
  const afterClosing = cancelled.filter((statuses) => statuses.some(({ status }) => status === 'CLOSED'));
  assert.ok(afterClosing.length > 10 && cancelled.length - afterClosing.length > 10);
  const latest = new Map<number, string>();
  let late = 0;
  for (const { object_id, payload } of messages) {
    if (payload.update_ts < (latest.get(object_id) ?? '')) late++;
    else latest.set(object_id, payload.update_ts);
  }
  assert.ok(late > 50, `${late} late messages`);
});

test('the same seed gives the same messages, another one others', () => {
  const of = (seed: number) => {
    const catalogue = makeCatalogue(seed, { users: 50, restaurants: 5 });
    return JSON.stringify([catalogue, [...generateOrders({ seed, orders: 100, catalogue })]]);
  };
  assert.equal(of(3), of(3));
  assert.notEqual(of(3), of(4));
});

test('an import killed half-way and run again gives what the messages add up to', async () => {
  const env = { DATABASE_URL: tested.database.connectionString, DATA_DIR: folder };
  const first = startCommand(['import', file, '--batch', '200'], env);
  const stored = () => count('select coalesce(max(done_records), 0) as n from ops.import_progress');
  while ((await stored()) < 2_000 && first.child.exitCode === null) await sleep(5);
  first.child.kill('SIGKILL');
  assert.equal((await first.ended).signal, 'SIGKILL', first.output());
  assert.ok((await stored()) < messages.length);

  const second = await runCommand(['import', file], env);
  assert.equal(second.code, 0, second.output);
  assert.match(second.output, /of an earlier run/);
  await compareWithMessages(tested, messages);
  await tested.settle();
  await compareWithMessages(tested, messages);
  assert.equal(await count("select count(*) as n from stg.sale where source = 'order'"), orders);
  const open = lastStates(messages).filter(({ payload }) => /OPEN|COOK|DELIV/.test(payload.final_status));
  assert.ok(open.length > 0);
  assert.equal(await count("select count(*) as n from stg.sale where status = 'open'"), open.length);
});

test('all of it again, over HTTP, changes nothing', async () => {
  const contributions = () => count('select count(*) as n from stg.journal where contributions is not null');
  const loaded = await contributions();
  const answer = await tested.call('POST', '/api/orders/', gzipSync(text), {
    'content-type': 'application/x-ndjson',
    'content-encoding': 'gzip',
    prefer: 'wait=5',
  });
  assert.equal(answer.status, 202);
  assert.deepEqual([answer.body.accepted, answer.body.rejected], [messages.length, 0]);
  const verdicts = new Set(answer.body.results.map((result: any) => result.verdict));
  assert.deepEqual([...verdicts].sort(), ['duplicate', 'stale']);
  assert.equal(await contributions(), loaded);
  await compareWithMessages(tested, messages);
  assert.deepEqual(await tested.audit(), []);
});

test('sent as NDJSON to an empty program, in any order of the file, they add up to the same', async () => {
  const other = await startTestProgram();
  try {
    const lines = text.trim().split('\n').reverse();
    const half = lines.slice(0, lines.length >> 1).join('\n');
    const headers = { 'content-type': 'application/x-ndjson' };
    assert.equal((await other.call('POST', '/api/orders/', half, headers)).status, 202);
    assert.equal((await other.call('POST', '/api/orders/', lines.join('\n'), headers)).status, 202);
    await compareWithMessages(other, messages);
    assert.deepEqual(await other.audit(), []);
  } finally {
    await other.stop();
  }
});
