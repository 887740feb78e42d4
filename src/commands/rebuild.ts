import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { createCustomersRebuild } from '../customers/rebuild-customers.ts';
import { sealedDay } from '../database/sealed-journal.ts';
import { rebuildVault } from '../vault/rebuild-vault.ts';
import * as martViews from '../warehouse/mart-views.ts';
import { rebuildMarts } from '../warehouse/rebuild.ts';
import { saySealed } from './say-sealed.ts';
import { type Opened, withWarehouse } from './with-warehouse.ts';

const progress = (step: string, done: number) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${done} ${step}`);
};

export async function rebuild({ warehouse, config, log, metrics, signal }: Opened): Promise<void> {
  const started = performance.now();
  const { defaultTimeZone } = config;
  const further = createCustomersRebuild({ ...warehouse, metrics, clock: systemClock, defaultTimeZone });
  await saySealed(warehouse.pool);
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

async function rebuildTheVault({ warehouse, config, log, metrics, signal }: Opened): Promise<void> {
  const started = performance.now();
  const { identity } = config;
  const options = { ...warehouse, identity, log, metrics, progress, signal, views: martViews };
  const { rows, sealed } = await rebuildVault(options);
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`vault rebuilt: ${rows} journal rows and reference changes followed, ${seconds} s`);
  if (sealed !== undefined)
    console.log(
      `the journal before ${sealedDay(sealed.before)} is sealed: ${sealed.versions} earlier versions of sales, which it has no more, were taken over from the old vault as they were`,
    );
}

export function rebuildCommand(): Command {
  const options = { applicationName: 'tillstream-rebuild', followers: false };
  return new Command('rebuild')
    .description('make registry and marts right from the journal, beside a running program')
    .action(() => withWarehouse(options, rebuild))
    .addCommand(
      new Command('vault')
        .description('fill the Data Vault anew from the journal, beside a running program')
        .action(() => withWarehouse(options, rebuildTheVault)),
    );
}
