#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Command } from 'commander';
import { CodedError } from './base/errors.ts';

// Batches outlive the young generation and then die: V8 would let three times what lives pile up before it looks.
setFlagsFromString('--heap-growing-percent=150');

// Half a second of work at every start. Beside the code, since only who may change the code may change what is run in
// its place (the default is a folder that all users share); where that cannot be written to, nothing is kept.
enableCompileCache(path.join(import.meta.dirname, '../node_modules/.cache/tillstream'));

/** In the order of the help. Only the command that is asked for is loaded, which takes half a second less. */
const commands: Record<string, () => Promise<Command>> = {
  start: async () => (await import('./commands/start.ts')).startCommand(),
  demo: async () => (await import('./commands/demo.ts')).demoCommand(),
  import: async () => (await import('./commands/import.ts')).importCommand(),
  token: async () => (await import('./commands/token.ts')).tokenCommand(),
  replay: async () => (await import('./commands/replay.ts')).replayCommand(),
  rebuild: async () => (await import('./commands/rebuild.ts')).rebuildCommand(),
  audit: async () => (await import('./commands/audit.ts')).auditCommand(),
  seal: async () => (await import('./commands/seal.ts')).sealCommand(),
  backup: async () => (await import('./commands/backup.ts')).backupCommand(),
  restore: async () => (await import('./commands/restore.ts')).restoreCommand(),
  move: async () => (await import('./commands/move.ts')).moveCommand(),
  migrate: async () => (await import('./commands/migrate.ts')).migrateCommand(),
  'bi-role': async () => (await import('./commands/bi-role.ts')).biRoleCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
};

const program = new Command('tillstream')
  .description('takes in every sale a business makes and turns them into live numbers that can be trusted')
  .showHelpAfterError();
const [asked = ''] = process.argv.slice(2);
for (const name of Object.hasOwn(commands, asked) ? [asked] : Object.keys(commands))
  program.addCommand(await commands[name]!());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CodedError)) throw error;
  console.error(`tillstream: ${error.message}`);
  process.exitCode = 1;
}
