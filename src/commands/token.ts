import { Command } from 'commander';
import { createToken, listTokens, revokeToken, rotateToken, type Token } from '../auth/tokens.ts';
import type { Database } from '../base/db.ts';
import { withPool } from './with-pool.ts';

const open = (work: (pool: Database) => Promise<void>) => withPool('tillstream-token', work);

function describe(token: Token): string {
  const parts = [token.token_id, token.name, token.roles.join(','), token.place_id ?? 'all places'];
  if (token.expires_at !== null) parts.push(`expires ${token.expires_at}`);
  if (token.revoked_at !== null) parts.push(`revoked ${token.revoked_at}`);
  return parts.join('  ');
}

function showSecret(token: Token & { secret: string }, json: boolean): void {
  if (json) console.log(JSON.stringify(token));
  else console.log(`${describe(token)}\nThe secret, shown this once: ${token.secret}`);
}

async function allTokens(pool: Database): Promise<Token[]> {
  const tokens: Token[] = [];
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page = await listTokens(pool, { limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
    tokens.push(...page.results);
    cursor = page.next_cursor;
  }
  return tokens;
}

type CreateOptions = { name: string; role: string[]; place?: string; expires?: string; json?: boolean };

export function tokenCommand(): Command {
  const token = new Command('token').description('make, list, rotate and revoke tokens');
  token
    .command('create')
    .description('make a token; its secret is shown once')
    .requiredOption('--name <name>', 'what it is for')
    .requiredOption('--role <role...>', 'admin, collector, analyst, marketer, operator')
    .option('--place <id>', 'bind it to a place: it reads and writes no other')
    .option('--expires <time>', 'RFC 3339 time after which it stops working')
    .option('--json', 'print JSON')
    .action((options: CreateOptions) =>
      open(async (pool) => {
        const made = await createToken(pool, {
          name: options.name,
          roles: options.role,
          ...(options.place === undefined ? {} : { placeId: options.place }),
          ...(options.expires === undefined ? {} : { expiresAt: options.expires }),
        });
        showSecret(made, options.json === true);
      }),
    );
  token
    .command('list')
    .description('all tokens, without their secrets')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) =>
      open(async (pool) => {
        const tokens = await allTokens(pool);
        console.log(options.json === true ? JSON.stringify(tokens) : tokens.map(describe).join('\n'));
      }),
    );
  token
    .command('rotate')
    .description('a new secret under the same id; the old one stops working')
    .argument('<id>', 'as list shows it, not the secret')
    .option('--json', 'print JSON')
    .action((id: string, options: { json?: boolean }) =>
      open(async (pool) => showSecret(await rotateToken(pool, id), options.json === true)),
    );
  token
    .command('revoke')
    .description('end a token')
    .argument('<id>', 'as list shows it, not the secret')
    .option('--json', 'print JSON')
    .action((id: string, options: { json?: boolean }) =>
      open(async (pool) => {
        const revoked = await revokeToken(pool, id);
        console.log(options.json === true ? JSON.stringify(revoked) : describe(revoked));
      }),
    );
  return token;
}
