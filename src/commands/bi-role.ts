import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { createBiRole, dropBiRole, grantBiRole } from '../analytics/bi-role.ts';
import { withPool } from './with-pool.ts';

const open = (work: Parameters<typeof withPool>[1]) => withPool('tillstream-bi-role', work);
const personalOption = ['--personal', 'customers too: their ids, names, tags and what they bought'] as const;

/** The first line of what is piped in. */
async function readPassword(): Promise<string> {
  return (await text(process.stdin)).split(/\r?\n/)[0]!;
}

type CreateOptions = { personal?: boolean; passwordStdin?: boolean; json?: boolean };

export function biRoleCommand(): Command {
  const role = new Command('bi-role').description(
    'a database role for BI tools, which reads documented views',
  );
  role
    .command('create')
    .description('make it; its password is shown once')
    .argument('<name>', 'small letters, digits and _')
    .option(...personalOption)
    .option('--password-stdin', 'take the password from standard input, and show none')
    .option('--json', 'print JSON')
    .action(async (name: string, options: CreateOptions) => {
      const given = options.passwordStdin === true ? await readPassword() : undefined;
      await open(async (pool, connectionString) => {
        const { password, database } = await createBiRole(pool, {
          name,
          personal: options.personal === true,
          ...(given === undefined ? {} : { password: given }),
        });
        const { hostname: host, port } = new URL(connectionString);
        const made = { name, database, host, port: Number(port || 5432) };
        const shown = given === undefined ? { ...made, password } : made;
        if (options.json === true) console.log(JSON.stringify(shown));
        else {
          for (const [key, value] of Object.entries(shown)) console.log(`${key.padEnd(9)} ${value}`);
          console.log('the password is shown this once; docs/bi.md says what the role can read');
        }
      });
    });
  role
    .command('grant')
    .description('give it what create gives, after an upgrade that added views')
    .argument('<name>')
    .option(...personalOption)
    .action((name: string, options: { personal?: boolean }) =>
      open((pool) => grantBiRole(pool, name, options.personal === true)),
    );
  role
    .command('drop')
    .description('take everything from it and drop it')
    .argument('<name>')
    .action((name: string) => open((pool) => dropBiRole(pool, name)));
  return role;
}
