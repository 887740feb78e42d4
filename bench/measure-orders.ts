import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeOrders } from '../examples/orders/generate.ts';
import { type BenchProgram, runScript, token } from './program.ts';
import type { Report } from './report.ts';

const rules = [
  { tag: 'regular', scope: 'total', metric: 'orders', threshold: 20 },
  { tag: 'salads', scope: 'category', match: 'Салаты', metric: 'orders', threshold: 5 },
];

async function copy(program: BenchProgram, file: string): Promise<number> {
  await program.pool.query('create table bare (id bigint primary key, document jsonb not null)');
  const { seconds } = await runScript('copy-file.ts', [file, program.connectionString]);
  await program.pool.query('drop table bare');
  return seconds!;
}

/**
 * The initial load: a week of orders by `tillstream import` until marts, customer counters and tags are there,
 * against COPY of the same messages into one bare table before and after.
 */
export async function measureOrders(program: BenchProgram, report: Report, orders: number): Promise<void> {
  const out = mkdtempSync(path.join(tmpdir(), 'tillstream-bench-orders-'));
  try {
    const messages = await writeOrders({ out, seed: 1, orders });
    const file = path.join(out, 'orders.ndjson');
    const before = await copy(program, file);
    for (const rule of rules) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const sent = { method: 'POST', headers, body: JSON.stringify(rule) };
      const answer = await fetch(`${program.url}/api/tag-rules/`, sent);
      if (!answer.ok) throw new Error(`the rule was refused: ${await answer.text()}`);
    }
    for (const name of ['restaurants', 'users'])
      await program.run(['import', path.join(out, `${name}.ndjson`)]);
    const started = performance.now();
    await program.run(['import', file]);
    await program.settle();
    const seconds = (performance.now() - started) / 1000;
    await program.settle('idle');
    const copied = (messages * 2) / (before + (await copy(program, file)));
    report.add(
      `${orders} orders, counters and tags; COPY`,
      messages / seconds,
      copied,
      'messages/s',
      '>= 0.15',
    );
    report.add(`${orders} orders, seconds; ten of them`, seconds, 10, 's', 'aim < 1');
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
