import { Command } from 'commander';
import { createLog } from '../base/log.ts';
import { createMetrics } from '../base/metrics.ts';
import { readConfig } from '../config.ts';
import { openWarehouse } from '../open-warehouse.ts';
import { rebuildMarts } from '../warehouse/rebuild.ts';

async function rebuild(): Promise<void> {
  const config = readConfig();
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const metrics = createMetrics();
  const warehouse = await openWarehouse({
    config,
    log,
    metrics,
    applicationName: 'tillstream-rebuild',
    followers: false,
  });
  try {
    const started = performance.now();
    const progress = (step: string, done: number) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${done} ${step}`);
    };
    const result = await rebuildMarts({ ...warehouse, log, metrics, progress });
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `rebuilt: ${result.sales} sales read, ${result.recomputed} computed anew, marts generation ${result.generation}, ${seconds} s`,
    );
    if (result.unreadable > 0)
      console.log(
        `${result.unreadable} documents cannot be read under today's settings and stay as they were`,
      );
  } finally {
    await warehouse.close();
  }
}

export function rebuildCommand(): Command {
  return new Command('rebuild')
    .description('build the marts anew from the journal, beside a running program')
    .action(rebuild);
}
