/**
 * The variables that older services of the same kind were set up with, under the names that are read today. A
 * real name that is set wins over its alias. Values are only ever passed on, never told.
 */

type Environment = Record<string, string | undefined>;

export type OlderVariables = {
  /** What was given, and beside it today's names where aliases stand for them. */
  env: Environment;
  /** Aliases that are set and change nothing: today's name is set too, a host is missing, nothing reads them. */
  unused: string[];
  /** How a name is told in a message: with the aliases that its value came from. */
  tell(name: string): string;
};

type Family = { host: string; port: string; user: string; passwords: string[]; databases: string[] };

const databases: readonly Family[] = [
  {
    host: 'POSTGRES_HOST',
    port: 'POSTGRES_PORT',
    user: 'POSTGRES_USER',
    passwords: ['POSTGRES_PASSWORD'],
    databases: ['POSTGRES_DB'],
  },
  {
    host: 'DB_HOST',
    port: 'DB_PORT',
    user: 'DB_USER',
    passwords: ['DB_PASSWORD', 'DB_PASS'],
    databases: ['DB_NAME', 'DB_DB'],
  },
];
const renamed: Record<string, string> = {
  ACCESS_TOKEN: 'ADMIN_TOKEN',
  OPENAI_API_KEY: 'LLM_API_KEY',
  NAME_OF_API_MODEL: 'LLM_MODEL',
  REDIS_CONNECT_URL: 'REDIS_URL',
};
/** The older services set no limit; a shorter one is no admin token, and would stop the start. */
const adminTokenCharacters = 24;
const superuser = 'postgres';

export function readOlderVariables(given: Environment): OlderVariables {
  const env = { ...given };
  const used = new Set<string>();
  const origins = new Map<string, string[]>();
  const set = (name: string, value: string, aliases: readonly string[]) => {
    env[name] = value;
    origins.set(name, [...aliases]);
    for (const alias of aliases) used.add(alias);
  };

  for (const [alias, name] of Object.entries(renamed)) {
    const value = given[alias];
    if (!value || given[name]) continue;
    if (name === 'ADMIN_TOKEN' && value.length < adminTokenCharacters) continue;
    if (name.startsWith('LLM_') && !namesModel(given)) continue;
    set(name, name === 'REDIS_URL' ? withScheme(value) : value, [alias]);
  }
  const family = databases.find(({ host }) => given[host]);
  if (family !== undefined && !given.DATABASE_URL)
    set('DATABASE_URL', databaseAddress(given, family), membersSet(given, family));
  const redisAddress = withPassword(env.REDIS_URL, given.REDIS_PASSWORD);
  if (redisAddress !== undefined)
    set('REDIS_URL', redisAddress, [...(origins.get('REDIS_URL') ?? []), 'REDIS_PASSWORD']);

  const aliases = [...databases.flatMap(members), ...Object.keys(renamed), 'REDIS_PASSWORD'];
  return {
    env,
    unused: aliases.filter((alias) => given[alias] && !used.has(alias)),
    tell: (name) => (origins.has(name) ? `${name} (from ${origins.get(name)!.join(', ')})` : name),
  };
}

function members({ host, port, user, passwords, databases: names }: Family): string[] {
  return [host, port, user, ...passwords, ...names];
}

/** Those that the address is made of: of two names for one thing only the first that is set. */
function membersSet(given: Environment, family: Family): string[] {
  const firsts = [family.passwords, family.databases].map((names) => names.find((name) => given[name]));
  return [family.host, family.port, family.user, ...firsts].filter(
    (name): name is string => name !== undefined && Boolean(given[name]),
  );
}

/**
 * A key alone may be there for another program, as may the name of a model; it takes both to send anybody
 * anything.
 */
function namesModel(given: Environment): boolean {
  const isKnown = Boolean(given.LLM_API_KEY || given.OPENAI_API_KEY || given.LLM_BASE_URL);
  return isKnown && Boolean(given.LLM_MODEL || given.NAME_OF_API_MODEL);
}

/** Left-out members are those of the official PostgreSQL image: user postgres, the database named after the user. */
function databaseAddress(given: Environment, family: Family): string {
  const first = (names: readonly string[]) => names.map((name) => given[name]).find(Boolean);
  const user = given[family.user] || superuser;
  const password = first(family.passwords);
  const login = encodeURIComponent(user) + (password ? `:${encodeURIComponent(password)}` : '');
  const database = encodeURIComponent(first(family.databases) ?? user);
  return `postgres://${login}@${hostOf(given[family.host]!)}:${given[family.port] || 5432}/${database}`;
}

/** A name or an address; IPv6 in brackets, the folder of a socket escaped. */
function hostOf(text: string): string {
  if (text.startsWith('/')) return encodeURIComponent(text);
  return text.includes(':') && !text.startsWith('[') ? `[${text}]` : text;
}

function withScheme(address: string): string {
  return address.includes('://') ? address : `redis://${address}`;
}

/** Undefined where there is nothing to add: no address, one with a password of its own, or one that is none. */
function withPassword(address: string | undefined, password: string | undefined): string | undefined {
  if (!address || !password || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.password !== '' || url.host === '') return undefined;
  url.password = encodeURIComponent(password);
  return url.href;
}
