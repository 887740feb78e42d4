import { Command } from 'commander';
import { stopSignal } from '../base/lifecycle.ts';
import { createLog } from '../base/log.ts';
import { readConfig } from '../config.ts';
import { startProgram } from '../start-program.ts';

async function start(): Promise<void> {
  const config = readConfig();
  const log = createLog(config.logLevel);
  const program = await startProgram({ config, log });
  console.log(`Tillstream listens at ${program.address}, its API is described at ${program.address}/docs`);
  if (program.newAdminToken !== undefined) {
    console.log(
      `Admin token, shown this once and kept in ${config.dataDir}/admin-token: ${program.newAdminToken}`,
    );
  }
  const signal = await stopSignal();
  log.info({ signal }, 'stopping');
  await program.stop();
}

export function startCommand(): Command {
  return new Command('start')
    .description('run the whole program: intake, warehouse, analytics and jobs')
    .addHelpText('after', '\nConfigured by environment variables; see .env.example.')
    .action(start);
}
