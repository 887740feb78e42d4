import { existsSync, statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { createPool, type Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { createMetrics } from '../base/metrics.ts';
import { type Config, readConfig } from '../config.ts';
import { createReplicaFollower } from '../database/follow-replica.ts';
import { pendingMigrations } from '../database/migrate.ts';
import { openDatabase } from '../database/open-database.ts';
import type { RedisConfig } from '../reference/redis-client.ts';
import { countTail } from '../warehouse/fold.ts';
import { findFoldHolder } from '../warehouse/fold-holder.ts';
import { tailLimit } from '../warehouse/gate.ts';
import { findOtherChoices } from '../warehouse/installation.ts';
import { diagnoseChannels } from './doctor-channels.ts';
import type { Finding } from './doctor-kafka.ts';

const lowDiskBytes = 2 * 1024 ** 3;
const countedTail = 1_000_000;
const oldestMonth = 2;
const shortHoldSeconds = 5;
const shownAuditDays = 7;
const replicaLookMs = 1_500;

async function diagnose(config: Config): Promise<Finding[]> {
  const findings: Finding[] = [
    {
      level: 'ok',
      text: `configuration: read, ${config.databaseUrl === undefined ? `embedded PostgreSQL in ${config.dataDir}` : 'DATABASE_URL'}`,
    },
  ];
  if (config.databaseUrl === undefined && existsSync(config.dataDir)) {
    const disk = statfsSync(config.dataDir);
    const free = disk.bavail * disk.bsize;
    findings.push({
      level: free < lowDiskBytes ? 'warn' : 'ok',
      text: `disk: ${(free / 1024 ** 3).toFixed(1)} GB free at ${config.dataDir}`,
    });
  }
  const database = await openDatabase({
    databaseUrl: config.databaseUrl,
    dataDir: config.dataDir,
    log: createLog('error'),
  });
  const pool = createPool({
    connectionString: database.connectionString,
    applicationName: 'tillstream-doctor',
    maximumConnections: 2,
  });
  try {
    findings.push(...(await diagnoseDatabase(pool, config)));
    if (config.redis !== undefined) findings.push(await diagnoseRedis(config.redis, pool));
    if (config.databaseReadUrl !== undefined)
      findings.push(await diagnoseReplica(pool, config.databaseReadUrl));
    const isMigrated = (await pendingMigrations(pool)).length === 0;
    if (isMigrated) findings.push(...(await diagnoseChannels(pool, config)));
    if (config.kafka !== undefined && isMigrated) {
      const { diagnoseKafka } = await import('./doctor-kafka.ts');
      findings.push(...(await diagnoseKafka(config.kafka, pool)));
    }
  } finally {
    await pool.end();
    await database.close();
  }
  return findings;
}

async function diagnoseDatabase(pool: Database, config: Config): Promise<Finding[]> {
  const { rows } = await pool.query(
    "select current_setting('server_version') as version, current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit",
  );
  const [server] = rows;
  const findings: Finding[] = [{ level: 'ok', text: `PostgreSQL ${server.version} answers` }];
  if (Number.parseInt(server.version, 10) < 18)
    findings.push({ level: 'fail', text: 'PostgreSQL 18 or newer is needed' });
  if (server.fsync !== 'on' || server.commit === 'off')
    findings.push({
      level: 'fail',
      text: `fsync=${server.fsync}, synchronous_commit=${server.commit}: an accepted document may be lost`,
    });
  const pending = await pendingMigrations(pool);
  if (pending.length > 0)
    return [
      ...findings,
      { level: 'warn', text: `${pending.length} migrations are pending; they run at the next start` },
    ];
  findings.push({ level: 'ok', text: 'migrations: all applied' });
  for (const text of await findOtherChoices(pool, config)) findings.push({ level: 'fail', text });
  const tail = await countTail(pool, countedTail);
  findings.push({
    level: tail >= tailLimit ? 'warn' : 'ok',
    text: `journal rows not folded yet: ${tail} (loading waits at ${tailLimit})`,
  });
  const holder = await findFoldHolder(pool, shortHoldSeconds);
  if (holder !== undefined) {
    const who = holder.pid === undefined ? holder.applicationName : `database session ${holder.pid}`;
    findings.push({
      level: 'warn',
      text: `${who} (${holder.applicationName}, ${holder.state}) has held the fold back for ${Math.round(holder.seconds)} s; end it if it is not wanted`,
    });
  }
  const stray = await pool.query(
    `select count(*) as rows from stg.journal_default where received_at > now() - interval '${oldestMonth} months'`,
  );
  if (stray.rows[0].rows > 0)
    findings.push({
      level: 'warn',
      text: `${stray.rows[0].rows} journal rows fell outside the monthly partitions; is the clock right?`,
    });
  return [...findings, ...(await diagnoseAudits(pool))];
}

const readAudits = `
  select (select max(finished_at) from ops.audit) as last,
    coalesce(sum(jsonb_array_length(differences)), 0)::bigint as differences, max(audit_id) as newest,
    (array_agg(differences->0 order by audit_id desc))[1] as first
  from ops.audit where differences <> '[]' and finished_at > now() - interval '${shownAuditDays} days'`;

/** What the hourly audits found lately. */
async function diagnoseAudits(pool: Database): Promise<Finding[]> {
  const { rows } = await pool.query(readAudits);
  const { last, differences, newest, first } = rows[0];
  if (last === null) return [{ level: 'ok', text: 'hourly audit: none yet' }];
  const when = `hourly audit: last at ${last.toISOString()}`;
  if (differences === 0) return [{ level: 'ok', text: `${when}, no differences in ${shownAuditDays} days` }];
  const { table, key, figure, expected, found } = first;
  return [
    {
      level: 'warn',
      text: `${when}; ${differences} differences in ${shownAuditDays} days, the newest in audit ${newest}: ${table} ${key} ${figure}, expected ${expected}, found ${found}. GET /api/audits/ names all; \`tillstream audit\` looks at everything, \`tillstream rebuild\` makes it right`,
    },
  ];
}

/** Orders load without it, so it is no reason to fail. */
async function diagnoseRedis(redis: RedisConfig, pool: Database): Promise<Finding> {
  const { whatIsWrongWithRedis } = await import('../reference/redis-client.ts');
  const trouble = await whatIsWrongWithRedis(redis);
  if (trouble !== undefined) return { level: 'warn', text: trouble };
  const wanted = await pool
    .query('select count(*) as ids from ops.reference_wanted')
    .then(({ rows }) => rows[0].ids as number)
    .catch(() => 0);
  return {
    level: 'ok',
    text: `Redis answers; users and restaurants of orders that it does not have: ${wanted}`,
  };
}

/** Looked at twice, as the program does: how far the replica is behind shows only when it has moved on. */
async function diagnoseReplica(primary: Database, connectionString: string): Promise<Finding> {
  const replica = createPool({
    connectionString,
    applicationName: 'tillstream-doctor',
    maximumConnections: 1,
    connectTimeoutMs: 3_000,
  });
  const log = createLog('silent');
  const followed = await createReplicaFollower({ primary, replica, log, metrics: createMetrics() });
  await sleep(replicaLookMs);
  const state = followed.describe();
  await followed.stop();
  const isUsed = followed.choose().asOf !== undefined;
  return { level: isUsed ? 'ok' : 'warn', text: `replica of DATABASE_READ_URL: ${state}` };
}

async function doctor(): Promise<void> {
  let findings: Finding[];
  try {
    findings = await diagnose(readConfig());
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    findings = [{ level: 'fail', text: error.message }];
  }
  for (const finding of findings) console.log(`${finding.level.padEnd(4)}  ${finding.text}`);
  if (findings.some((finding) => finding.level === 'fail')) process.exitCode = 1;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('tell what is found, what is wrong and what to do about it')
    .action(doctor);
}
