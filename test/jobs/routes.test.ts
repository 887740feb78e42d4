import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { readConfig } from '../../src/config.ts';
import { type App, createServer } from '../../src/http/server.ts';
import { createJobs, type Jobs } from '../../src/jobs/jobs.ts';
import { registerJobRoutes } from '../../src/jobs/routes.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

let database: TestDatabase;
let app: App;
const programs: Jobs[] = [];
/** Whichever runs at the time. */
const current = new Proxy({} as Jobs, { get: (_, name) => programs[0]![name as keyof Jobs] });
before(async () => {
  database = await createTestDatabase();
  // Two replicas of one program.
  for (let index = 0; index < 2; index++)
    programs.push(
      await createJobs({
        connectionString: database.connectionString,
        log: createLog('silent'),
        keptDays: 5,
      }),
    );
  app = await createServer({
    config: readConfig({}),
    log: createLog('silent'),
    metrics: createMetrics(),
    authenticate: async () => ({ tokenId: 't', name: 't', roles: ['operator'] }),
    readiness: async () => ({ ready: true, checks: {} }),
    registerRoutes: (server) => registerJobRoutes(server, { pool: database.pool, jobs: current }),
  });
});
after(async () => {
  await app.close();
  for (const program of programs) await program.stop();
  await database.drop();
});

async function call(
  method: 'GET' | 'POST',
  url: string,
  body?: object,
): Promise<{ status: number; body: any }> {
  const headers = { authorization: 'Bearer t' };
  const answer = await app.inject({ method, url, headers, ...(body === undefined ? {} : { payload: body }) });
  return { status: answer.statusCode, body: answer.json() };
}
const get = async (url: string) => (await call('GET', url)).body;

async function enqueue(queue: string, data: Record<string, unknown> = {}): Promise<string | null> {
  return await programs[0]!.enqueue(database.pool, queue, data);
}

async function until(id: string, state: string): Promise<any> {
  for (;;) {
    const job = await get(`/api/jobs/${id}`);
    if (job.state === state) return job;
    await sleep(20);
  }
}

test('waiting jobs are listed in pages, newest first, and filtered', async () => {
  const ids: (string | null)[] = [];
  for (let index = 0; index < 5; index++) ids.unshift(await enqueue('reattribute', { index }));
  ids.unshift(await enqueue('age-tags'));
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const page = await get(`/api/jobs/?limit=4${cursor}`);
    seen.push(...page.results.map((job: any) => job.id));
    if (page.next_cursor === null) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  assert.deepEqual(seen, ids);
  const one = (await get('/api/jobs/?queue=age-tags,audit')).results;
  assert.deepEqual(
    one.map((job: any) => [job.id, job.queue, job.state, job.attempts, job.data]),
    [[ids[0], 'age-tags', 'created', 0, {}]],
  );
  assert.deepEqual((await get('/api/jobs/?state=failed,completed')).results, []);
  for (const [url, pointer] of [
    ['/api/jobs/?queue=x', '/query/queue'],
    ['/api/jobs/?state=x', '/query/state'],
    ['/api/jobs/?cursor=x', '/query/cursor'],
  ] as const) {
    const answer = await call('GET', url);
    assert.equal(answer.status, 422);
    assert.equal(answer.body.errors[0].pointer, pointer);
  }
  assert.equal((await call('GET', '/api/jobs/none')).status, 404);
});

test('progress, the error of a try that failed, another try at once, and the result', async () => {
  const id = (await enqueue('erase-customer', { erasure_id: 7 }))!;
  const reported = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let tries = 0;
  await programs[0]!.work('erase-customer', async (_, { report }) => {
    if (++tries <= 2) throw new Error(`try ${tries} went wrong`);
    await report({ position: 5 });
    reported.resolve();
    await goOn.promise;
    return { rows: 9 };
  });
  const failed = await until(id, 'retry');
  assert.equal(failed.attempts, 1);
  assert.equal(failed.error, 'try 1 went wrong');
  assert.ok(failed.next_try_at > failed.created_at);
  // As if it had been told to wait for an hour.
  await database.pool.query("update pgboss.job set start_after = now() + interval '1 hour' where id = $1", [
    id,
  ]);
  assert.equal((await call('POST', `/api/jobs/${id}/retry`)).status, 202);
  while ((await get(`/api/jobs/${id}`)).attempts < 2) await sleep(20);
  await reported.promise;
  const running = await get(`/api/jobs/${id}`);
  assert.deepEqual(
    [running.state, running.attempts, running.progress, running.error],
    ['active', 3, { position: 5 }, null],
  );
  assert.equal((await call('POST', `/api/jobs/${id}/retry`)).body.code, 'not_retryable');
  goOn.resolve();
  const done = await until(id, 'completed');
  assert.deepEqual([done.progress, done.error, done.result], [null, null, { rows: 9 }]);
  assert.ok(done.ended_at >= done.started_at);
  assert.equal((await call('POST', `/api/jobs/${id}/retry`)).status, 409);
});

test('of a scheduled job one waits or runs in all programs together; one that failed for good can be tried again', async () => {
  let running = 0;
  let most = 0;
  let fails = true;
  const goOn = Promise.withResolvers<void>();
  for (const program of programs)
    await program.work('audit', async () => {
      most = Math.max(most, ++running);
      await goOn.promise;
      running--;
      if (fails) throw new Error('always');
      return {};
    });
  const { status, body } = await call('POST', '/api/jobs/', { queue: 'audit' });
  assert.equal(status, 202);
  await until(body.id, 'active');
  assert.equal(await enqueue('audit'), null);
  assert.equal((await call('POST', '/api/jobs/', { queue: 'audit' })).body.code, 'not_retryable');
  await sleep(50);
  goOn.resolve();
  await until(body.id, 'retry');
  await database.pool.query(
    'update pgboss.job set retry_limit = retry_count + 1, start_after = now() where id = $1',
    [body.id],
  );
  const failed = await until(body.id, 'failed');
  assert.equal(failed.error, 'always');
  fails = false;
  const retried = await call('POST', `/api/jobs/${body.id}/retry`);
  assert.equal(retried.status, 202, JSON.stringify(retried.body));
  await until(body.id, 'completed');
  assert.equal(most, 1);
});

test('a job that a worker takes up at once was tried again all the same', async () => {
  const id = (await enqueue('apply-tag-rule'))!;
  await database.pool.query("update pgboss.job set state = 'failed' where id = $1", [id]);
  await database.pool.query(`
    create function take_up() returns trigger language plpgsql as $$ begin new.state = 'active'; return new; end $$;
    create trigger take_up before update on pgboss.job for each row when (old.state = 'failed') execute function take_up()`);
  const retried = await call('POST', `/api/jobs/${id}/retry`);
  await database.pool.query('drop function take_up cascade');
  assert.deepEqual([retried.status, retried.body.state], [202, 'active']);
  assert.equal((await call('POST', `/api/jobs/${id}/retry`)).status, 409);
});

test('schedules tell when they run next, and what is done is kept as long as it is said', async () => {
  for (const program of programs) await program.schedule('snapshot', '0 * * * *', 'Asia/Tokyo');
  const nextHour = () => new Date(Math.floor(Date.now() / 3_600_000 + 1) * 3_600_000).toISOString();
  const before = nextHour();
  const { schedules } = await get('/api/jobs/');
  const [{ next_run: next, ...schedule }] = schedules;
  assert.deepEqual(schedule, { queue: 'snapshot', cron: '0 * * * *', time_zone: 'Asia/Tokyo' });
  assert.ok([before, nextHour()].includes(next), next);
  assert.equal(schedules.length, 1);
  const { rows } = await database.pool.query(
    "select deletion_seconds as seconds from pgboss.queue where name = 'audit'",
  );
  assert.equal(rows[0].seconds, 5 * 24 * 3600);
});

test('a schedule that was missed while no program ran is made up for, once', async () => {
  for (const program of programs.splice(0)) await program.stop();
  await database.pool.query(`
    delete from pgboss.job;
    update pgboss.schedule set created_on = created_on - interval '1 day';
    update pgboss.version set cron_on = now() - interval '5 hours'`);
  const log = createLog('silent');
  for (let index = 0; index < 2; index++)
    programs.push(await createJobs({ connectionString: database.connectionString, log }));
  const find = async () => (await get('/api/jobs/?queue=snapshot')).results;
  while ((await find()).length === 0) await sleep(50);
  await sleep(1_500);
  assert.equal((await find()).length, 1);
});
