import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/base/log.ts';
import { createJobs, type Jobs } from '../../src/jobs/jobs.ts';
import { readPendingJobs } from '../../src/jobs/pending-jobs.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

const queue = 'reattribute';
let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
const started: Jobs[] = [];
after(async () => {
  for (const jobs of started) await jobs.stop();
  await database.drop();
});

async function start(): Promise<Jobs> {
  const jobs = await createJobs({ connectionString: database.connectionString, log: createLog('silent') });
  started.push(jobs);
  return jobs;
}

const states = async () =>
  (await database.pool.query("select data->>'id' as id, state, output from pgboss.job order by created_on"))
    .rows;

/** Queues a job, committed or not. */
async function enqueue(jobs: Jobs, id: string, end = 'commit'): Promise<void> {
  const client = await database.pool.connect();
  await client.query('begin');
  assert.notEqual(await jobs.enqueue(client, queue, { id }), null);
  await client.query(end);
  client.release();
}

async function drained(): Promise<void> {
  while ((await readPendingJobs(database.pool, queue)).pending > 0) await sleep(20);
}

test('before any program took jobs there are none', async () => {
  assert.deepEqual(await readPendingJobs(database.pool, queue), { pending: 0, hasWorker: false });
});

test('a job exists exactly if its transaction commits, and whoever looks sees it', async () => {
  const jobs = await start();
  await enqueue(jobs, 'never', 'rollback');
  await enqueue(jobs, 'one');
  await enqueue(jobs, 'two');
  assert.deepEqual(await readPendingJobs(database.pool, queue), { pending: 2, hasWorker: true });
  assert.equal(await jobs.pending(queue), 2);
  await jobs.stop();
  assert.deepEqual(await readPendingJobs(database.pool, queue), { pending: 2, hasWorker: false });
});

test('jobs of an earlier run are done in their order, their progress and outcome kept', async () => {
  const jobs = await start();
  const done: string[] = [];
  let seen: unknown;
  await jobs.work(queue, async ({ id }, { report }) => {
    await report({ half: id });
    if (id === 'one') seen = (await states())[0].output;
    done.push(id as string);
    return { whole: id };
  });
  await drained();
  assert.deepEqual(done, ['one', 'two']);
  assert.deepEqual(seen, { half: 'one' });
  assert.deepEqual(await states(), [
    { id: 'one', state: 'completed', output: { whole: 'one' } },
    { id: 'two', state: 'completed', output: { whole: 'two' } },
  ]);
  await jobs.stop();
});

test('one that fails is tried again, others do not wait for it', async () => {
  await database.pool.query('delete from pgboss.job');
  const jobs = await start();
  const tried: string[] = [];
  const bothWait = Promise.withResolvers<void>();
  await jobs.work(queue, async ({ id }) => {
    await bothWait.promise;
    tried.push(id as string);
    if (id === 'hard' && tried.length < 3) throw new Error('not yet');
    return {};
  });
  await enqueue(jobs, 'hard');
  await enqueue(jobs, 'easy');
  bothWait.resolve();
  await drained();
  assert.deepEqual(tried, ['hard', 'easy', 'hard']);
  await jobs.stop();
});

test('at a stop the handler is told to end, and the next program takes the job up', async () => {
  await database.pool.query('delete from pgboss.job');
  const first = await start();
  const entered = Promise.withResolvers<void>();
  await first.work(queue, async (_, { signal }) => {
    entered.resolve();
    await sleep(600_000, undefined, { signal });
    return {};
  });
  await enqueue(first, 'long');
  await entered.promise;
  await first.stop();
  assert.equal((await states())[0].state, 'retry');
  const second = await start();
  await second.work(queue, async () => ({ by: 'second' }));
  await drained();
  assert.deepEqual((await states())[0].output, { by: 'second' });
  await second.stop();
});
