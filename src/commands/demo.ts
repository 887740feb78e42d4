import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { createToken, revokeToken } from '../auth/tokens.ts';
import { systemClock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import { stopSignal, unlessAborted } from '../base/lifecycle.ts';
import { createLog } from '../base/log.ts';
import { type Config, readConfig } from '../config.ts';
import { runImport } from '../imports/run-import.ts';
import { changePlace } from '../reference/change-place.ts';
import { type Program, startProgram } from '../start-program.ts';
import { loadOrders, ordersFile, printOrders } from './demo-orders.ts';
import { printSummary } from './import.ts';
import { printYear } from './print-year.ts';
import { createProgressBar } from './progress-bar.ts';
import { startTrickle } from './trickle.ts';

const example = path.resolve(import.meta.dirname, '../../examples/pizza-place');
const placeId = 'pizza-place';
const timeZone = 'America/New_York';
const trickleSeed = 2015;
/** Of a token that a killed demo left behind. */
const tokenLifeMs = 86_400_000;

/** A folder of the demo's own is emptied; one that the user named is never touched beyond what `start` does. */
function demoConfig(): Config {
  const config = readConfig();
  const logLevel = config.logLevel === 'info' ? 'warn' : config.logLevel;
  // The demo's sales have no place among real ones.
  if (config.databaseUrl !== undefined)
    console.log('the demo uses a database of its own; DATABASE_URL is left alone');
  const own = { ...config, logLevel, databaseUrl: undefined };
  if (!config.dataDirIsDefault) return own;
  const dataDir = path.join(config.dataDir, 'demo');
  if (!isServerAlive(dataDir)) rmSync(dataDir, { recursive: true, force: true });
  return { ...own, dataDir };
}

/** A server that outlived a killed demo is taken over with what it holds; the import doubles nothing. */
function isServerAlive(dataDir: string): boolean {
  const pidFile = path.join(dataDir, 'postgres', 'postmaster.pid');
  if (!existsSync(pidFile)) return false;
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function startOnFreePort(config: Config, signal: AbortSignal): Promise<Program> {
  const log = createLog(config.logLevel);
  try {
    return await startProgram({ config, log, signal });
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'port_taken' || !config.portIsDefault) throw error;
    console.log(`port ${config.port} is taken; taking a free one`);
    return await startProgram({ config: { ...config, port: 0 }, log, signal });
  }
}

async function demo(): Promise<void> {
  const stop = new AbortController();
  const stopped = stopSignal().then(() => stop.abort());
  const config = demoConfig();
  console.log(`starting PostgreSQL and Tillstream in ${config.dataDir} …`);
  const program = await unlessAborted(stop.signal, startOnFreePort(config, stop.signal));
  if (program === undefined) return;
  try {
    if (!stop.signal.aborted) await namePlace(program, config);
    if (!stop.signal.aborted) await importYear(program, stop.signal);
    if (!stop.signal.aborted) {
      const access = await openAccess(program);
      await printYear(program.address, access.token, placeId);
      await loadOrders(program, config, stop.signal);
      await program.warehouse.settle();
      await printOrders(program, access.token, config);
      await program.app.inject('/');
      printCommands(program, access.token, config);
      const till = {
        ...{ token: access.token, placeId, timeZone, menuFolder: example, seed: trickleSeed },
        ...{ ordersFile: ordersFile(config), ordersZone: config.defaultTimeZone },
      };
      const trickle = startTrickle(program, till);
      await stopped;
      await trickle.stop();
      await access.close();
    }
  } finally {
    console.log('stopping …');
    await program.stop();
  }
}

/**
 * The admin token, or one of the demo's own where the folder was used before and its admin token is not known
 * here: it can do what the demo shows, and ends with it.
 */
async function openAccess(program: Program): Promise<{ token: string; close(): Promise<unknown> }> {
  if (program.adminToken !== undefined) return { token: program.adminToken, close: async () => {} };
  const { pool } = program.warehouse;
  const expiresAt = new Date(systemClock.nowMs() + tokenLifeMs).toISOString();
  const made = await createToken(pool, { name: 'demo', roles: ['collector', 'analyst'], expiresAt });
  console.log(
    'the admin token of this database is not known here; the demo works with a token of its own, which ends with it (set ADMIN_TOKEN to have an admin token of yours)',
  );
  return { token: made.secret, close: () => revokeToken(pool, made.token_id) };
}

/** Before the first sale, so that none has to be attributed again; on a folder in use it is there already. */
async function namePlace(program: Program, config: Config): Promise<void> {
  const { pool, reference } = program.warehouse;
  const { rowCount } = await pool.query("select from ops.reference_change where kind = 'place' and id = $1", [
    placeId,
  ]);
  if (rowCount !== 0) return;
  const { jobs } = program;
  const deps = { pool, reference, jobs, clock: systemClock, defaultTimeZone: config.defaultTimeZone };
  const change = { place_name: 'Pizza Place', time_zone: timeZone, currency: 'USD', since: 'beginning' };
  await changePlace(deps, placeId, change);
}

async function importYear(program: Program, signal: AbortSignal): Promise<void> {
  const bar = createProgressBar(process.stderr);
  const file = path.join(example, 'order_details.csv');
  const summary = await runImport(
    { ...program.warehouse, clock: systemClock, progress: bar.update, signal },
    { file, mapping: path.join(example, 'mapping.json') },
  );
  bar.end();
  printSummary(path.relative(process.cwd(), file), summary);
}

function printCommands(program: Program, token: string, { basePath }: Config): void {
  const receipt = readFileSync(path.resolve(example, '../receipt.json'), 'utf8').trim();
  const authorization = `-H 'Authorization: Bearer ${token}'`;
  console.log(`
API   ${program.address}/api/
Docs  ${program.address}/docs

Send a receipt:

curl -X POST ${program.address}/api/checks/ ${authorization} -H 'Content-Type: application/json' -d '${receipt}'

Read the analytics back:

curl '${program.address}/api/analytics/?place_id=unique_place_id1' ${authorization}

Dashboard, signed in: what follows the # stays in the browser.

    ${program.address}${basePath}/#token=${encodeURIComponent(token)}

Sales come in every few seconds. Ctrl-C stops everything.`);
}

export function demoCommand(): Command {
  return new Command('demo')
    .description("start on a database of its own, load a pizzeria's year and keep selling")
    .addHelpText('after', '\nHonours DATA_DIR, PORT and ADMIN_TOKEN.')
    .action(demo);
}
