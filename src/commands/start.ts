import { Command } from 'commander';
import { stopSignal, unlessAborted } from '../base/lifecycle.ts';
import { openLog } from '../base/log.ts';
import { readConfig } from '../config.ts';
import { programRoles, readRoles } from '../roles.ts';
import { startProgram } from '../start-program.ts';

async function start(options: { roles?: string }): Promise<void> {
  const config = readConfig();
  const roles = readRoles(options.roles);
  const files = config.logDir === undefined ? undefined : { folder: config.logDir };
  const log = await openLog(config.logLevel, files);
  if (config.unusedVariables.length > 0)
    log.warn({ variables: config.unusedVariables }, 'variables of older services that change nothing here');
  // Asked for before anything is started, so that Ctrl-C at any moment leaves nothing running.
  const stop = new AbortController();
  const stopped = stopSignal().then((signal) => {
    log.info({ signal }, 'stopping');
    stop.abort();
  });
  const program = await unlessAborted(stop.signal, startProgram({ config, log, roles, signal: stop.signal }));
  if (program === undefined) return;
  console.log(`Tillstream listens at ${program.address}, its API is described at ${program.address}/docs`);
  if (roles.includes('analytics')) {
    console.log(`The dashboard is at ${program.address}${config.basePath}/`);
    // Built now where it has to be, so that the first visitor does not wait.
    void program.app.inject('/');
  }
  if (program.newAdminToken !== undefined) {
    console.log(
      `Admin token, shown this once and kept in ${config.dataDir}/admin-token: ${program.newAdminToken}`,
    );
  }
  await stopped;
  await program.stop();
}

export function startCommand(): Command {
  return new Command('start')
    .description('run the whole program: intake, warehouse, analytics and jobs')
    .option('--roles <list>', `run only these: ${programRoles.join(',')}`)
    .addHelpText('after', '\nConfigured by environment variables; see .env.example.')
    .action(start);
}
