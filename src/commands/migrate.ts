import { Command } from 'commander';
import { withPool } from './with-pool.ts';

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('bring the database up to date and end: before programs that run with MIGRATE=off')
    .action(() => withPool('tillstream-migrate', async () => console.log('the database is up to date')));
}
