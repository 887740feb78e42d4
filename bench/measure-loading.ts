import { type BenchProgram, runScript, token } from './program.ts';
import type { Report } from './report.ts';

const days = 90;

async function copy(program: BenchProgram, count: number, type: 'jsonb' | 'text'): Promise<number> {
  await program.pool.query(`create table bare (id text primary key, document ${type} not null)`);
  const args = [program.connectionString, token, count, days, type];
  const { startedMs, endedMs } = await runScript('feed-documents.ts', args);
  await program.pool.query('drop table bare');
  return count / ((endedMs! - startedMs!) / 1000);
}

async function copyBoth(program: BenchProgram, count: number): Promise<{ parsed: number; stored: number }> {
  const parsed = await copy(program, count, 'jsonb');
  return { parsed, stored: await copy(program, count, 'text') };
}

/**
 * What a chain sells in three months (see `chainReceipts`): one NDJSON stream until journal, registry, fold and roll-up are done, against COPY of the same documents
 * into one bare table with a primary key: as jsonb, which reads every document as we do, and as text, which
 * only stores its bytes. COPY is measured before and after, since a server that has written much is slower than a fresh one.
 */
export async function measureLoading(program: BenchProgram, report: Report, count: number): Promise<void> {
  const before = await copyBoth(program, count);
  const args = [`${program.url}/api/checks/`, token, count, days, 'loading'];
  const { startedMs, endedMs } = await runScript('feed-documents.ts', args);
  await program.settle('folded');
  const loaded = count / ((Date.now() - startedMs!) / 1000);
  const journaled = count / ((endedMs! - startedMs!) / 1000);
  await program.settle('idle');
  const after = await copyBoth(program, count);
  const parsed = (before.parsed + after.parsed) / 2;
  const stored = (before.stored + after.stored) / 2;
  report.add('NDJSON, fully loaded; COPY into jsonb', loaded, parsed, 'receipts/s', '>= 0.15, aim 0.35');
  report.add('NDJSON, fully loaded; COPY into text', loaded, stored, 'receipts/s', 'shown');
  report.add('NDJSON, durable and countable; COPY into jsonb', journaled, parsed, 'receipts/s', 'shown');
}
