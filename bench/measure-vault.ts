import { type BenchProgram, runScript, startBenchProgram, token } from './program.ts';
import { median, type Report } from './report.ts';

const days = 30;
const times = 3;
const withoutVault = { roles: ['processor,worker,collector,analytics'] };

/** Receipts a second of one NDJSON stream, until journal, registry, fold and roll-up are done. */
async function load(program: BenchProgram, count: number, prefix: string): Promise<number> {
  const args = [`${program.url}/api/checks/`, token, count, days, prefix];
  const { startedMs } = await runScript('feed-documents.ts', args);
  await program.settle('folded');
  return count / ((Date.now() - startedMs!) / 1000);
}

/**
 * The vault filled from the journal by itself, the middle of three times, against the loading of the same receipts; and
 * loading while the vault follows, against loading without. Each time in a program of its own, the same number of receipts.
 */
export async function measureVault(report: Report, count: number): Promise<void> {
  const alone = await startBenchProgram(withoutVault);
  let loaded: number;
  try {
    loaded = await load(alone, count, 'alone');
    await alone.settle();
    const filled: number[] = [];
    for (let time = 0; time < times; time++) {
      const { output } = await alone.run(['rebuild', 'vault']);
      filled.push(count / Number(/, ([\d.]+) s/.exec(output)?.[1]));
    }
    const figure = 'Data Vault filled; the same receipts fully loaded';
    report.add(figure, median(filled), loaded, 'receipts/s', '>= 0.5');
  } finally {
    await alone.stop();
  }
  const both = await startBenchProgram();
  try {
    const beside = await load(both, count, 'beside');
    report.add('fully loaded while the vault follows; without it', beside, loaded, 'receipts/s', '>= 0.6');
  } finally {
    await both.stop();
  }
}
