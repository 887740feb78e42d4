import { Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../base/clock.ts';
import { idRule, isId } from '../base/ids.ts';
import { stopSignal, unlessAborted } from '../base/lifecycle.ts';
import { createLog } from '../base/log.ts';
import { createMetrics } from '../base/metrics.ts';
import { readConfig } from '../config.ts';
import { findKind } from '../imports/find-kind.ts';
import { checkImport } from '../imports/open-import.ts';
import { type ImportSummary, runImport } from '../imports/run-import.ts';
import { openWarehouse } from '../open-warehouse.ts';
import type { Source } from '../sales/sale.ts';
import { importDaily, importReferenceFile, someRejected } from './import-other.ts';
import { createProgressBar } from './progress-bar.ts';
import { withWarehouse } from './with-warehouse.ts';

type Options = {
  mapping?: string;
  source?: Source;
  place?: string;
  batch: number;
  again?: boolean;
  replace?: boolean;
};
const sources: readonly Source[] = ['receipt', 'transaction', 'order'];
const shownReasons = 20;
const stoppedBySignal = 130;
const goesOn = 'stopped; the same command goes on where it was';
const defaultBatchDocuments = 1_000;
const maximumBatchDocuments = 2_000;

async function importFile(file: string, options: Options): Promise<void> {
  checkImport({ file, ...options });
  const isMapped = options.mapping !== undefined || options.source !== undefined;
  const kind = isMapped ? 'documents' : await findKind(file);
  if (kind === 'documents') return await importDocuments(file, options);
  await withWarehouse({ applicationName: 'tillstream-import', followers: true }, (opened) =>
    kind === 'daily' ? importDaily(file, options, opened) : importReferenceFile(file, opened),
  );
}

async function importDocuments(file: string, options: Options): Promise<void> {
  const config = readConfig();
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort());
  const opening = openWarehouse({
    config,
    log,
    metrics: createMetrics(),
    applicationName: 'tillstream-import',
    followers: true,
    signal: stop.signal,
  });
  const warehouse = await unlessAborted(stop.signal, opening);
  if (warehouse === undefined) {
    console.log(goesOn);
    process.exitCode = stoppedBySignal;
    return;
  }
  const bar = createProgressBar(process.stderr);
  try {
    const summary = await runImport(
      { ...warehouse, clock: systemClock, progress: bar.update, signal: stop.signal },
      { file, ...options },
    );
    bar.end();
    if (summary.end === 'finished') await warehouse.settle();
    printSummary(file, summary);
    if (summary.end === 'stopped') process.exitCode = stoppedBySignal;
    else if (summary.rejectedCount > 0) process.exitCode = someRejected;
  } finally {
    bar.end();
    await warehouse.close();
  }
}

export function printSummary(file: string, summary: ImportSummary): void {
  if (summary.end === 'already done') {
    console.log(
      `${file} was imported before (${summary.skipped} documents); --again sends it once more, which doubles nothing`,
    );
  } else {
    const verdicts = Object.entries(summary.verdicts).map(([verdict, count]) => `${count} ${verdict}`);
    const parts = verdicts.length > 0 ? ` (${verdicts.join(', ')})` : '';
    const resumed = summary.skipped > 0 ? `, after ${summary.skipped} of an earlier run` : '';
    console.log(`${file}: ${summary.documents} documents${parts}${resumed}`);
  }
  if (summary.end === 'stopped') console.log(goesOn);
  for (const { line, reason } of summary.rejected.slice(0, shownReasons))
    console.log(`  line ${line}: ${reason}`);
  if (summary.rejectedCount === 0) return;
  console.log(
    `${summary.rejectedCount} rejected: they are in ${summary.rejectedFile}, the reasons of all in ${summary.rejectedFile}.reasons; correct the first and import it`,
  );
}

function readBatch(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= maximumBatchDocuments) return value;
  throw new InvalidArgumentError(`Give a whole number from 1 to ${maximumBatchDocuments}.`);
}

function readPlace(text: string): string {
  if (isId(text)) return text;
  throw new InvalidArgumentError(`The id of a place ${idRule}.`);
}

export function importCommand(): Command {
  return new Command('import')
    .description(
      'load a file: receipts, transactions or orders as NDJSON, a JSON array, or CSV with a mapping; a daily XML file; users or restaurants as NDJSON; .gz is undone',
    )
    .argument('<file>')
    .option('--mapping <file>', 'how the columns of a CSV file become documents; see docs/import.md')
    .addOption(
      new Option('--source <kind>', 'the kind of every document; found out where it is not given').choices(
        sources,
      ),
    )
    .option('--place <id>', 'the place of documents that name none', readPlace)
    .option('--batch <documents>', 'how many are sent at once', readBatch, defaultBatchDocuments)
    .option('--again', 'send the whole file once more, although it was imported before')
    .option('--replace', 'a daily file corrects the one that is stored for its place and date')
    .addHelpText(
      'after',
      `
Can be stopped and run again: it goes on where it was, and nothing doubles. What is rejected is reported by
line number and kept in FILE.rejected, with the reasons in FILE.rejected.reasons.

Exit code: 0 all is loaded; 2 all is loaded but what was rejected; 130 stopped by Ctrl-C; 1 an error.`,
    )
    .action(importFile);
}
