import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import type { Client, Queryable } from '../base/db.ts';
import { auditCustomers } from '../customers/audit-customers.ts';
import { readPendingJobs } from '../jobs/pending-jobs.ts';
import { auditVault } from '../vault/audit-vault.ts';
import { type Audited, auditMarts } from '../warehouse/audit.ts';
import { saySealed } from './say-sealed.ts';
import { type Opened, withWarehouse } from './with-warehouse.ts';

const waitSeconds = 300;
const lookAgainMs = 500;

/** Prints every difference; exit code 1 if there is any. */
export async function audit({ warehouse, config, signal }: Opened): Promise<void> {
  await waitForReattribution(warehouse.pool, signal);
  await saySealed(warehouse.pool);
  const started = performance.now();
  const progress = (sales: number) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${sales} sales recomputed`);
  };
  const { pool, parse } = warehouse;
  const { defaultTimeZone } = config;
  const further = async (client: Client) => [
    ...(await auditCustomers(client, { clock: systemClock, defaultTimeZone })),
    ...(await auditVault(client, signal)),
  ];
  const audited = await auditMarts({ pool, parse, identity: config.identity, progress, signal, further });
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  printAudited(audited, (performance.now() - started) / 1000);
  if (audited.differences.length > 0) process.exitCode = 1;
}

function printAudited(audited: Audited, seconds: number): void {
  for (const one of audited.differences)
    console.log(`${one.table}  ${one.key}  ${one.figure}: expected ${one.expected}, found ${one.found}`);
  const unreadable =
    audited.unreadable > 0
      ? `, ${audited.unreadable} kept as recorded because they cannot be read under today's settings`
      : '';
  const count = `${audited.differences.length}${audited.complete ? '' : ' and more'}`;
  console.log(
    `audit: ${audited.sales} sales recomputed in ${seconds.toFixed(1)} s${unreadable}, ${count} differences`,
  );
}

/** A sale that waits to be attributed anew is no difference, but it is not yet where it belongs either. */
async function waitForReattribution(pool: Queryable, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + waitSeconds * 1000;
  const meanwhile = 'their sales are compared under the settings they were computed with';
  for (let waited = false; ; waited = true) {
    const { pending, hasWorker } = await readPendingJobs(pool, 'reattribute');
    if (pending === 0) return;
    if (!hasWorker) {
      console.log(
        `${pending} re-attributions are pending, and no program runs that would do them: start it; ${meanwhile}`,
      );
      return;
    }
    if (Date.now() >= deadline) {
      console.log(`${pending} re-attributions are still pending after ${waitSeconds} s; ${meanwhile}`);
      return;
    }
    if (!waited) console.log(`waiting for ${pending} re-attributions`);
    await sleep(lookAgainMs, undefined, { signal });
  }
}

export function auditCommand(): Command {
  return new Command('audit')
    .description('compare marts and vault with a recomputation of the journal; exit code 1 if they differ')
    .action(() => withWarehouse({ applicationName: 'tillstream-audit', followers: false }, audit));
}
