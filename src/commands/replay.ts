import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { replayDocuments } from '../warehouse/replay.ts';
import { searchJournal } from '../warehouse/search-journal.ts';
import { type Opened, withWarehouse } from './with-warehouse.ts';

type Options = { verdict: string; problem?: string; place?: string };
const pageSize = 500;
const waitMs = 60_000;

async function replay(positions: string[], options: Options, opened: Opened): Promise<void> {
  const { warehouse, signal } = opened;
  const chosen = positions.length > 0 ? positions : await search(warehouse.pool, options);
  const counts = new Map<string, number>();
  let replayed = 0;
  for (let start = 0; start < chosen.length && !signal.aborted; start += pageSize) {
    const page = chosen.slice(start, start + pageSize);
    const results = await replayDocuments(
      { ...warehouse, clock: systemClock },
      { positions: page, deadlineMs: Date.now() + waitMs },
    );
    for (const result of results) counts.set(result.verdict, (counts.get(result.verdict) ?? 0) + 1);
    replayed += page.length;
  }
  const summary = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ');
  console.log(`${replayed} documents replayed${summary === '' ? '' : `: ${summary}`}`);
  if (replayed < chosen.length) signal.throwIfAborted();
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
    .action((positions: string[], options: Options) =>
      withWarehouse({ applicationName: 'tillstream-replay', followers: true }, (opened) =>
        replay(positions, options, opened),
      ),
    );
}
