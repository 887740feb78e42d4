import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createAuthenticator } from '../../src/auth/tokens.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

const main = path.resolve(import.meta.dirname, '../../src/main.ts');
let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** Runs `tillstream token …` as a user would; a failure answers with its code and its words. */
async function token(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = {
    PATH: process.env.PATH ?? '',
    DATABASE_URL: database.connectionString,
    DATA_DIR: '/nonexistent',
  };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, 'token', ...words], {
      env,
    });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const failed = error as { code: number; stdout: string; stderr: string };
    return { code: failed.code, out: failed.stdout, err: failed.stderr };
  }
}

test('create, list, rotate and revoke', async () => {
  const made = await token('create', '--name', 'till 1', '--role', 'collector', '--place', 'p1', '--json');
  assert.equal(made.code, 0, made.err);
  const { token_id: id, secret } = JSON.parse(made.out);
  const authenticate = createAuthenticator({ pool: database.pool });
  assert.deepEqual(await authenticate(secret), {
    tokenId: id,
    name: 'till 1',
    roles: ['collector'],
    placeId: 'p1',
  });
  const listed = await token('list');
  assert.match(listed.out, new RegExp(`${id}  till 1  collector  p1`));
  assert.ok(!listed.out.includes(secret));
  const rotated = await token('rotate', id);
  const fresh = /shown this once: (\S+)/.exec(rotated.out)![1]!;
  authenticate.forget();
  assert.equal(await authenticate(secret), undefined);
  assert.ok(await authenticate(fresh));
  assert.match((await token('revoke', id)).out, /revoked \d{4}-/);
  authenticate.forget();
  assert.equal(await authenticate(fresh), undefined);
});

test('a mistake is one line that says what to do', async () => {
  const cases: [string[], RegExp][] = [
    [['create', '--name', 'x', '--role', 'boss'], /^tillstream: there is no role boss; roles are admin, /],
    [['create', '--name', 'x', '--role', 'analyst', '--expires', 'soon'], /^tillstream: soon is not a time/],
    [['create', '--name', 'x', '--role', 'admin', '--place', 'p'], /^tillstream: admin cannot be bound/],
    [['revoke', 'tok_none'], /^tillstream: there is no token tok_none/],
  ];
  for (const [words, expected] of cases) {
    const failed = await token(...words);
    assert.equal(failed.code, 1, words.join(' '));
    assert.match(failed.err, expected);
    assert.equal(failed.err.trim().split('\n').length, 1, failed.err);
  }
});
