import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPool } from '../../src/base/db.ts';
import { createLog } from '../../src/base/log.ts';
import { readConfig } from '../../src/config.ts';
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { type Running, runCommand, startCommand } from '../commands/run-command.ts';
import { until } from '../database/temporary-server.ts';
import { startTestKafka, whyNoKafka } from '../kafka.ts';
import { adminToken, receipt, watchDrained } from '../program.ts';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** Past the time after which a processor that says nothing counts as gone. */
const frozenMs = 7_000;
const processors = 3;
const places = 7;
const documentsPerRound = 150;
const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/x-ndjson' };

/** Numbers from the seed: the same run again with SEED=… */
let state = seed;
function random(below: number): number {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((state / 2_147_483_648) * below);
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, order: random(1_000_000) }))
    .sort((one, other) => one.order - other.order)
    .map(({ value }) => value);
}

/** What counts in the end: the highest revision of every sale, in kopecks. */
const counted = new Map<string, { revision: number; minor: number }>();

/** New sales, corrections of old ones, and documents that come again. */
function nextDocuments(round: number): string {
  const lines: string[] = [];
  for (let index = 0; index < documentsPerRound; index++) {
    const known = counted.size > 0 && random(4) === 0;
    const id = known ? [...counted.keys()][random(counted.size)]! : `r${round}-${index}`;
    const before = counted.get(id);
    const revision = before === undefined ? 0 : before.revision + random(2);
    const minor = before?.revision === revision ? before.minor : 100 + random(100_000);
    counted.set(id, { revision, minor });
    lines.push(JSON.stringify(documentOf(id, revision, minor)));
  }
  return lines.join('\n');
}

function documentOf(id: string, revision: number, minor: number) {
  const price = minor / 100;
  return receipt({
    ...{ transaction_id: id, revision, place_id: `place-${id.length % places}-${id.slice(-1)}` },
    ...{ items: [{ product_id: 'one', quantity: 1, price, category: 'any' }], total_amount: price },
    ...{ nds_amount: 0, tips_amount: 0 },
  });
}

async function addressOf(running: Running): Promise<string> {
  await until(() => /listens at http/.test(running.output()), `the start: ${running.output()}`);
  return /listens at (http:\/\/[\d.:]+)/.exec(running.output())![1]!;
}

/** What was not acknowledged is sent again, until it is. */
async function send(address: string, body: string): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(`${address}/api/checks/`, { method: 'POST', headers, body });
    await answer.text();
    if (answer.status === 202) return attempt;
    assert.equal(answer.status, 503);
    assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
    assert.ok(attempt < 200, 'nothing was taken for a long time');
    await sleep(200);
  }
}

test(`processors killed and frozen, broker and database restarted: every sale counts once (SEED=${seed})`, {
  skip:
    whyNoKafka() ??
    (process.env.KAFKA_BROKERS ? 'Kafka: the broker of KAFKA_BROKERS is not ours to stop' : false),
  timeout: 600_000,
}, async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-processors-'));
  const log = createLog('silent');
  const [kafka, first] = await Promise.all([startTestKafka(), openEmbeddedPostgres({ dataDir, log })]);
  let server = first;
  const env = {
    ...{
      DATABASE_URL: server.connectionString,
      KAFKA_BROKERS: kafka.brokers.join(','),
      KAFKA_PARTITIONS: '6',
    },
    ...{ DATA_DIR: path.join(dataDir, 'own'), PORT: '0', ADMIN_TOKEN: adminToken, LOG_LEVEL: 'error' },
    INTAKE_TIMEOUT_MS: '2000',
  };
  const running = new Set<Running>();
  const start = (roles: string) => {
    const child = startCommand(['start', '--roles', roles], env);
    running.add(child);
    void child.ended.then(() => running.delete(child));
    return child;
  };
  const pool = createPool({ ...server, applicationName: 'test', maximumConnections: 2 });
  const drained = watchDrained(pool, readConfig(env).kafka!);
  try {
    const front = start('collector,analytics,worker');
    const group = Array.from({ length: processors }, () => start('processor'));
    const address = await addressOf(front);

    let woken: Promise<void> = Promise.resolve();
    const happen: Record<string, () => Promise<unknown>> = {
      async kill() {
        const index = random(processors);
        group[index]!.child.kill('SIGKILL');
        await group[index]!.ended;
        group[index] = start('processor');
      },
      async freeze() {
        const { child } = group[random(processors)]!;
        child.kill('SIGSTOP');
        woken = sleep(frozenMs).then(() => void child.kill('SIGCONT'));
      },
      async broker() {
        await kafka.kill();
        await kafka.start();
      },
      async database() {
        await server.stop();
        server = await openEmbeddedPostgres({ dataDir, log });
      },
    };
    const events = ['freeze', ...shuffled(['kill', 'kill', 'kill', 'broker', 'database'])];
    for (const [round, event] of events.entries()) {
      const body = nextDocuments(round);
      // It comes while documents are on their way, not between two rounds.
      const sending = send(address, body);
      await sleep(random(400));
      await happen[event]!();
      await sending;
    }
    await woken;
    await send(address, nextDocuments(events.length));

    await drained();
    const { rows: repeated } = await pool.query(
      `select topic, partition, "offset" from stg.journal group by 1, 2, 3 having count(*) > 1`,
    );
    assert.deepEqual(repeated, [], 'a message was loaded twice');
    const answer = await fetch(
      `${address}/api/analytics/sales?granularity=total&from=2024-01-01&to=2024-12-31`,
      {
        headers,
      },
    );
    const { rows } = (await answer.json()) as { rows: { sales: number; receipts: number }[] };
    const minor = [...counted.values()].reduce((sum, sale) => sum + sale.minor, 0);
    assert.deepEqual(
      rows.map(({ sales, receipts }) => [Math.round(sales * 100), receipts]),
      [[minor, counted.size]],
    );
    const audit = await runCommand(['audit'], env);
    assert.equal(audit.code, 0, audit.output);
    assert.match(audit.output, / 0 differences/);
    // Those that live forget one that was killed once it has not been seen for a while. The last one may only
    // just have been started in its place, and until then as many are known without it.
    for (const each of group) await addressOf(each);
    const { rows: since } = await pool.query('select clock_timestamp()::text as now');
    const areThoseThatLive = async () => {
      const { rows: readers } = await pool.query(
        'select seen_at > $1::timestamptz as lives from stg.stream_reader',
        [since[0].now],
      );
      return readers.length === processors && readers.every(({ lives }) => lives);
    };
    for (let attempt = 0; !(await areThoseThatLive()); attempt++) {
      assert.ok(attempt < 300, 'one that was killed is thought to be there');
      await sleep(200);
    }
    const ended = await Promise.all(
      group.map((each) => {
        each.child.kill('SIGTERM');
        return each.ended;
      }),
    );
    assert.deepEqual(
      ended.map(({ code }) => code),
      [0, 0, 0],
      'a processor did not stop by itself',
    );
    assert.equal(
      (await pool.query('select from stg.stream_reader')).rowCount,
      0,
      'one is thought to be there',
    );
  } finally {
    for (const { child } of running) child.kill('SIGCONT');
    for (const { child } of running) child.kill('SIGKILL');
    await Promise.all([...running].map(({ ended }) => ended));
    await drained.close?.();
    await pool.end();
    await server.stop();
    await kafka.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
