import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { randomId, randomSecret, sha256 } from '../base/ids.ts';
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

function checkNew(token: NewToken): Role[] {
  const unknown = token.roles.filter((role) => !isRole(role));
  if (unknown.length > 0 || token.roles.length === 0) {
    const message =
      unknown.length > 0
        ? `there is no role ${unknown.join(', ')}; roles are ${allRoles.join(', ')}`
        : 'a token needs a role';
    throw new CodedError('invalid_parameters', message, {
      errors: [{ pointer: '/body/roles', code: 'unknown_role', message }],
    });
  }
  const chosen = [...new Set(token.roles)] as Role[];
  if (chosen.includes('admin') && token.placeId !== undefined) {
    const message = 'admin cannot be bound to a place';
    throw new CodedError('invalid_parameters', message, {
      errors: [{ pointer: '/body/place_id', code: 'admin_unbound', message }],
    });
  }
  return chosen;
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
      checkNew(token),
      token.placeId ?? null,
      token.expiresAt ?? null,
    ],
  });
  return { ...shown(rows[0]), secret };
}

export async function listTokens(pool: Database): Promise<Token[]> {
  const { rows } = await pool.query(`select ${columns} from ops.token order by created_at, token_id`);
  return rows.map(shown);
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

/**
 * The first admin token: ADMIN_TOKEN where it is set, else one made on first start and kept in
 * `DATA_DIR/admin-token` (mode 600). `created` is set only when it was made just now.
 */
export async function ensureAdminToken(deps: {
  pool: Database;
  config: { adminToken: string | undefined; dataDir: string };
  log: Log;
}): Promise<{ secret: string; created: string | undefined }> {
  const file = path.join(deps.config.dataDir, 'admin-token');
  let secret = deps.config.adminToken;
  let created: string | undefined;
  if (secret === undefined && existsSync(file)) secret = readFileSync(file, 'utf8').trim();
  if (secret === undefined || secret === '') {
    secret = `ts_${randomSecret()}`;
    created = secret;
    mkdirSync(deps.config.dataDir, { recursive: true });
    writeFileSync(file, `${secret}\n`, { mode: 0o600 });
  }
  await deps.pool.query({
    text: `insert into ops.token (token_id, name, secret_hash, roles) values ($1, 'first admin', $2, '{admin}')
      on conflict (token_id) do update set secret_hash = excluded.secret_hash, revoked_at = null
        where ops.token.secret_hash <> excluded.secret_hash`,
    values: [adminTokenId, sha256(secret)],
  });
  return { secret, created };
}

type Known = { principal: Principal | undefined; expiresAtMs: number; checkedAtMs: number };
const recheckMs = 1_000;
const rememberedTokens = 10_000;

const findToken = `
  select token_id, name, roles, place_id, expires_at from ops.token where secret_hash = $1 and revoked_at is null`;

/** Answers who a secret belongs to; a revoked token stops working within a second, without a query per request. */
export function createAuthenticator(deps: { pool: Database }) {
  const known = new Map<string, Known>();

  async function look(hash: Buffer): Promise<Known> {
    const { rows } = await deps.pool.query({ name: 'find-token', text: findToken, values: [hash] });
    const row = rows[0];
    const checkedAtMs = Date.now();
    if (row === undefined) return { principal: undefined, expiresAtMs: 0, checkedAtMs };
    const principal: Principal = {
      tokenId: row.token_id,
      name: row.name,
      roles: row.roles,
      ...(row.place_id === null ? {} : { placeId: row.place_id }),
    };
    return {
      principal,
      expiresAtMs: row.expires_at === null ? Number.POSITIVE_INFINITY : row.expires_at.getTime(),
      checkedAtMs,
    };
  }

  async function authenticate(secret: string): Promise<Principal | undefined> {
    if (secret.length > 512) return undefined;
    const hash = sha256(secret);
    const key = hash.toString('latin1');
    let entry = known.get(key);
    if (entry === undefined || Date.now() - entry.checkedAtMs > recheckMs) {
      entry = await look(hash);
      if (known.size >= rememberedTokens) known.clear();
      // Unknown secrets are not remembered: guesses would push out the real ones.
      if (entry.principal !== undefined) known.set(key, entry);
      else known.delete(key);
    }
    return entry.expiresAtMs > Date.now() ? entry.principal : undefined;
  }

  return Object.assign(authenticate, { forget: () => known.clear() });
}

export type Authenticator = ReturnType<typeof createAuthenticator>;
