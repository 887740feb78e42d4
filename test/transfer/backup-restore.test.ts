import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createPool } from '../../src/base/db.ts';
import { createLog } from '../../src/base/log.ts';
import { migrate, pendingMigrations } from '../../src/database/migrate.ts';
import { openQueues, readUndoneJobs } from '../../src/jobs/carry-jobs.ts';
import { makeBackup } from '../../src/transfer/backup.ts';
import { carriedSchemas, listTables, ownSchemas, readSequences } from '../../src/transfer/carried-tables.ts';
import { restoreBackup } from '../../src/transfer/restore.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../postgres.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

const log = createLog('silent');
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-backup-'));
const directory = path.join(folder, 'whole');
const onProgress = () => () => {};
let tested: TestProgram;

before(async () => {
  tested = await startTestProgram();
  const { status } = await tested.call(
    'POST',
    '/api/checks/',
    Array.from({ length: 40 }, (_, index) =>
      receipt({ transaction_id: `b-${index}`, place_id: `b-${index % 3}`, customer_id: `c-${index % 7}` }),
    ),
  );
  assert.equal(status, 202);
  await tested.call('PUT', '/api/places/b-1', { time_zone: 'Europe/Moscow' });
  const moved = "select from stg.journal where verdict = 'reattributed'";
  while ((await tested.database.pool.query(moved)).rowCount !== 13) await sleep(20);
  await tested.settle();
  // What is compared later must not change meanwhile.
  await tested.program.stop();
});
after(async () => {
  await tested.database.drop();
  rmSync(folder, { recursive: true, force: true });
});

const backUp = (to: string) => makeBackup({ pool: tested.database.pool, onProgress }, to);
const restoreInto = (database: TestDatabase, from = directory) =>
  restoreBackup({ ...database, log, onProgress }, from);

async function into<T>(
  work: (database: TestDatabase) => Promise<T>,
  create = createEmptyDatabase,
): Promise<T> {
  const database = await create();
  try {
    return await work(database);
  } finally {
    await database.drop();
  }
}

/** Every row of every table, as text, in an order of its own. */
async function contents(database: Pick<TestDatabase, 'pool'>, except: readonly string[] = []) {
  const tables = (await listTables(database.pool)).filter(({ name }) => !except.includes(name));
  const all: Record<string, string[]> = {};
  for (const { name } of tables) {
    const { rows } = await database.pool.query(`select t::text as row from ${name} as t order by 1`);
    all[name] = rows.map(({ row }) => row);
  }
  return all;
}

test('what is restored is every row of every table', async () => {
  const manifest = await backUp(directory);
  await into(async (database) => {
    await restoreInto(database);
    const except = ['ops.installation'];
    assert.deepEqual(await contents(database, except), await contents(tested.database, except));
    const { rows } = await database.pool.query('select epoch from ops.installation');
    assert.equal(rows[0].epoch, manifest.installation.epoch + 1);
  });
});

test('sequences go on past what was given out, and events of an entity past what was ever sent', async () => {
  await into(async (database) => {
    await restoreInto(database);
    const numbers = async (from: TestDatabase) =>
      new Map((await readSequences(from.pool)).map(({ name, lastValue }) => [name, BigInt(lastValue)]));
    const [before, restored] = [await numbers(tested.database), await numbers(database)];
    assert.ok(before.get('stg.journal_position')! >= 40n);
    for (const [name, value] of before)
      if (name !== 'ops.outbox_entity_seq') assert.equal(restored.get(name), value, name);
    assert.ok(restored.get('ops.outbox_entity_seq')! > before.get('ops.outbox_entity_seq')! + 1_000_000n);
  });
});

test('every schema of a database in use is carried or named, and a table that is added is carried', async () => {
  const { rows } = await tested.database.pool.query(
    "select nspname as name from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')",
  );
  const decided = [...carriedSchemas, ...Object.keys(ownSchemas)];
  assert.deepEqual(
    rows.map(({ name }) => name).filter((name) => !decided.includes(name)),
    [],
    'name the schema in src/transfer/carried-tables.ts',
  );
  await into(async (source) => {
    await source.pool.query(`
      create table stg.zz_child (number integer generated always as identity primary key, parent text, twice text generated always as (parent || parent));
      create unlogged table stg.zz_alive (process text);
      create table ops.aa_parent ("Key" text primary key);
      insert into ops.installation (epoch, system_identifier) values (1, 1);
      alter table stg.zz_child add foreign key (parent) references ops.aa_parent;
      insert into ops.aa_parent values ('x'); insert into stg.zz_child (parent) values ('x')`);
    const to = path.join(folder, 'added');
    const manifest = await makeBackup({ pool: source.pool, onProgress }, to);
    const order = manifest.tables.map(({ name }) => name);
    assert.ok(order.indexOf('ops.aa_parent') < order.indexOf('stg.zz_child'));
    assert.ok(order.indexOf('stg.zz_child') > 0);
    assert.ok(!order.includes('stg.zz_alive'), 'a crash would have emptied it');
    assert.equal(manifest.tables.length, (await listTables(source.pool)).length);
  }, createTestDatabase);
});

test('only an empty database is filled; one that was merely started counts as empty', async () => {
  const program = createPool({
    connectionString: tested.database.connectionString,
    applicationName: 'tillstream',
    maximumConnections: 1,
  });
  await program.query('select 1');
  await assert.rejects(restoreInto(tested.database), /tillstream runs on the database/);
  await program.end();
  await into(async (database) => {
    await database.pool.query("insert into ops.place (place_id) values ('mine')");
    await assert.rejects(restoreInto(database), /is not empty, ops.place has rows/);
    assert.equal((await database.pool.query('select from ops.place')).rowCount, 1);
  }, createTestDatabase);
  await into(async (database) => {
    await database.pool.query('create schema stg; create table stg.other (n integer)');
    await assert.rejects(restoreInto(database), /stg.other that is not of this program/);
  });
  const started = await startTestProgram({ RETENTION_PULSE_DAYS: '90' });
  await started.program.stop();
  await restoreInto(started.database);
  assert.equal((await started.database.pool.query('select from ops.retention')).rowCount, 0);
  const { rows } = await started.database.pool.query('select count(*) as rows from stg.sale');
  assert.equal(rows[0].rows, 40);
  await started.database.drop();
});

test('a damaged backup leaves the database empty, and the whole one can then be restored', async () => {
  await into(async (database) => {
    const bad = path.join(folder, 'bad');
    const journal = path.join(bad, 'stg.journal.copy.gz');
    const copy = () => cpSync(directory, bad, { recursive: true, force: true });
    copy();
    const bytes = readFileSync(journal);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(journal, bytes);
    await assert.rejects(
      restoreInto(database, bad),
      /stg\.journal\.copy\.gz (is damaged|cannot be restored)/,
    );
    // Right by its own checksum, but not the file of this backup.
    copy();
    writeFileSync(journal, gzipSync(gunzipSync(readFileSync(journal)), { level: 9 }));
    const manifest = path.join(bad, 'manifest.json');
    const text = readFileSync(manifest, 'utf8');
    await assert.rejects(restoreInto(database, bad), /has \d+ bytes instead of \d+/);
    copy();
    truncateSync(journal, 100);
    await assert.rejects(restoreInto(database, bad), /has 100 bytes instead of/);
    rmSync(journal);
    await assert.rejects(restoreInto(database, bad), /stg\.journal\.copy\.gz is missing/);
    copy();
    writeFileSync(manifest, text.replace(/"rows": 40/, '"rows": 39'));
    await assert.rejects(restoreInto(database, bad), /manifest\.json is damaged/);
    rmSync(manifest);
    await assert.rejects(restoreInto(database, bad), /manifest\.json cannot be read/);
    const [{ empty }] = (await database.pool.query('select not exists (select from stg.journal) as empty'))
      .rows;
    assert.equal(empty, true);
    await restoreInto(database);
    assert.equal((await database.pool.query('select from stg.sale')).rowCount, 40);
  });
});

test('a backup is readable by its owner alone, and takes its name only when it is whole', async () => {
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  for (const name of readdirSync(directory))
    assert.equal(statSync(path.join(directory, name)).mode & 0o777, 0o600, name);
  await assert.rejects(backUp(directory), /is there already/);
  const stop = new AbortController();
  const half = path.join(folder, 'half');
  const stopLater = () => () => stop.abort(new Error('stopped'));
  await assert.rejects(
    makeBackup({ pool: tested.database.pool, onProgress: stopLater, signal: stop.signal }, half),
    /aborted/,
  );
  assert.deepEqual([existsSync(half), existsSync(`${half}.part`)], [false, false]);
  // What a kill leaves is removed by the next one, and nothing that another program still writes.
  mkdirSync(`${half}.part`);
  await assert.rejects(backUp(half), /was not made by a backup/);
  writeFileSync(path.join(`${half}.part`, 'being-written-by'), '1');
  await assert.rejects(backUp(half), /another backup \(process 1\)/);
  writeFileSync(path.join(`${half}.part`, 'being-written-by'), '4194305');
  await backUp(half);
  assert.deepEqual([existsSync(half), existsSync(`${half}.part`)], [true, false]);
});

test('jobs that are not done are done after the restore', async () => {
  await into(async (database) => {
    const queued = {
      id: '0f8fad5b-d9cb-469f-a165-70867728950e',
      queue: 'reattribute',
      data: { version: 7, note: 'не потерять' },
      priority: 3,
      startAfter: '2040-01-02T03:04:05.678Z',
      singletonKey: 'one',
    };
    const queues = await openQueues({ connectionString: database.connectionString, log });
    await queues.insert(database.pool, [queued]);
    await queues.close();
    await database.pool.query("update pgboss.job set state = 'active', started_on = now()");
    // One of pg-boss itself, which has a queue only where a program has run.
    await database.pool.query('select pgboss.create_queue(\'__pgboss__send-it\', \'{"policy":"standard"}\')');
    await database.pool.query("insert into pgboss.job (name) values ('__pgboss__send-it')");
    await database.pool.query('insert into ops.installation (epoch, system_identifier) values (1, 1)');
    const to = path.join(folder, 'jobs');
    await makeBackup({ pool: database.pool, onProgress }, to);
    await into(async (target) => {
      await restoreInto(target, to);
      const [job] = await readUndoneJobs(target.pool);
      assert.deepEqual({ ...job, startAfter: new Date(job!.startAfter).toISOString() }, queued);
      const { rows } = await target.pool.query('select state from pgboss.job');
      assert.deepEqual(rows, [{ state: 'created' }]);
    });
  }, createTestDatabase);
});

test('a backup of an older program is brought up to date with its rows, one of a newer is refused', async () => {
  await into(async (old) => {
    await migrate(old.pool, { log, upTo: 3 });
    await old.pool.query(`
      insert into ops.installation (epoch, system_identifier) values (4, 1);
      insert into stg.journal (epoch, received_at, source, verdict, document) values (4, '2024-05-06', 'receipt', 'rejected', 'x');
      create table stg.journal_2024_05 partition of stg.journal for values from ('2024-05-01') to ('2024-05-02')`);
    const to = path.join(folder, 'old');
    await makeBackup({ pool: old.pool, onProgress }, to);
    await into(async (target) => {
      await restoreInto(target, to);
      assert.deepEqual(await pendingMigrations(target.pool), []);
      const { rows } = await target.pool.query('select epoch, document from stg.journal');
      assert.deepEqual(rows, [{ epoch: 4, document: Buffer.from('x') }]);
      const part = await target.pool.query("select to_regclass('stg.journal_2024_05') is not null as made");
      assert.equal(part.rows[0].made, true);
    }, createTestDatabase);
    await old.pool.query("insert into ops.migration values (9999, '9999_to_come.sql', 'x')");
    const newer = path.join(folder, 'newer');
    await makeBackup({ pool: old.pool, onProgress }, newer);
    await into((target) => assert.rejects(restoreInto(target, newer), /9999_to_come\.sql.*upgrade this one/));
  });
});
