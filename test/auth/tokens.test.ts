import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import {
  createAuthenticator,
  createToken,
  ensureAdminToken,
  listTokens,
  revokeToken,
  rotateToken,
} from '../../src/auth/tokens.ts';
import type { Database } from '../../src/base/db.ts';
import { sha256 } from '../../src/base/ids.ts';
import { createLog } from '../../src/base/log.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

const log = createLog('silent');
let database: TestDatabase;
let pool: Database;
let dataDir: string;
before(async () => {
  database = await createTestDatabase();
  pool = database.pool;
});
beforeEach(async (context) => {
  await pool.query('delete from ops.token');
  dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-tokens-'));
  const folder = dataDir;
  (context as { after(work: () => void): void }).after(() =>
    rmSync(folder, { recursive: true, force: true }),
  );
});
after(() => database.drop());

const ensure = (adminToken?: string) => ensureAdminToken({ pool, config: { adminToken, dataDir }, log });
/** The database has an admin token, and nobody here knows its secret. */
const unknown = { secret: undefined, created: undefined };
const adminFile = () => path.join(dataDir, 'admin-token');

/** A pool that counts its queries and can hold them back, and a clock that only moves when told. */
function createCounting() {
  const settled: Promise<unknown> = Promise.resolve();
  const state = { queries: 0, nowMs: 1_000_000, found: settled, hold: settled };
  const counted = {
    query: async (query: unknown) => {
      state.queries++;
      const found = pool.query(query as string);
      state.found = found;
      const answer = await found;
      await state.hold;
      return answer;
    },
  } as unknown as Database;
  return { state, authenticate: createAuthenticator({ pool: counted, clock: { nowMs: () => state.nowMs } }) };
}

test('services that start at once with one ADMIN_TOKEN all start', async () => {
  for (let round = 0; round < 30; round++) {
    await pool.query('delete from ops.token');
    const secret = `shared-admin-token-of-round-${round}`;
    await Promise.all(Array.from({ length: 6 }, () => ensure(secret)));
  }
});

test('only the SHA-256 of a secret of 256 random bits is kept', async () => {
  const made = await createToken(pool, { name: 'till', roles: ['collector', 'collector'], placeId: 'here' });
  assert.match(made.secret, /^ts_[\w-]{43}$/);
  assert.deepEqual(made.roles, ['collector']);
  const { rows } = await pool.query('select t::text as text, secret_hash from ops.token t');
  assert.deepEqual(rows[0].secret_hash, sha256(made.secret));
  assert.ok(!rows[0].text.includes(made.secret));
});

test('what cannot be is refused: unknown roles, none, a bound admin, a time that is none', async () => {
  const cases: [Parameters<typeof createToken>[1], string][] = [
    [{ name: 'x', roles: ['boss'] }, '/body/roles'],
    [{ name: 'x', roles: [] }, '/body/roles'],
    [{ name: 'x', roles: ['analyst', 'admin'], placeId: 'here' }, '/body/place_id'],
    [{ name: 'x', roles: ['analyst'], placeId: '' }, '/body/place_id'],
    [{ name: 'x', roles: ['analyst'], placeId: '店'.repeat(171) }, '/body/place_id'],
    [{ name: 'x', roles: ['analyst'], expiresAt: 'tomorrow' }, '/body/expires_at'],
    [{ name: 'x', roles: ['analyst'], expiresAt: '2030-01-01' }, '/body/expires_at'],
    [{ name: 'x', roles: ['analyst'], expiresAt: '2030-13-01T00:00:00Z' }, '/body/expires_at'],
  ];
  for (const [token, pointer] of cases) {
    await assert.rejects(createToken(pool, token), (error: any) => {
      assert.equal(error.code, 'invalid_parameters');
      assert.equal(error.errors[0].pointer, pointer);
      return true;
    });
  }
  assert.equal((await listTokens(pool, { limit: 10 })).results.length, 0);
});

test('pages go through every token once', async () => {
  const made: string[] = [];
  for (let index = 0; index < 5; index++)
    made.push((await createToken(pool, { name: `t${index}`, roles: ['analyst'] })).token_id);
  // Made in one instant: the order must still be total.
  await pool.query('update ops.token set created_at = $1', [new Date()]);
  const seen: string[] = [];
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page = await listTokens(pool, { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
    assert.ok(page.results.length <= 2);
    seen.push(...page.results.map((one) => one.token_id));
    cursor = page.next_cursor;
  }
  assert.deepEqual(seen.toSorted(), made.toSorted());
});

test('a known token costs one query a second, however many ask at once', async () => {
  const { secret, token_id } = await createToken(pool, { name: 'x', roles: ['analyst'] });
  const { state, authenticate } = createCounting();
  const asked = await Promise.all(Array.from({ length: 50 }, () => authenticate(secret)));
  assert.ok(asked.every((one) => one?.tokenId === token_id));
  assert.equal(state.queries, 1);
  state.nowMs += 999;
  await authenticate(secret);
  assert.equal(state.queries, 1);
  state.nowMs += 1;
  await authenticate(secret);
  assert.equal(state.queries, 2);
  await Promise.all(Array.from({ length: 50 }, () => authenticate('a wrong secret')));
  assert.equal(state.queries, 3);
});

test('revoked elsewhere: refused a second later; revoked here: refused at once', async () => {
  const elsewhere = await createToken(pool, { name: 'x', roles: ['analyst'] });
  const { state, authenticate } = createCounting();
  assert.ok(await authenticate(elsewhere.secret));
  await revokeToken(pool, elsewhere.token_id);
  state.nowMs += 1_000;
  assert.equal(await authenticate(elsewhere.secret), undefined);
  const here = await createToken(pool, { name: 'y', roles: ['analyst'] });
  assert.ok(await authenticate(here.secret));
  await revokeToken(pool, here.token_id);
  authenticate.forget();
  assert.equal(await authenticate(here.secret), undefined);
});

test('a look-up that was under way when the token was revoked is not remembered', async () => {
  const { secret, token_id } = await createToken(pool, { name: 'x', roles: ['analyst'] });
  let release = () => {};
  const { state, authenticate } = createCounting();
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  state.hold = held;
  const early = authenticate(secret);
  // The early look-up found the token; only its answer has not come yet.
  await state.found;
  await revokeToken(pool, token_id);
  authenticate.forget();
  state.hold = Promise.resolve();
  assert.equal(await authenticate(secret), undefined);
  release();
  await early;
  assert.equal(await authenticate(secret), undefined);
});

test('an expired token is refused at its instant, without asking the database', async () => {
  const { state, authenticate } = createCounting();
  const expiresAt = new Date(state.nowMs + 500).toISOString();
  const { secret } = await createToken(pool, { name: 'x', roles: ['analyst'], expiresAt });
  state.nowMs += 499;
  assert.ok(await authenticate(secret));
  state.nowMs += 1;
  assert.equal(await authenticate(secret), undefined);
  assert.equal(state.queries, 1);
});

test('a secret that failed is accepted once it is made', async () => {
  const { state, authenticate } = createCounting();
  const secret = 'an-admin-token-of-a-test-1';
  assert.equal(await authenticate(secret), undefined);
  await ensure(secret);
  state.nowMs += 1_000;
  assert.deepEqual((await authenticate(secret))?.roles, ['admin']);
});

test('the first start makes an admin token, shows it once and keeps it to itself', async () => {
  const first = await ensure();
  assert.equal(first.created, first.secret);
  assert.equal(readFileSync(adminFile(), 'utf8'), `${first.secret}\n`);
  assert.equal(statSync(adminFile()).mode & 0o777, 0o600);
  const second = await ensure();
  assert.deepEqual(second, { secret: first.secret, created: undefined });
  const authenticate = createAuthenticator({ pool });
  assert.equal((await authenticate(first.secret!))?.tokenId, 'admin');
});

test('a new start never brings back an admin token that was rotated or revoked', async () => {
  const first = await ensure();
  const rotated = await rotateToken(pool, 'admin');
  assert.deepEqual(await ensure(), unknown);
  const authenticate = createAuthenticator({ pool });
  assert.equal(await authenticate(first.secret!), undefined);
  assert.ok(await authenticate(rotated.secret));
  await revokeToken(pool, 'admin');
  assert.deepEqual(await ensure(), unknown);
  authenticate.forget();
  assert.equal(await authenticate(rotated.secret), undefined);
});

test('a second program on the same database leaves its admin token alone', async () => {
  const first = await ensure();
  rmSync(adminFile());
  const [left, right] = await Promise.all([ensure(), ensure()]);
  assert.deepEqual([left, right], [unknown, unknown]);
  assert.equal(existsSync(adminFile()), false);
  assert.ok(await createAuthenticator({ pool })(first.secret!));
});

test('two first starts at once agree on one admin token', async () => {
  const started = await Promise.all([ensure(), ensure()]);
  const created = started.flatMap((one) => one.created ?? []);
  assert.equal(created.length, 1);
  assert.equal(readFileSync(adminFile(), 'utf8').trim(), created[0]);
  assert.ok(await createAuthenticator({ pool })(created[0]!));
});

test('ADMIN_TOKEN sets it, again and again, and a new value replaces the old', async () => {
  const [one, two] = ['admin-token-number-one-of-two', 'admin-token-number-two-of-two'];
  await ensure(one);
  assert.deepEqual(await ensure(one), { secret: one, created: undefined });
  await ensure(two);
  const authenticate = createAuthenticator({ pool });
  assert.equal(await authenticate(one), undefined);
  assert.ok(await authenticate(two));
  assert.equal(existsSync(adminFile()), false);
  const other = await createToken(pool, { name: 'x', roles: ['analyst'] });
  await assert.rejects(ensure(other.secret), /ADMIN_TOKEN is the secret of another token/);
});

test('a kept admin token that is too short stops the start', async () => {
  writeFileSync(adminFile(), 'short\n');
  await assert.rejects(ensure(), /holds under 24 characters; remove it/);
});
