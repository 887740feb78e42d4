import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminToken, receipt } from '../program.ts';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const kills = 20;
const root = path.resolve(import.meta.dirname, '../..');
const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-kills-'));
const environment = {
  ...process.env,
  DATA_DIR: dataDir,
  PORT: '0',
  ADMIN_TOKEN: adminToken,
  LOG_LEVEL: 'error',
};

/** Numbers from the seed: the same kills again with SEED=… */
let state = seed;
function random(): number {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return state / 2_147_483_648;
}

let running: { child: ChildProcess; address: string } | undefined;

async function start(): Promise<{ child: ChildProcess; address: string }> {
  const child = spawn(process.execPath, ['src/main.ts', 'start'], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const address = await new Promise<string>((resolve, reject) => {
    let printed = '';
    child.stdout!.on('data', (chunk) => {
      printed += chunk;
      const found = /listens at (http:\/\/[\d.:]+)/.exec(printed);
      if (found !== null) resolve(found[1]!);
    });
    child.once('exit', (code) => reject(new Error(`the program ended with ${code}`)));
  });
  running = { child, address };
  return running;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null)
    await new Promise((resolve) => child.once('exit', resolve));
}

after(async () => {
  if (running !== undefined) {
    running.child.kill('SIGTERM');
    await ended(running.child);
  }
  rmSync(dataDir, { recursive: true, force: true });
});

const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };

test(`killed ${kills} times under load, every acknowledged receipt is there once (SEED=${seed})`, {
  timeout: 600_000,
}, async () => {
  const acknowledged = new Set<string>();
  let next = 0;
  for (let round = 0; round < kills; round++) {
    const { child, address } = await start();
    let alive = true;
    const senders = Array.from({ length: 8 }, async () => {
      while (alive) {
        const ids = Array.from({ length: 1 + Math.floor(random() * 5) }, () => `k-${next++}`);
        const body = JSON.stringify(
          ids.map((id) => receipt({ transaction_id: id, place_id: `place-${id.length}` })),
        );
        try {
          const answer = await fetch(`${address}/api/checks/`, { method: 'POST', headers, body });
          await answer.text();
          if (answer.status === 202) for (const id of ids) acknowledged.add(id);
        } catch {
          // Not acknowledged: stored or not, both are right.
        }
      }
    });
    await sleep(100 + random() * 500);
    // Each round gets through to something, on a slow machine too.
    while (acknowledged.size <= round + 1) await sleep(10);
    child.kill('SIGKILL');
    if (round % 5 === 4) {
      // Now and then everything dies, the database server too.
      const postmaster = Number(
        readFileSync(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0],
      );
      process.kill(postmaster, 'SIGKILL');
    }
    await ended(child);
    alive = false;
    await Promise.all(senders);
  }
  const { child, address } = await start();
  const found = new Map<string, number>();
  let cursor: string | undefined;
  do {
    const answer = await fetch(
      `${address}/api/journal?verdict=accepted&limit=1000${cursor === undefined ? '' : `&cursor=${cursor}`}`,
      { headers },
    );
    const page = (await answer.json()) as {
      results: { transaction_id: string }[];
      next_cursor: string | null;
    };
    for (const entry of page.results)
      found.set(entry.transaction_id, (found.get(entry.transaction_id) ?? 0) + 1);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  assert.ok(acknowledged.size > kills, `only ${acknowledged.size} receipts were acknowledged`);
  assert.deepEqual(
    [...acknowledged].filter((id) => found.get(id) !== 1),
    [],
  );
  const total = (await (await fetch(`${address}/api/analytics/sales`, { headers })).json()) as {
    rows: { receipts: number }[];
  };
  assert.equal(total.rows[0]!.receipts, found.size);
  const audit = execFileSync(process.execPath, ['src/main.ts', 'audit'], {
    cwd: root,
    env: environment,
  }).toString();
  assert.match(audit, /, 0 differences/);
  child.kill('SIGTERM');
  await ended(child);
  assert.equal(child.exitCode, 0);
  running = undefined;
});
