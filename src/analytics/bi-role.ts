import { randomBytes } from 'node:crypto';
import { type Client, type Database, inTransaction, sqlState } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { scramVerifier } from '../database/scram-verifier.ts';

/** All that a BI tool may read; docs/bi.md describes each. */
const biViews = [
  'cdm.v_sales_hour',
  'cdm.v_sales_day',
  'cdm.v_sales_month',
  'cdm.v_category_day',
  'cdm.v_category_month',
  'cdm.v_product_day',
  'cdm.v_product_month',
  'cdm.v_unique_customers',
  'cdm.v_place',
  'cdm.v_product',
  'dds.v_sale',
  'dds.v_sale_line',
] as const;
/** Personal data, only where it is asked for. */
const personalViews = [
  'cdm.v_customer',
  'cdm.v_customer_category',
  'cdm.v_customer_product',
  'cdm.v_customer_tag',
  'dds.v_sale_customer',
] as const;

const madeHere = 'made by tillstream bi-role';
const connections = 20;
/** Given to the role in this database; a session may change them, what it may read it cannot. */
const settings: Record<string, string> = {
  default_transaction_read_only: 'on',
  statement_timeout: '60s',
  idle_in_transaction_session_timeout: '60s',
  search_path: 'cdm, dds',
  jit: 'off',
};

/** Roles are of the whole server, so the name is kept to what needs no quotes anywhere. Error `invalid_configuration`. */
function checkName(name: string): void {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(name) && !name.startsWith('pg_') && name !== 'public') return;
  throw new CodedError(
    'invalid_configuration',
    `${name} is no name for a role; take small letters, digits and _, such as metabase`,
  );
}

const shortestPassword = 12;

function checkPassword(password: string): void {
  if (password.length >= shortestPassword && /^[ -~]+$/.test(password)) return;
  throw new CodedError(
    'invalid_configuration',
    `the password has to be of ${shortestPassword} printable ASCII characters or more; give another, or none, and one is made`,
  );
}

export type BiRole = { name: string; password: string; database: string };

/**
 * Makes a role that logs in and reads the documented views, nothing else, and writes nothing; `personal` adds those
 * with personal data. Makes a password where none is given. Error `invalid_configuration` where the role is there
 * already, or the user of the database may not make roles.
 */
export async function createBiRole(
  pool: Database,
  {
    name,
    personal,
    password = randomBytes(24).toString('base64url'),
  }: { name: string; personal: boolean; password?: string },
): Promise<BiRole> {
  checkName(name);
  checkPassword(password);
  return await withAdvice(() =>
    inTransaction(pool, async (client) => {
      if ((await commentOf(client, name)) !== undefined)
        throw new CodedError(
          'invalid_configuration',
          `there is a role ${name} already; drop it first (tillstream bi-role drop ${name}), or take another name`,
        );
      const { rows } = await client.query<{ database: string; quoted: string }>(
        'select current_database() as database, quote_ident(current_database()) as quoted',
      );
      const { database, quoted } = rows[0]!;
      await client.query(
        `create role ${name} login connection limit ${connections} password '${scramVerifier(password)}'`,
      );
      await client.query(`comment on role ${name} is '${madeHere}'`);
      for (const [setting, value] of Object.entries(settings))
        await client.query(
          `alter role ${name} in database ${quoted} set ${setting} = ${setting === 'search_path' ? value : `'${value}'`}`,
        );
      await client.query(`grant connect on database ${quoted} to ${name}`);
      await grantViews(client, name, personal);
      return { name, password, database };
    }),
  );
}

async function grantViews(client: Client, name: string, personal: boolean): Promise<void> {
  const views = [...biViews, ...(personal ? personalViews : [])];
  await client.query(`
    grant usage on schema cdm, dds to ${name};
    grant select on ${views.join(', ')} to ${name};
    grant execute on function cdm.tail_rows(integer) to ${name}`);
}

/** Gives a role what `createBiRole` gives, after an upgrade that added views. Error `invalid_configuration` for any other role. */
export async function grantBiRole(pool: Database, name: string, personal: boolean): Promise<void> {
  checkName(name);
  await withAdvice(() =>
    inTransaction(pool, async (client) => {
      await refuseOthers(client, name);
      await revokeViews(client, name);
      await grantViews(client, name, personal);
    }),
  );
}

/** Takes everything from a role of `createBiRole` and drops it. Error `invalid_configuration` for any other role. */
export async function dropBiRole(pool: Database, name: string): Promise<void> {
  checkName(name);
  await withAdvice(() =>
    inTransaction(pool, async (client) => {
      await refuseOthers(client, name);
      await revokeViews(client, name);
      const { rows } = await client.query('select quote_ident(current_database()) as quoted');
      await client.query(`revoke connect on database ${rows[0].quoted} from ${name}; drop role ${name}`);
    }),
  );
}

async function revokeViews(client: Client, name: string): Promise<void> {
  await client.query(`
    revoke all on all tables in schema cdm, dds from ${name};
    revoke all on all functions in schema cdm from ${name};
    revoke all on schema cdm, dds from ${name}`);
}

/** What is said of a role; null where nothing is, undefined where there is no such role. */
async function commentOf(client: Client, name: string): Promise<string | null | undefined> {
  const { rows } = await client.query<{ comment: string | null }>({
    text: "select shobj_description(oid, 'pg_authid') as comment from pg_roles where rolname = $1",
    values: [name],
  });
  return rows[0]?.comment;
}

async function refuseOthers(client: Client, name: string): Promise<void> {
  const comment = await commentOf(client, name);
  if (comment === madeHere) return;
  throw new CodedError(
    'invalid_configuration',
    comment === undefined
      ? `there is no role ${name}`
      : `the role ${name} was not made by tillstream bi-role create, so it is left alone`,
  );
}

async function withAdvice<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const state = sqlState(error);
    if (state === '42501')
      throw new CodedError(
        'invalid_configuration',
        'the user of DATABASE_URL may not make roles; let an administrator of the server run alter role … createrole for it, or run this with the DATABASE_URL of one who may',
        { cause: error },
      );
    if (state === '2BP01')
      throw new CodedError(
        'invalid_configuration',
        `the role has rights that were given to it elsewhere (${(error as Error & { detail?: string }).detail}); take them away and drop it again`,
        { cause: error },
      );
    throw error;
  }
}
