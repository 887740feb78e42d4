import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Database, inTransaction, sqlState } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { idRule, isId, randomId, randomSecret, sha256 } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { roles as allRoles, isRole, type Principal, type Role } from './roles.ts';

export type Token = {
  token_id: string;
  name: string;
  roles: Role[];
  place_id: string | null;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
};

export type NewToken = { name: string; roles: string[]; placeId?: string; expiresAt?: string };

const adminTokenId = 'admin';
const adminTokenCharacters = 24;
const columns = 'token_id, name, roles, place_id, created_at, expires_at, revoked_at';

function shown(row: Record<string, unknown>): Token {
  const time = (value: unknown) => (value === null ? null : (value as Date).toISOString());
  return {
    ...(row as Token),
    created_at: time(row.created_at)!,
    expires_at: time(row.expires_at),
    revoked_at: time(row.revoked_at),
  };
}

function invalid(pointer: string, code: string, message: string): CodedError {
  return new CodedError('invalid_parameters', message, { errors: [{ pointer, code, message }] });
}

function checkRoles(token: NewToken): Role[] {
  const unknown = token.roles.filter((role) => !isRole(role));
  const names = allRoles.join(', ');
  if (unknown.length > 0)
    throw invalid(
      '/body/roles',
      'unknown_role',
      `there is no role ${unknown.join(', ')}; roles are ${names}`,
    );
  if (token.roles.length === 0)
    throw invalid('/body/roles', 'missing', `a token needs a role; roles are ${names}`);
  const chosen = [...new Set(token.roles)] as Role[];
  // It is what receipts that name no place are filed under.
  if (token.placeId !== undefined && !isId(token.placeId))
    throw invalid('/body/place_id', 'invalid_id', `the id of the place to bind to ${idRule}`);
  if (chosen.includes('admin') && token.placeId !== undefined)
    throw invalid('/body/place_id', 'admin_unbound', 'admin cannot be bound to a place');
  return chosen;
}

function checkExpiry(text: string | undefined): Date | null {
  if (text === undefined) return null;
  const time = new Date(text);
  if (/^\d{4}-\d\d-\d\dT.+(Z|[+-]\d\d:\d\d)$/i.test(text) && !Number.isNaN(time.getTime())) return time;
  throw invalid(
    '/body/expires_at',
    'invalid_time',
    `${text} is not a time with its zone, such as 2030-01-31T00:00:00Z`,
  );
}

/** Makes a token; the secret is in the answer and nowhere else, only its SHA-256 is stored. */
export async function createToken(pool: Database, token: NewToken): Promise<Token & { secret: string }> {
  const secret = `ts_${randomSecret()}`;
  const { rows } = await pool.query({
    text: `insert into ops.token (token_id, name, secret_hash, roles, place_id, expires_at)
      values ($1, $2, $3, $4, $5, $6) returning ${columns}`,
    values: [
      randomId('tok'),
      token.name,
      sha256(secret),
      checkRoles(token),
      token.placeId ?? null,
      checkExpiry(token.expiresAt),
    ],
  });
  return { ...shown(rows[0]), secret };
}

export type TokenPage = { results: Token[]; next_cursor: string | null };

// Tokens are never deleted, so the id of the last one shown stays a cursor.
const pageOfTokens = `
  select ${columns} from ops.token
  where $2::text is null
    or (created_at, token_id) > (select created_at, token_id from ops.token where token_id = $2)
  order by created_at, token_id limit $1`;

/** Oldest first, revoked ones included; `cursor` is the `next_cursor` of the page before. */
export async function listTokens(
  pool: Database,
  page: { limit: number; cursor?: string },
): Promise<TokenPage> {
  const { rows } = await pool.query({ text: pageOfTokens, values: [page.limit + 1, page.cursor ?? null] });
  const results = rows.slice(0, page.limit).map(shown);
  return { results, next_cursor: rows.length > page.limit ? results.at(-1)!.token_id : null };
}

/** A new secret under the same id; the old one stops working. */
export async function rotateToken(pool: Database, tokenId: string): Promise<Token & { secret: string }> {
  const secret = `ts_${randomSecret()}`;
  const { rows } = await pool.query({
    text: `update ops.token set secret_hash = $2 where token_id = $1 and revoked_at is null returning ${columns}`,
    values: [tokenId, sha256(secret)],
  });
  if (rows[0] === undefined)
    throw new CodedError('not_found', `there is no token ${tokenId}, or it is revoked`);
  return { ...shown(rows[0]), secret };
}

export async function revokeToken(pool: Database, tokenId: string): Promise<Token> {
  const { rows } = await pool.query({
    text: `update ops.token set revoked_at = coalesce(revoked_at, now()) where token_id = $1 returning ${columns}`,
    values: [tokenId],
  });
  if (rows[0] === undefined) throw new CodedError('not_found', `there is no token ${tokenId}`);
  return shown(rows[0]);
}

function readAdminFile(file: string): string | undefined {
  let secret: string;
  try {
    secret = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CodedError('data_dir_unusable', `${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (secret.length >= adminTokenCharacters) return secret;
  const detail = `${file} holds under ${adminTokenCharacters} characters; remove it to have a new token made`;
  throw new CodedError('data_dir_unusable', detail);
}

/**
 * The first admin token: ADMIN_TOKEN where it is set, else one made on first start and kept in
 * `DATA_DIR/admin-token` (mode 600). `created` is set only when it was made just now. One that was rotated or
 * revoked since stays so: the file is read for a database that has no admin token yet, and never brings an
 * old secret back. `secret` is undefined where the database has an admin token that is not known here.
 */
export async function ensureAdminToken(deps: {
  pool: Database;
  config: { adminToken: string | undefined; dataDir: string };
  log: Log;
}): Promise<{ secret: string | undefined; created: string | undefined }> {
  const { pool, config, log } = deps;
  if (config.adminToken !== undefined) {
    await setAdminToken(pool, config.adminToken);
    return { secret: config.adminToken, created: undefined };
  }
  const file = path.join(config.dataDir, 'admin-token');
  const kept = readAdminFile(file);
  const secret = kept ?? `ts_${randomSecret()}`;
  return await inTransaction(pool, async (client) => {
    // Of two first starts at once the later waits here, and then finds the token of the other.
    const inserted = await client.query({
      text: `insert into ops.token (token_id, name, secret_hash, roles) values ($1, 'first admin', $2, '{admin}')
        on conflict (token_id) do nothing`,
      values: [adminTokenId, sha256(secret)],
    });
    if (inserted.rowCount === 1) {
      if (kept !== undefined) return { secret, created: undefined };
      mkdirSync(config.dataDir, { recursive: true });
      // Written before COMMIT: a crash in between leaves a file that the next start puts to use.
      writeFileSync(file, `${secret}\n`, { mode: 0o600 });
      return { secret, created: secret };
    }
    if (kept === undefined) return { secret: undefined, created: undefined };
    const { rows } = await client.query({
      text: 'select 1 from ops.token where token_id = $1 and secret_hash = $2 and revoked_at is null',
      values: [adminTokenId, sha256(kept)],
    });
    if (rows.length > 0) return { secret: kept, created: undefined };
    log.warn(`${file} no longer holds the admin token, which was rotated or revoked; remove the file`);
    return { secret: undefined, created: undefined };
  });
}

async function setAdminToken(pool: Database, secret: string): Promise<void> {
  const set = () =>
    pool.query({
      text: `insert into ops.token (token_id, name, secret_hash, roles) values ($1, 'first admin', $2, '{admin}')
        on conflict (token_id) do update set secret_hash = excluded.secret_hash, revoked_at = null
          where ops.token.secret_hash <> excluded.secret_hash`,
      values: [adminTokenId, sha256(secret)],
    });
  try {
    // The unique secret of another process that sets the same at this moment is no conflict of ids; once that one
    // has committed, it is.
    await set().catch((error) => (sqlState(error) === '23505' ? set() : Promise.reject(error)));
  } catch (error) {
    if (sqlState(error) !== '23505') throw error;
    const detail = 'ADMIN_TOKEN is the secret of another token already; give a new one';
    throw new CodedError('invalid_configuration', detail, { cause: error });
  }
}

type Known = { principal: Principal | undefined; expiresAtMs: number; checkedAtMs: number };
const recheckMs = 1_000;
const rememberedTokens = 10_000;
const rememberedGuesses = 1_000;

const findToken = `
  select token_id, name, roles, place_id, expires_at from ops.token where secret_hash = $1 and revoked_at is null`;

/**
 * Answers who a secret belongs to, without a query per request: what was found is believed for a second, so a
 * token that was revoked, by whatever process, stops working within it.
 */
export function createAuthenticator(deps: { pool: Database; clock?: Clock }) {
  const clock = deps.clock ?? systemClock;
  // Unknown secrets have a memory of their own: guesses must not push out the real ones.
  const known = new Map<string, Known>();
  const unknown = new Map<string, Known>();
  /** Requests that come while a secret is being looked up wait for that one answer. */
  const looking = new Map<string, Promise<Known>>();

  async function look(hash: Buffer): Promise<Known> {
    const checkedAtMs = clock.nowMs();
    const { rows } = await deps.pool.query({ name: 'find-token', text: findToken, values: [hash] });
    const row = rows[0];
    if (row === undefined) return { principal: undefined, expiresAtMs: 0, checkedAtMs };
    const principal: Principal = {
      tokenId: row.token_id,
      name: row.name,
      roles: row.roles,
      ...(row.place_id === null ? {} : { placeId: row.place_id }),
    };
    const expiresAtMs = row.expires_at === null ? Number.POSITIVE_INFINITY : row.expires_at.getTime();
    return { principal, expiresAtMs, checkedAtMs };
  }

  function lookOnce(key: string, hash: Buffer): Promise<Known> {
    const running = looking.get(key);
    if (running !== undefined) return running;
    const started = look(hash)
      .then((entry) => {
        // After forget() another look-up is the one that counts.
        if (looking.get(key) === started) remember(key, entry);
        return entry;
      })
      .finally(() => {
        if (looking.get(key) === started) looking.delete(key);
      });
    looking.set(key, started);
    return started;
  }

  function remember(key: string, entry: Known): void {
    known.delete(key);
    unknown.delete(key);
    const [memory, bound] =
      entry.principal === undefined ? [unknown, rememberedGuesses] : [known, rememberedTokens];
    if (memory.size >= bound) memory.delete(memory.keys().next().value!);
    memory.set(key, entry);
  }

  const heldNow = ({ principal, expiresAtMs }: Known) =>
    expiresAtMs > clock.nowMs() ? principal : undefined;

  function authenticate(secret: string): Principal | undefined | Promise<Principal | undefined> {
    if (secret.length > 512) return undefined;
    // Found by its SHA-256: how long the search takes says nothing about the secret itself.
    const hash = sha256(secret);
    const key = hash.toString('latin1');
    const entry = known.get(key) ?? unknown.get(key);
    if (entry === undefined || clock.nowMs() - entry.checkedAtMs >= recheckMs)
      return lookOnce(key, hash).then(heldNow);
    return heldNow(entry);
  }

  function forget(): void {
    known.clear();
    unknown.clear();
    looking.clear();
  }

  return Object.assign(authenticate, { forget });
}

export type Authenticator = ReturnType<typeof createAuthenticator>;
