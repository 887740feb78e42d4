#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { Command } from 'commander';
import { CodedError } from './base/errors.ts';
import { auditCommand } from './commands/audit.ts';
import { backupCommand } from './commands/backup.ts';
import { biRoleCommand } from './commands/bi-role.ts';
import { demoCommand } from './commands/demo.ts';
import { doctorCommand } from './commands/doctor.ts';
import { importCommand } from './commands/import.ts';
import { migrateCommand } from './commands/migrate.ts';
import { moveCommand } from './commands/move.ts';
import { rebuildCommand } from './commands/rebuild.ts';
import { replayCommand } from './commands/replay.ts';
import { restoreCommand } from './commands/restore.ts';
import { sealCommand } from './commands/seal.ts';
import { startCommand } from './commands/start.ts';
import { tokenCommand } from './commands/token.ts';

// Batches outlive the young generation and then die: V8 would let three times what lives pile up before it looks.
setFlagsFromString('--heap-growing-percent=150');

const program = new Command('tillstream')
  .description('takes in every sale a business makes and turns them into live numbers that can be trusted')
  .showHelpAfterError()
  .addCommand(startCommand())
  .addCommand(demoCommand())
  .addCommand(importCommand())
  .addCommand(tokenCommand())
  .addCommand(replayCommand())
  .addCommand(rebuildCommand())
  .addCommand(auditCommand())
  .addCommand(sealCommand())
  .addCommand(backupCommand())
  .addCommand(restoreCommand())
  .addCommand(moveCommand())
  .addCommand(migrateCommand())
  .addCommand(biRoleCommand())
  .addCommand(doctorCommand());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CodedError)) throw error;
  console.error(`tillstream: ${error.message}`);
  process.exitCode = 1;
}
