import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { openRedis, type RedisConfig, whatIsWrongWithRedis } from '../../src/reference/redis-client.ts';
import { makeCertificates, whyNoCertificates } from '../certificates.ts';
import { runCommand } from '../commands/run-command.ts';
import { freePort } from '../kafka.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { startTestRedis, type TestRedis, whyNoRedis } from '../redis.ts';

const given = process.env.REDIS_URL && 'TLS of Redis: the one of REDIS_URL is not ours';
const skip = given || (whyNoRedis() ?? whyNoCertificates() ?? false);
const password = 'secret-of-the-cache';
const certificates = skip === false ? makeCertificates() : undefined;

let server: TestRedis;
let port: number;
let database: TestDatabase;
before(async () => {
  if (certificates === undefined) return;
  port = await freePort();
  server = await startTestRedis([
    ...['--port', '0', '--tls-port', String(port), '--requirepass', password, '--tls-auth-clients', 'no'],
    ...['--tls-cert-file', certificates.certificateFile, '--tls-key-file', certificates.keyFile],
    ...['--tls-ca-cert-file', certificates.caFile],
  ]);
  database = await createTestDatabase();
});
after(async () => {
  await server?.stop();
  await database?.drop();
  certificates?.remove();
});

const configOf = (
  change: { scheme?: string; password?: string; caFile?: string | undefined } = {},
): RedisConfig => {
  const caFile = 'caFile' in change ? change.caFile : certificates!.caFile;
  return {
    url: `${change.scheme ?? 'rediss'}://:${change.password ?? password}@127.0.0.1:${port}`,
    ca: caFile === undefined ? undefined : readFileSync(caFile, 'utf8'),
  };
};

test('names are read from a Redis that demands TLS and a password', { skip }, async () => {
  const client = openRedis(configOf(), createLog('silent'));
  // The server may still be starting.
  for (let left = 1_200; left > 0 && !client.isUp(); left--)
    await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(client.isUp());
  assert.deepEqual(await client.read(['a', 'b'], 1_000), [null, null]);
  await client.close();
  assert.equal(await whatIsWrongWithRedis(configOf()), undefined);
});

test('what is wrong is told with what to do, and without the password', { skip }, async () => {
  const wrong: [RedisConfig, RegExp][] = [
    [configOf({ caFile: certificates!.strangerFile }), /certificate.*REDIS_CA_FILE/],
    [configOf({ caFile: undefined }), /certificate.*REDIS_CA_FILE/],
    [configOf({ password: 'wrong-secret' }), /password of REDIS_URL/],
    [configOf({ scheme: 'redis' }), /rediss:/],
  ];
  for (const [config, reason] of wrong) {
    const told = await whatIsWrongWithRedis(config);
    assert.match(told ?? 'nothing', reason);
    assert.doesNotMatch(told ?? '', /secret/);
    const lines: string[] = [];
    const log = Object.assign(createLog('silent'), {
      warn: (...parts: unknown[]) => lines.push(JSON.stringify(parts)),
    });
    const client = openRedis(config, log);
    for (let left = 1_200; left > 0 && lines.length === 0; left--)
      await new Promise((resolve) => setTimeout(resolve, 50));
    await assert.rejects(client.read(['a'], 100));
    assert.equal(client.isUp(), false);
    await client.close();
    assert.ok(lines.length > 0, `nothing was logged of: ${told}`);
    assert.doesNotMatch(lines.join(), /secret/);
  }
});

test('doctor asks Redis', { skip }, async () => {
  const env = { DATABASE_URL: database.connectionString, REDIS_CA_FILE: certificates!.caFile };
  const well = await runCommand(['doctor'], { ...env, REDIS_URL: configOf().url });
  assert.match(well.output, /ok +Redis answers/);
  const ill = await runCommand(['doctor'], { ...env, REDIS_URL: configOf({ password: 'wrong-secret' }).url });
  assert.match(ill.output, /warn +Redis refuses the user or the password/);
  assert.doesNotMatch(ill.output, /secret/);
});
