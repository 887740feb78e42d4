import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { createMetrics } from '../base/metrics.ts';
import { readConfig } from '../config.ts';
import { openWarehouse } from '../open-warehouse.ts';
import { replayDocuments } from '../warehouse/replay.ts';
import { searchJournal } from '../warehouse/search-journal.ts';

type Options = { verdict: string; problem?: string; place?: string };
const pageSize = 500;
const waitMs = 60_000;

async function replay(positions: string[], options: Options): Promise<void> {
  const config = readConfig();
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const warehouse = await openWarehouse({
    config,
    log,
    metrics: createMetrics(),
    applicationName: 'tillstream-replay',
    followers: true,
  });
  try {
    const chosen = positions.length > 0 ? positions : await search(warehouse.pool, options);
    const counts = new Map<string, number>();
    for (let start = 0; start < chosen.length; start += pageSize) {
      const page = chosen.slice(start, start + pageSize);
      const results = await replayDocuments(
        { ...warehouse, clock: systemClock },
        { positions: page, deadlineMs: Date.now() + waitMs },
      );
      for (const result of results) counts.set(result.verdict, (counts.get(result.verdict) ?? 0) + 1);
    }
    const summary = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ');
    console.log(`${chosen.length} documents replayed${summary === '' ? '' : `: ${summary}`}`);
  } finally {
    await warehouse.close();
  }
}

/** Every position that fits, oldest first, so that versions of one sale come in their order. */
async function search(pool: Parameters<typeof searchJournal>[0], options: Options): Promise<string[]> {
  const positions: string[] = [];
  for (let before: string | undefined; ; ) {
    const page = await searchJournal(pool, {
      verdict: [options.verdict],
      limit: pageSize,
      ...(options.problem === undefined ? {} : { problem: options.problem }),
      ...(options.place === undefined ? {} : { placeId: options.place }),
      ...(before === undefined ? {} : { before }),
    });
    positions.push(...page.map((entry) => entry.position));
    if (page.length < pageSize) return positions.reverse();
    before = page.at(-1)!.position;
  }
}

export function replayCommand(): Command {
  return new Command('replay')
    .description('load documents of the journal again that were rejected')
    .argument('[positions...]', 'journal positions; without any, all that fit the options')
    .option('--verdict <verdict>', 'rejected, conflict, stale or ignored', 'rejected')
    .option('--problem <code>', "only documents with this problem's code")
    .option('--place <id>', 'only documents of this place')
    .action(replay);
}
