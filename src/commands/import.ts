import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { createMetrics } from '../base/metrics.ts';
import { readConfig } from '../config.ts';
import { type ImportSummary, runImport } from '../imports/run-import.ts';
import { openWarehouse } from '../open-warehouse.ts';
import { createProgressBar } from './progress-bar.ts';

type Options = { mapping?: string; place?: string; again?: boolean };
const shownReasons = 20;
const someRejected = 2;

async function importFile(file: string, options: Options): Promise<void> {
  const config = readConfig();
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const warehouse = await openWarehouse({
    config,
    log,
    metrics: createMetrics(),
    applicationName: 'tillstream-import',
    followers: true,
  });
  const bar = createProgressBar(process.stderr);
  try {
    const summary = await runImport(
      { ...warehouse, clock: systemClock, progress: bar.update },
      { file, ...options },
    );
    bar.end();
    await warehouse.settle();
    printSummary(file, summary);
    if (summary.rejected.length > 0) process.exitCode = someRejected;
  } finally {
    await warehouse.close();
  }
}

export function printSummary(file: string, summary: ImportSummary): void {
  if (summary.alreadyDone) {
    console.log(
      `${file} was imported before (${summary.skipped} documents); --again sends it once more, which doubles nothing`,
    );
    return;
  }
  const verdicts = Object.entries(summary.verdicts).map(([verdict, count]) => `${count} ${verdict}`);
  const resumed = summary.skipped > 0 ? `, went on after ${summary.skipped} of an earlier run` : '';
  console.log(
    `${file}: ${summary.documents} documents${verdicts.length > 0 ? ` (${verdicts.join(', ')})` : ''}${resumed}`,
  );
  for (const { line, reason } of summary.rejected.slice(0, shownReasons))
    console.log(`  line ${line}: ${reason}`);
  if (summary.rejected.length > shownReasons)
    console.log(`  and ${summary.rejected.length - shownReasons} more`);
  if (summary.rejectedFile !== undefined)
    console.log(`what was rejected is in ${summary.rejectedFile}; correct it and import that file`);
}

export function importCommand(): Command {
  return new Command('import')
    .description('load a file of receipts: NDJSON, a JSON array, or CSV with a mapping; .gz is undone')
    .argument('<file>')
    .option('--mapping <file>', 'how the columns of a CSV file become receipts; see docs/import.md')
    .option('--place <id>', 'the place of documents that name none')
    .option('--again', 'send the whole file once more, although it was imported before')
    .addHelpText(
      'after',
      '\nCan be stopped and run again: nothing doubles. Exit code 2 if documents were rejected.',
    )
    .action(importFile);
}
