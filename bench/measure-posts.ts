import { startBareServer } from './bare-server.ts';
import { type BenchProgram, runScript, token } from './program.ts';
import { median, type Report } from './report.ts';

const connections = 64;
const rounds = 3;

/** One receipt a request: validated, durable and countable before the reply. The middle of three rounds, in turns with the baselines. */
export async function measurePosts(program: BenchProgram, report: Report, posts: number): Promise<void> {
  const load = async (url: string, prefix: string) =>
    (await runScript('generate-load.ts', [url, token, connections, posts, prefix])).perSecond!;
  await program.pool.query('create table bare (id text primary key, document bytea not null)');
  const bare = await startBareServer(program.pool);
  const parsing = await startBareServer(undefined);
  await load(`${program.url}/api/checks/`, 'warm');
  await load(bare.url, 'bare-warm');
  const [durable, ours, undurable]: number[][] = [[], [], []];
  for (let round = 1; round <= rounds; round++) {
    // Followers of the posts before would run beside the other server.
    await program.settle('idle');
    durable!.push(await load(bare.url, `bare-${round}`));
    undurable!.push(await load(parsing.url, `parse-${round}`));
    ours!.push(await load(`${program.url}/api/checks/`, `post-${round}`));
  }
  const rate = median(ours!);
  report.add(
    'POST, 64 connections; bare durable server',
    rate,
    median(durable!),
    'receipts/s',
    '>= 0.4, aim 0.7',
  );
  report.add(
    'POST, 64 connections; server without a database',
    rate,
    median(undurable!),
    'receipts/s',
    'shown',
  );
  bare.server.close();
  parsing.server.close();
  await program.pool.query('drop table bare');
}
