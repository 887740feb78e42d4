import assert from 'node:assert/strict';
import { chmodSync, chownSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { createPool } from '../../src/base/db.ts';
import { createLog } from '../../src/base/log.ts';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database/open-database.ts';
import { startProgram } from '../../src/start-program.ts';
import { makeCertificates, whyNoCertificates } from '../certificates.ts';
import { runCommand } from '../commands/run-command.ts';
import { newDataDir, open, query } from '../database/temporary-server.ts';
import { adminToken, receipt } from '../program.ts';

const skip = whyNoCertificates() ?? false;
const log = createLog('silent');
const certificates = skip === false ? makeCertificates() : undefined;
after(() => certificates?.remove());

/** The server's key has to belong to whoever runs the server. */
function giveTo(clusterDir: string, from: string, name: string): void {
  const target = path.join(clusterDir, name);
  const { uid, gid } = statSync(clusterDir);
  copyFileSync(from, target);
  chownSync(target, uid, gid);
  chmodSync(target, 0o600);
}

test('the program runs on a PostgreSQL that demands TLS, its jobs too', { skip }, async (context) => {
  const { caFile, strangerFile, certificateFile, keyFile } = certificates!;
  const dataDir = newDataDir(context);
  const server = await open(dataDir);
  const clusterDir = path.join(dataDir, 'postgres');
  giveTo(clusterDir, certificateFile, 'server.crt');
  giveTo(clusterDir, keyFile, 'server.key');
  const rules = path.join(clusterDir, 'pg_hba.conf');
  await query(server, 'create database sales');
  await query(server, "create role till login superuser password 'secret-of-the-till'");
  await query(server, 'alter system set ssl = on');
  const given = readFileSync(rules, 'utf8');
  writeFileSync(rules, `hostnossl all till all reject\nhostssl all till all scram-sha-256\n${given}`);
  await query(server, 'select pg_reload_conf()');

  const { port } = new URL(server.connectionString);
  const url = (more: string, password = 'secret-of-the-till', host = '127.0.0.1') =>
    `postgres://till:${password}@${host}:${port}/sales${more}`;
  const trusted = `?sslmode=verify-full&sslrootcert=${encodeURIComponent(caFile)}`;

  const refused = async (databaseUrl: string, reason: RegExp) => {
    const error = await openDatabase({ databaseUrl, dataDir: '/dev/null/none', log }).then(
      () => assert.fail(`${databaseUrl} was let in`),
      (thrown: Error & { code: string }) => thrown,
    );
    assert.equal(error.code, 'database_unavailable');
    assert.match(error.message, reason);
    assert.doesNotMatch(error.message, /secret-of|wrong-secret/);
    return error;
  };
  await refused(url(''), /pg_hba|no encryption|rejects/);
  await refused(
    url(`?sslmode=verify-full&sslrootcert=${encodeURIComponent(strangerFile)}`),
    /certificate.*sslrootcert/,
  );
  await refused(url('?sslmode=verify-full&sslrootcert=/nowhere/ca.pem'), /\/nowhere\/ca\.pem.*sslrootcert/);
  await refused(url(trusted, 'wrong-secret'), /password/);
  const doctor = await runCommand(['doctor'], { DATABASE_URL: url(trusted, 'wrong-secret') });
  assert.match(doctor.output, /fail .*password/);
  assert.doesNotMatch(doctor.output, /wrong-secret/);
  assert.equal(doctor.code, 1);

  const config = readConfig({
    DATABASE_URL: url(trusted),
    DATA_DIR: path.join(dataDir, 'program'),
    PORT: '0',
    ADMIN_TOKEN: adminToken,
    LOG_LEVEL: 'silent',
  });
  const program = await startProgram({ config, log });
  try {
    const headers = {
      authorization: `Bearer ${adminToken}`,
      'content-type': 'application/json',
      prefer: 'wait=5',
    };
    const sent = await fetch(`${program.address}/api/checks/`, {
      method: 'POST',
      headers,
      body: JSON.stringify(receipt()),
    });
    assert.equal(sent.status, 201);
    // A change of a place queues a job.
    const changed = await fetch(`${program.address}/api/places/unique_place_id1`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ time_zone: 'Europe/Moscow', since: 'beginning' }),
    });
    assert.equal(changed.status, 200, await changed.text());
    for (let left = 1_200; left > 0 && (await program.jobs.pending('reattribute')) > 0; left--)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await program.jobs.pending('reattribute'), 0);
    const pool = createPool({
      connectionString: url(trusted),
      applicationName: 'test',
      maximumConnections: 1,
    });
    const { rows } = await pool.query(`
      select bool_and(ssl) as all_ssl, count(distinct application_name) as programs
      from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'till'`);
    await pool.end();
    assert.equal(rows[0].all_ssl, true);
    assert.ok(rows[0].programs >= 3, 'the pool, the jobs and this question');
  } finally {
    await program.stop();
  }
});
