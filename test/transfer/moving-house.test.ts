import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/base/log.ts';
import { readConfig } from '../../src/config.ts';
import { readMovedFile } from '../../src/database/moved-file.ts';
import { startProgram } from '../../src/start-program.ts';
import { type Running, runCommand, startCommand } from '../commands/run-command.ts';
import { createEmptyDatabase, type TestDatabase } from '../postgres.ts';
import { adminToken, receipt } from '../program.ts';

const root = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-house-'));
const pizza = path.join(folder, 'pizza');
const common = { ADMIN_TOKEN: adminToken, LOG_LEVEL: 'error', PORT: '0' };
const at = (dataDir: string, more: Record<string, string> = {}) => ({
  ...common,
  DATA_DIR: path.join(folder, dataDir),
  ...more,
});
let target: TestDatabase;

before(async () => {
  target = await createEmptyDatabase();
  cpSync(path.join(root, 'examples/pizza-place'), pizza, { recursive: true });
  const { code, output } = await runCommand(
    ['import', path.join(pizza, 'order_details.csv'), '--mapping', path.join(pizza, 'mapping.json')],
    at('old'),
  );
  assert.equal(code, 0, output);
});
after(async () => {
  await target.drop();
  rmSync(folder, { recursive: true, force: true });
});

type Ask = (method: string, url: string, body?: unknown) => Promise<any>;

/** The program on one of the databases, in this process, for the length of `work`. */
async function running<T>(env: Record<string, string>, work: (ask: Ask) => Promise<T>): Promise<T> {
  const program = await startProgram({ config: readConfig(env), log: createLog('silent') });
  try {
    return await work(async (method, url, body) => {
      const answer = await fetch(`${program.address}${url}`, {
        method,
        headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      assert.ok(answer.status < 300, `${url}: ${answer.status}`);
      return await answer.json();
    });
  } finally {
    await program.stop();
  }
}

const year = 'from=2015-01-01&to=2015-12-31';
const questions = [
  `/api/analytics/sales?${year}&granularity=total`,
  `/api/analytics/sales?${year}&granularity=month&group_by=category`,
  `/api/analytics/sales?${year}&granularity=total&group_by=product`,
  '/api/analytics/sales?from=2015-03-01&to=2015-03-31&granularity=hour',
  '/api/analytics/',
  '/api/places/',
  '/api/tokens/',
];
const askAll = (ask: Ask) => Promise.all(questions.map((url) => ask('GET', url)));
let answers: unknown[];

test("a backup of the pizzeria's year restores to the same figures on a new cluster", async () => {
  await running(at('old'), async (ask) => {
    const token = await ask('POST', '/api/tokens/', { name: 'till 7', roles: ['collector'] });
    assert.match(token.secret, /^ts_/);
    answers = await askAll(ask);
    assert.equal((answers[0] as any).rows[0].net, 817860.05);
    const { code, output } = await runCommand(['backup', path.join(folder, 'backup')], at('old'));
    assert.equal(code, 0, output);
    assert.match(output, /backed up to .*, 21350 journal rows, \d/);
  });
  const restored = await runCommand(['restore', path.join(folder, 'backup')], at('new'));
  assert.equal(restored.code, 0, restored.output);
  assert.match(restored.output, /restored: as of .*, 21350 journal rows/);
  assert.match(restored.output, /21350 sales recomputed .* 0 differences/);
  assert.deepEqual(await running(at('new'), askAll), answers);
  const again = await runCommand(['restore', path.join(folder, 'backup')], at('new'));
  assert.equal(again.code, 1);
  assert.match(again.output, /is not empty/);
});

const moveThere = ['move', '--to'];

async function until(condition: () => boolean | Promise<boolean>, running: Running): Promise<void> {
  while (!(await condition())) {
    assert.equal(running.child.exitCode, null, running.output());
    await sleep(5);
  }
}

const isTrue = async (condition: string) =>
  (await target.pool.query(`select ${condition} as yes`)).rows[0].yes as boolean;
const isThere = (table: string) => isTrue(`to_regclass('${table}') is not null`);
const someoneWaits = () =>
  isTrue(
    "exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')",
  );

type Session = { query(text: string): Promise<unknown> };
/** A place in the move where it can be held up, and how to tell that it is there. */
type Moment = (session: Session, start: () => Running) => Promise<Running>;

const moments: Record<string, Moment> = {
  'while the tables are made': async (session, start) => {
    await session.query('select pg_advisory_lock(7199)');
    const running = start();
    await until(async () => (await isThere('tillstream_move.part')) && (await someoneWaits()), running);
    return running;
  },
  'between two parts of the registry': async (session, start) => {
    const running = start();
    await until(() => isThere('tillstream_move.part'), running);
    await session.query("begin; insert into tillstream_move.part values ('stg.sale_3', 0, 0)");
    await until(someoneWaits, running);
    assert.ok(
      await isTrue("exists (select from tillstream_move.part where name = 'stg.sale_2' and rows > 0)"),
    );
    return running;
  },
  'when all is there, but not yet free to use': async (session, start) => {
    await session.query('begin; select from tillstream_move.part');
    const running = start();
    await until(() => readMovedFile(path.join(folder, 'old'))?.finishedAt !== undefined, running);
    await until(someoneWaits, running);
    return running;
  },
};

async function killAt(moment: Moment, start: () => Running): Promise<void> {
  const session = await target.pool.connect();
  try {
    const running = await moment(session, start);
    running.child.kill('SIGKILL');
    const { signal } = await running.ended;
    assert.equal(signal, 'SIGKILL', running.output());
  } finally {
    session.release(true);
  }
}

test('the year moves to another PostgreSQL, killed again and again, to the same figures', async () => {
  const env = at('old');
  const to = [...moveThere, target.connectionString];
  await running(env, async () => {
    const { code, output } = await runCommand(to, env);
    assert.equal(code, 1);
    assert.match(output, /a program runs on/);
    assert.ok(!existsSync(path.join(folder, 'old/moved.json')));
  });
  for (const [name, moment] of Object.entries(moments)) {
    await killAt(moment, () => startCommand(to, env));
    if (name !== 'between two parts of the registry') continue;
    const source = await runCommand(['audit'], env);
    assert.equal(source.code, 1);
    assert.match(source.output, /is being moved to/);
    const half = await runCommand(['audit'], { ...env, DATABASE_URL: target.connectionString });
    assert.match(half.output, /has not come to its end/);
  }
  const source = await runCommand(['audit'], env);
  assert.match(source.output, /was moved to .* set DATABASE_URL/);
  const { code, output } = await runCommand(to, env);
  assert.equal(code, 0, output);
  assert.match(output, /rebuilt: 21350 sales read, 0 computed anew/);
  assert.match(output, /21350 sales recomputed .* 0 differences/);
  const moved = at('old', { DATABASE_URL: target.connectionString });
  await running(moved, async (ask) => {
    assert.deepEqual(await askAll(ask), answers);
    // Loading goes on: an old receipt again is known, a new one counts.
    const { results } = await ask('GET', '/api/journal?limit=1');
    const { document } = await ask('GET', `/api/journal/${results[0].position}`);
    const sent = await ask('POST', '/api/checks/?wait=1', [document, receipt({ transaction_id: 'new' })]);
    assert.equal(sent.accepted, 2);
    const { history } = await ask('GET', `/api/checks/${results[0].transaction_id}`);
    assert.deepEqual(
      history.map((entry: { verdict: string }) => entry.verdict),
      ['accepted', 'duplicate'],
    );
  });
  const audited = await runCommand(['audit'], moved);
  assert.match(audited.output, /21351 sales recomputed .* 0 differences/);
});
