import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import { sealedDay } from '../database/sealed-journal.ts';
import { shownBytes } from '../transfer/progress.ts';
import { planSeal, type SealPlan, sealJournal } from '../warehouse/seal.ts';
import { type Opened, withWarehouse } from './with-warehouse.ts';

type Options = { before: string; dryRun?: boolean };

const progress = (step: string, done: number) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${done} ${step}`);
};

/** The journal is kept and dropped by whole months of receipt. */
export function readMonth(text: string): Date {
  const found = /^(\d{4})-(\d{2})(-(\d{2}))?$/.exec(text);
  const day = new Date(`${text.length === 7 ? `${text}-01` : text}T00:00:00Z`);
  if (found === null || Number.isNaN(day.getTime()))
    throw new CodedError('seal_refused', `${text} is no date; give one like 2025-01-01`);
  return new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1));
}

async function seal({ warehouse, config, signal }: Opened, options: Options): Promise<void> {
  const before = readMonth(options.before);
  const { pool } = warehouse;
  const deps = { pool, sendsOrders: config.kafka !== undefined, nowMs: systemClock.nowMs() };
  const scope = { before, identity: config.identity };
  if (sealedDay(before) !== options.before)
    console.log(`whole months are sealed: what was received before ${sealedDay(before)} (UTC)`);
  if (options.dryRun === true) return printPlan(await planSeal(deps, scope));
  const started = performance.now();
  const sealed = await sealJournal({ ...deps, progress, signal }, scope);
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  if (sealed === undefined) {
    console.log(`the journal before ${sealedDay(before)} is sealed already; nothing was done`);
    return;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `sealed: ${sealed.sales} sales received before ${sealedDay(before)} stand as they counted then, ${seconds} s`,
  );
  console.log(
    `${sealed.rowsKept} journal rows kept in stg.sealed_sale, ${sealed.rowsDropped} gone; ${sealed.partitions.length} partitions dropped (${sealed.partitions.join(', ')}), ${shownBytes(Math.max(0, sealed.bytesFreed))} freed`,
  );
}

function printPlan(plan: SealPlan): void {
  const day = sealedDay(plan.before);
  console.log(
    `would seal ${plan.sales} sales received before ${day}: one row each of ${plan.rows} journal rows, in the place of ${plan.partitions.length} partitions of ${shownBytes(plan.bytes)} (${plan.partitions.join(', ')})`,
  );
  for (const refusal of plan.refusals) console.log(`not now: ${refusal}`);
  if (plan.refusals.length > 0) process.exitCode = 1;
}

export function sealCommand(): Command {
  return new Command('seal')
    .description('keep of older months one row a sale, as it counts, and let the rest of the journal go')
    .requiredOption('--before <date>', 'received before the month of this day, UTC')
    .option('--dry-run', 'only say what would be done, and what stands in the way')
    .addHelpText(
      'after',
      `
What is gone cannot be had again: superseded versions, rejected documents and other troubles of those months. Take a
backup first. Sealed sales are corrected, refunded, attributed anew and erased like all others.`,
    )
    .action((options: Options) =>
      withWarehouse({ applicationName: 'tillstream-seal', followers: false }, (opened) =>
        seal(opened, options),
      ),
    );
}
