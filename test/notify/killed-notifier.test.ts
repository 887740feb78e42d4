import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Running, startCommand } from '../commands/run-command.ts';
import { startTestProgram, type TestProgram } from '../program.ts';
import { alertEvent, tellEvents, until } from './events.ts';
import { isSigned, type Receiver, startReceiver } from './receiver.ts';

let tested: TestProgram;
let receiver: Receiver;
const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-notifier-'));
const running: Running[] = [];
before(async () => {
  // It takes no notifications itself: that is what the processes are for.
  tested = await startTestProgram({ ALLOW_PRIVATE_TARGETS: 'true' }, { roles: ['analytics'] });
  receiver = await startReceiver();
});
after(async () => {
  for (const { child, ended } of running) {
    child.kill('SIGKILL');
    await ended;
  }
  await tested.stop();
  await receiver.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

function startNotifier(): Running {
  const started = startCommand(['start', '--roles', 'notifier'], {
    ...{ DATABASE_URL: tested.database.connectionString, DATA_DIR: dataDir, PORT: '0' },
    ...{ LOG_LEVEL: 'error', ALLOW_PRIVATE_TARGETS: 'true' },
  });
  running.push(started);
  return started;
}

test('killed while it sends, and started again: every event arrives, each under one id, which tells doubles', async () => {
  const { pool } = tested.database;
  const { body: channel } = await tested.call('PUT', '/api/channels/ops', {
    kind: 'webhook',
    url: receiver.url,
  });
  // Every third is taken in, and the answer never gets back.
  const answered = new Set<string>();
  receiver.behave((response, { id }, number) => {
    if (number % 3 === 0) return;
    answered.add(id);
    response.writeHead(200).end();
  });
  const events = Array.from({ length: 30 }, (_, id) => alertEvent({ id }));
  await tellEvents(pool, events.slice(0, 15));
  const first = startNotifier();
  await until('some are on their way', () => receiver.all.length >= 5 && receiver.all.length > answered.size);
  first.child.kill('SIGKILL');
  await first.ended;
  const { rows } = await pool.query(
    "select from ops.delivery where state = 'waiting' and lease_id is not null",
  );
  assert.ok(rows.length > 0, 'something was under way');
  // The lease of whoever is gone ends by itself; a minute is too long for a test.
  await pool.query(
    "update ops.delivery set leased_until = now() - interval '1 second' where lease_id is not null",
  );
  await tellEvents(pool, events.slice(15));
  receiver.behave((response) => response.writeHead(200).end());
  const second = startNotifier();
  await until('every event arrives', async () => {
    const left = await pool.query("select from ops.delivery where state <> 'delivered'");
    const all = await pool.query('select from ops.delivery');
    return all.rows.length === 30 && left.rows.length === 0;
  });
  const byEvent = Map.groupBy(receiver.all, ({ body }) => JSON.parse(body).event_id as string);
  assert.deepEqual([...byEvent.keys()].sort(), events.map((one) => one.event_id).sort());
  for (const list of byEvent.values()) {
    assert.equal(new Set(list.map(({ id }) => id)).size, 1);
    assert.equal(new Set(list.map(({ body }) => body)).size, 1);
    for (const one of list) assert.ok(isSigned(one, channel.secret));
  }
  assert.equal(new Set(receiver.all.map(({ id }) => id)).size, 30);
  const unseen = await pool.query('select from ops.delivery_attempt where outcome is null');
  assert.equal(unseen.rows.length, rows.length);
  second.child.kill('SIGTERM');
  assert.equal((await second.ended).code, 0);
});
