import { startBareServer } from './bare-server.ts';
import { type BenchProgram, runScript, token } from './program.ts';
import type { Report } from './report.ts';

const connections = 64;

/** One receipt a request: validated, durable and countable before the reply. */
export async function measurePosts(program: BenchProgram, report: Report, posts: number): Promise<void> {
  const load = async (url: string, prefix: string) =>
    (await runScript('generate-load.ts', [url, token, connections, posts, prefix])).perSecond!;
  await program.pool.query('create table bare (id text primary key, document bytea not null)');
  const bare = await startBareServer(program.pool);
  const parsing = await startBareServer(undefined);
  await load(`${program.url}/api/checks/`, 'warm');
  await load(bare.url, 'bare-warm');
  const durable = await load(bare.url, 'bare');
  const ours = await load(`${program.url}/api/checks/`, 'post');
  const undurable = await load(parsing.url, 'parse');
  report.add('POST, 64 connections; bare durable server', ours, durable, 'receipts/s', '>= 0.4, aim 0.7');
  report.add('POST, 64 connections; server without a database', ours, undurable, 'receipts/s', 'shown');
  bare.server.close();
  parsing.server.close();
  await program.pool.query('drop table bare');
}
