import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { createCustomersRebuild } from '../customers/rebuild-customers.ts';
import { rebuildMarts } from '../warehouse/rebuild.ts';
import { type Opened, withWarehouse } from './with-warehouse.ts';

export async function rebuild({ warehouse, config, log, metrics, signal }: Opened): Promise<void> {
  const started = performance.now();
  const progress = (step: string, done: number) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${done} ${step}`);
  };
  const { defaultTimeZone } = config;
  const further = createCustomersRebuild({ ...warehouse, metrics, clock: systemClock, defaultTimeZone });
  const result = await rebuildMarts({ ...warehouse, log, metrics, progress, signal, further });
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `rebuilt: ${result.sales} sales read, ${result.recomputed} computed anew, marts generation ${result.generation}, ${seconds} s`,
  );
  if (result.repaired > 0)
    console.log(
      `${result.repaired} sales whose registry row or journal rows did not fit together were put right`,
    );
  if (result.unreadable > 0)
    console.log(`${result.unreadable} documents cannot be read under today's settings and stay as they were`);
}

export function rebuildCommand(): Command {
  return new Command('rebuild')
    .description('make registry and marts right from the journal, beside a running program')
    .action(() => withWarehouse({ applicationName: 'tillstream-rebuild', followers: false }, rebuild));
}
