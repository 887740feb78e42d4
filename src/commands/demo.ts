import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import { stopSignal } from '../base/lifecycle.ts';
import { createLog } from '../base/log.ts';
import { type Config, readConfig } from '../config.ts';
import { runImport } from '../imports/run-import.ts';
import { changePlace } from '../reference/change-place.ts';
import { type Program, startProgram } from '../start-program.ts';
import { printSummary } from './import.ts';
import { printYear } from './print-year.ts';
import { createProgressBar } from './progress-bar.ts';
import { startTrickle } from './trickle.ts';

const example = path.resolve(import.meta.dirname, '../../examples/pizza-place');
const placeId = 'pizza-place';
const timeZone = 'America/New_York';

/** A folder of the demo's own is emptied; one that the user named is never touched beyond what `start` does. */
function demoConfig(): Config {
  const config = readConfig();
  if (!config.dataDirIsDefault) return { ...config, logLevel: quiet(config) };
  const dataDir = path.join(config.dataDir, 'demo');
  if (existsSync(path.join(dataDir, 'postgres')) && config.databaseUrl === undefined) forgetEarlier(dataDir);
  return { ...config, dataDir, logLevel: quiet(config) };
}

function quiet(config: Config): Config['logLevel'] {
  return config.logLevel === 'info' ? 'warn' : config.logLevel;
}

function forgetEarlier(dataDir: string): void {
  if (existsSync(path.join(dataDir, 'postgres', 'postmaster.pid'))) {
    // It may be running, or have been killed; opening it adopts or recovers it, and the import doubles nothing.
    return;
  }
  rmSync(dataDir, { recursive: true, force: true });
}

async function startOnFreePort(config: Config): Promise<Program> {
  const log = createLog(config.logLevel);
  try {
    return await startProgram({ config, log });
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'port_taken' || !config.portIsDefault) throw error;
    console.log(`port ${config.port} is taken; taking a free one`);
    return await startProgram({ config: { ...config, port: 0 }, log });
  }
}

async function demo(): Promise<void> {
  const config = demoConfig();
  const stopped = stopSignal();
  console.log(`starting PostgreSQL and Tillstream in ${config.dataDir} …`);
  const program = await startOnFreePort(config);
  try {
    const { warehouse } = program;
    await changePlace(
      {
        pool: warehouse.pool,
        reference: warehouse.reference,
        jobs: program.jobs,
        clock: systemClock,
        defaultTimeZone: config.defaultTimeZone,
      },
      placeId,
      { place_name: 'Pizza Place', time_zone: timeZone, currency: 'USD', since: 'beginning' },
    );
    const bar = createProgressBar(process.stderr);
    const file = path.join(example, 'order_details.csv');
    const summary = await runImport(
      { ...warehouse, clock: systemClock, progress: bar.update },
      { file, mapping: path.join(example, 'mapping.json') },
    );
    bar.end();
    printSummary(path.relative(process.cwd(), file), summary);
    await printYear(program.address, program.adminToken, placeId);
    printCommands(program);
    const trickle = startTrickle(program, { placeId, timeZone, menuFolder: example });
    await stopped;
    await trickle.stop();
  } finally {
    console.log('stopping …');
    await program.stop();
  }
}

function printCommands(program: Program): void {
  const receipt = readFileSync(path.resolve(example, '../receipt.json'), 'utf8').trim();
  const authorization = `-H 'Authorization: Bearer ${program.adminToken}'`;
  console.log(`
API   ${program.address}/api/
Docs  ${program.address}/docs

Send a receipt:

curl -X POST ${program.address}/api/checks/ ${authorization} -H 'Content-Type: application/json' -d '${receipt}'

Read the analytics back:

curl '${program.address}/api/analytics/?place_id=unique_place_id1' ${authorization}

A live receipt comes in every few seconds. Ctrl-C stops everything.`);
}

export function demoCommand(): Command {
  return new Command('demo')
    .description("start on a database of its own, load a pizzeria's year and keep selling")
    .addHelpText('after', '\nHonours DATA_DIR, PORT and ADMIN_TOKEN.')
    .action(demo);
}
