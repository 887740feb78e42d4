import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/base/db.ts';
import { runningOn, sharedDataDir } from '../database/temporary-server.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { type Running, startCommand } from './run-command.ts';

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

async function until(condition: () => boolean | Promise<boolean>, running: Running): Promise<void> {
  while (!(await condition())) {
    assert.equal(running.child.exitCode, null, `ended too early: ${running.output()}`);
    await sleep(10);
  }
}

async function interrupt(running: Running): Promise<void> {
  running.child.kill('SIGINT');
  const { code, output } = await running.ended;
  assert.equal(code, 130, output);
  assert.doesNotMatch(output, /at .*\.ts:\d+/, 'a stack is no message');
}

for (const args of [['audit'], ['rebuild'], ['replay'], ['token', 'list']]) {
  test(`Ctrl-C while ${args.join(' ')} starts PostgreSQL stops that too`, async (context) => {
    const dataDir = sharedDataDir(context);
    const running = startCommand(args, { DATA_DIR: dataDir, LOG_LEVEL: 'error' });
    await until(() => runningOn(dataDir) !== undefined, running);
    await interrupt(running);
    assert.equal(runningOn(dataDir), undefined, 'PostgreSQL was left behind');
  });
}

const environment = () => ({ DATABASE_URL: database.connectionString, LOG_LEVEL: 'error' });

/** Somebody else holds what the command needs; `text` is what holds it. */
async function whileHeld(text: string, work: (holder: Client) => Promise<void>): Promise<void> {
  const holder = await database.pool.connect();
  try {
    await holder.query(text);
    await work(holder);
  } finally {
    holder.release(true);
  }
}

const isWaiting = async (applicationName: string, pattern: string) => {
  const { rows } = await database.pool.query(
    "select exists (select from pg_stat_activity where datname = current_database() and application_name = $1 and wait_event_type = 'Lock' and query like $2) as found",
    [applicationName, pattern],
  );
  return rows[0].found as boolean;
};

test('Ctrl-C ends an audit in the middle of a statement', async () => {
  await whileHeld('begin; lock table cdm.generation in access exclusive mode', async () => {
    const running = startCommand(['audit'], environment());
    await until(() => isWaiting('tillstream-audit', 'lock table%'), running);
    await interrupt(running);
  });
});

test('Ctrl-C ends a rebuild that waits for another, whose new marts it leaves alone', async () => {
  await database.pool.query('create schema cdm_next');
  await whileHeld('select pg_advisory_lock(7105)', async () => {
    const running = startCommand(['rebuild'], environment());
    await until(async () => {
      const { rows } = await database.pool.query(
        "select exists (select from pg_stat_activity where application_name = 'tillstream-rebuild' and query like '%pg_try_advisory_lock(7105)%') as found",
      );
      return rows[0].found;
    }, running);
    await interrupt(running);
  });
  await database.pool.query('drop schema cdm_next');
});

test('Ctrl-C ends a rebuild that waits for a reader, and nothing half-made stays', async () => {
  await whileHeld('begin; select from cdm.generation', async (holder) => {
    const running = startCommand(['rebuild'], environment());
    await until(() => isWaiting('tillstream-rebuild', 'lock table%'), running);
    await interrupt(running);
    await holder.query('rollback');
  });
  const { rows } = await database.pool.query(
    "select to_regnamespace('cdm_next') as next, generation from cdm.generation",
  );
  assert.deepEqual(rows, [{ next: null, generation: 1 }]);
});
