import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-memory-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => path.join(folder, name);

/** Far below what the documents of these files take when they are all held. */
const heapMegabytes = 64;
const count = 120_000;

function importNowhere(...args: string[]): string {
  const script = path.resolve(import.meta.dirname, 'import-nowhere.ts');
  const options = [`--max-old-space-size=${heapMegabytes}`, script, ...args];
  return execFileSync(process.execPath, options, { encoding: 'utf8' }).trim();
}

const numbers = Array.from({ length: count }, (_, index) => index);
const field = (name: string) => ({ column: name });
const mapping = {
  source: 'receipt',
  group_by: 'id',
  lookup: { order: { file: 'orders.csv', key: 'id' } },
  receipt: {
    transaction_id: field('id'),
    timestamp: field('order.at'),
    total_amount: { sum: 'items' },
    nds_amount: { const: 0 },
    payment_method: { const: 'cash' },
  },
  items: { product_id: field('p'), quantity: { const: 1 }, price: field('c'), category: { const: 'x' } },
};

test('memory stays flat over a CSV file and a lookup as long', () => {
  writeFileSync(at('orders.csv'), `id,at\n${numbers.map((id) => `${id},2024-01-01T00:00:00`).join('\n')}`);
  writeFileSync(at('lines.csv'), `id,p,c\n${numbers.map((id) => `${id},a,1.50\n${id},b,2.50`).join('\n')}`);
  writeFileSync(at('mapping.json'), JSON.stringify(mapping));
  assert.equal(importNowhere(at('lines.csv'), at('mapping.json')), String(count));
});

test('memory stays flat over NDJSON and a JSON array', () => {
  const document = readFileSync('examples/receipt.json', 'utf8').replaceAll(/\n\s*/g, ' ').trim();
  writeFileSync(at('r.ndjson'), numbers.map(() => document).join('\n'));
  assert.equal(importNowhere(at('r.ndjson')), String(count));
  writeFileSync(at('r.json'), `[${numbers.map(() => document).join(',\n')}]`);
  assert.equal(importNowhere(at('r.json')), String(count));
});
