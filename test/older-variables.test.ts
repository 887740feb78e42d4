import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { readConfig } from '../src/config.ts';
import { runCommand } from './commands/run-command.ts';

const long = 'an-access-token-of-24-characters';

test('a database is found by the variables of older services, whatever its password holds', () => {
  const password = 'p@ss:w/rd?#[%20] Пароль';
  const { databaseUrl, unusedVariables } = readConfig({
    POSTGRES_HOST: 'db.example',
    POSTGRES_PORT: '6432',
    POSTGRES_USER: 'till@stream',
    POSTGRES_PASSWORD: password,
    POSTGRES_DB: 'sales 2024',
  });
  const read = new pg.Client({ connectionString: databaseUrl! });
  assert.deepEqual(
    [read.host, read.port, read.user, read.password, read.database],
    ['db.example', 6432, 'till@stream', password, 'sales 2024'],
  );
  assert.deepEqual(unusedVariables, []);
  const older = readConfig({ DB_HOST: '::1', DB_USER: 'u', DB_PASS: 'first', DB_NAME: 'd' });
  assert.equal(older.databaseUrl, 'postgres://u:first@[::1]:5432/d');
  assert.equal(readConfig({ POSTGRES_HOST: 'db' }).databaseUrl, 'postgres://postgres@db:5432/postgres');
});

test('without a host nothing changes: what is set is named, never shown', () => {
  const stray = { POSTGRES_USER: 'me', POSTGRES_PASSWORD: 'secret', DB_NAME: 'x', REDIS_PASSWORD: 'r' };
  const config = readConfig(stray);
  assert.deepEqual(config, { ...readConfig({}), unusedVariables: Object.keys(stray) });
});

test('the real name wins over the alias', () => {
  const config = readConfig({
    DATABASE_URL: 'postgres://a@real/b',
    POSTGRES_HOST: 'alias',
    DB_HOST: 'alias',
    ADMIN_TOKEN: `real-${long}`,
    ACCESS_TOKEN: long,
    REDIS_URL: 'redis://:own@real:6379/0',
    REDIS_CONNECT_URL: 'redis://alias:6379',
    REDIS_PASSWORD: 'alias',
  });
  assert.equal(config.databaseUrl, 'postgres://a@real/b');
  assert.equal(config.adminToken, `real-${long}`);
  assert.equal(config.redis?.url, 'redis://:own@real:6379/0');
  assert.deepEqual(config.unusedVariables, [
    'POSTGRES_HOST',
    'DB_HOST',
    'ACCESS_TOKEN',
    'REDIS_CONNECT_URL',
    'REDIS_PASSWORD',
  ]);
});

test('ACCESS_TOKEN is the admin token where it is long enough, and has no use where it is not', () => {
  assert.equal(readConfig({ ACCESS_TOKEN: long }).adminToken, long);
  const short = readConfig({ ACCESS_TOKEN: 'short' });
  assert.equal(short.adminToken, undefined);
  assert.deepEqual(short.unusedVariables, ['ACCESS_TOKEN']);
});

test('Redis is found by REDIS_CONNECT_URL, and gets REDIS_PASSWORD where its address has none', () => {
  const password = 'p@ss:w/rd%';
  for (const address of ['redis://cache:6379/1', 'cache:6379/1']) {
    const { redis, unusedVariables } = readConfig({
      REDIS_CONNECT_URL: address,
      REDIS_PASSWORD: password,
    });
    const url = new URL(redis!.url);
    assert.deepEqual(
      [url.host, url.pathname, decodeURIComponent(url.password)],
      ['cache:6379', '/1', password],
    );
    assert.deepEqual(unusedVariables, []);
  }
  const secured = readConfig({ REDIS_URL: 'rediss://user@cache:6380', REDIS_PASSWORD: 'x' });
  assert.equal(secured.redis?.url, 'rediss://user:x@cache:6380');
});

test('a model is asked where both a key and a name are set, under their older names too', () => {
  const older = readConfig({ OPENAI_API_KEY: 'sk-1', NAME_OF_API_MODEL: 'm' });
  assert.deepEqual(older.llm, {
    ...{ baseUrl: 'https://api.openai.com/v1', model: 'm', apiKey: 'sk-1', timeoutMs: 120_000 },
  });
  assert.deepEqual(older.unusedVariables, []);
  const own = readConfig({ LLM_BASE_URL: 'http://127.0.0.1:11434/v1/', NAME_OF_API_MODEL: 'm' });
  assert.deepEqual([own.llm?.baseUrl, own.llm?.apiKey], ['http://127.0.0.1:11434/v1', undefined]);
  for (const alone of ['OPENAI_API_KEY', 'NAME_OF_API_MODEL']) {
    const config = readConfig({ [alone]: 'x' });
    assert.deepEqual([config.llm, config.unusedVariables], [undefined, [alone]]);
  }
  const wrong = [
    { LLM_API_KEY: 'sk-secret' },
    { LLM_MODEL: 'm' },
    { LLM_MODEL: 'm', LLM_API_KEY: 'sk secret' },
    { LLM_MODEL: 'm', LLM_BASE_URL: 'ftp://x' },
    { REPORT_SCHEDULE: '24:00' },
    { REPORT_LANGUAGE: 'de' },
  ];
  for (const env of wrong)
    assert.throws(
      () => readConfig(env),
      (error: Error) => {
        assert.match(error.message, /LLM_(MODEL|API_KEY|BASE_URL)|REPORT_/);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      },
    );
  assert.equal(readConfig({ REPORT_SCHEDULE: '06:30' }).reportSchedule, '06:30');
});

test('a trouble with an alias names it', () => {
  const env = { POSTGRES_HOST: 'a host', POSTGRES_PORT: 'none', POSTGRES_PASSWORD: 'hidden' };
  assert.throws(
    () => readConfig(env),
    (error: Error) => {
      assert.match(error.message, /DATABASE_URL \(from POSTGRES_HOST, POSTGRES_PORT, POSTGRES_PASSWORD\)/);
      assert.doesNotMatch(error.message, /hidden/);
      return true;
    },
  );
});

test('start names the variables that have no use, without their values', async () => {
  const env = {
    OPENAI_API_KEY: 'sk-never-shown',
    POSTGRES_USER: 'me',
    DATA_DIR: '/dev/null/never-used',
    LOG_LEVEL: 'info',
  };
  const { output } = await runCommand(['start'], env);
  assert.match(output, /"variables":\["POSTGRES_USER","OPENAI_API_KEY"\]/);
  assert.doesNotMatch(output, /sk-never-shown/);
});
