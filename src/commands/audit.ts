import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { createLog } from '../base/log.ts';
import { createMetrics } from '../base/metrics.ts';
import { readConfig } from '../config.ts';
import { createJobs } from '../jobs/jobs.ts';
import { openWarehouse } from '../open-warehouse.ts';
import { auditMarts } from '../warehouse/audit.ts';

const waitSeconds = 300;

/** Prints every difference; exit code 1 if there is any. */
async function audit(): Promise<void> {
  const config = readConfig();
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const warehouse = await openWarehouse({
    config,
    log,
    metrics: createMetrics(),
    applicationName: 'tillstream-audit',
    followers: false,
  });
  try {
    await waitForReattribution(warehouse.connectionString);
    const started = performance.now();
    const progress = (sales: number) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${sales} sales recomputed`);
    };
    const result = await auditMarts({
      pool: warehouse.pool,
      parse: warehouse.parse,
      identity: config.identity,
      progress,
    });
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    for (const one of result.differences)
      console.log(`${one.table}  ${one.key}  ${one.figure}: expected ${one.expected}, found ${one.found}`);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const unreadable =
      result.unreadable > 0
        ? `, ${result.unreadable} kept as recorded because they cannot be read under today's settings`
        : '';
    console.log(
      `audit: ${result.sales} sales recomputed in ${seconds} s${unreadable}, ${result.differences.length} differences`,
    );
    if (result.differences.length > 0) process.exitCode = 1;
  } finally {
    await warehouse.close();
  }
}

async function waitForReattribution(connectionString: string): Promise<void> {
  const jobs = await createJobs({ connectionString, log: createLog('warn') });
  try {
    for (let waited = 0; waited < waitSeconds; waited++) {
      const pending = await jobs.pending('reattribute');
      if (pending === 0) return;
      if (waited === 0) console.log(`waiting for ${pending} re-attributions`);
      await sleep(1000);
    }
    console.log('re-attributions are still pending; start the program to let them run');
  } finally {
    await jobs.stop();
  }
}

export function auditCommand(): Command {
  return new Command('audit')
    .description('compare the marts with a recomputation of the journal; exit code 1 if they differ')
    .action(audit);
}
