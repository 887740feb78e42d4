import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Queryable } from '../../src/base/db.ts';
import { CodedError } from '../../src/base/errors.ts';
import { type ImportDeps, type ImportProgress, runImport } from '../../src/imports/run-import.ts';
import type { Arrival, Incoming, Outcome, Source } from '../../src/sales/sale.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-import-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function write(content: string | Buffer, extension: string): string {
  const file = path.join(folder, `${++files}.${extension}`);
  writeFileSync(file, content);
  return file;
}

type Row = { done_bytes: number; done_records: number; rejected: number };

/** A warehouse in memory: stores each id once; `plan` may fail an append first. */
function memory(plan: (appends: number) => Error | undefined = () => undefined) {
  const stored = new Map<string, string>();
  const progress = new Map<string, Row>();
  const shown: ImportProgress[] = [];
  const batches: number[] = [];
  const sources: Source[] = [];
  let appends = 0;
  const pool = {
    query: async (_text: string, values: unknown[]) => {
      const [key, , done_bytes, done_records, rejected] = values as [string, string, number, number, number];
      if (values.length === 1) return { rows: progress.has(key) ? [progress.get(key)] : [] };
      progress.set(key, { done_bytes, done_records, rejected });
      return { rows: [] };
    },
  } as unknown as Queryable;
  const parse = (arrival: Arrival): Incoming => {
    sources.push(arrival.source);
    let id: unknown;
    try {
      id = JSON.parse(arrival.body.toString()).transaction_id;
    } catch {}
    if (id === undefined)
      return {
        ...arrival,
        verdict: 'rejected',
        problems: [{ pointer: '/transaction_id', code: 'missing', message: 'is missing' }],
      };
    return { ...arrival, sale: { sourceId: String(id) } } as Incoming;
  };
  const append = async (documents: Incoming[]): Promise<Outcome[]> => {
    await new Promise(setImmediate);
    const error = plan(++appends);
    if (error !== undefined) throw error;
    batches.push(documents.length);
    return documents.map((document) => {
      if (document.sale === undefined)
        return { verdict: 'rejected', position: '1', problems: document.problems };
      const known = stored.get(document.sale.sourceId);
      const body = document.body.toString();
      if (known === undefined) stored.set(document.sale.sourceId, body);
      const verdict = known === undefined ? 'accepted' : known === body ? 'duplicate' : 'conflict';
      return {
        verdict,
        position: '1',
        problems: verdict === 'conflict' ? [{ pointer: '', code: 'conflict', message: 'differs' }] : [],
      };
    });
  };
  const deps: ImportDeps = {
    pool,
    parse,
    stream: { append },
    resolvedDefaults: { placeId: 'unknown', currency: 'RUB', timeZone: 'UTC' },
    clock: { nowMs: () => Date.now() },
    progress: (state) => shown.push({ ...state }),
  };
  return { deps, stored, progress, shown, batches, sources };
}

const line = (id: number | string) => `{"transaction_id":"${id}"}\n`;
const lines = (count: number) => Array.from({ length: count }, (_, index) => line(index)).join('');

test('a file is loaded once, and a second run says so at once', async () => {
  const file = write(lines(25), 'ndjson');
  const { deps, stored, shown, batches } = memory();
  const first = await runImport(deps, { file, batch: 10 });
  assert.deepEqual([first.end, first.documents, first.verdicts], ['finished', 25, { accepted: 25 }]);
  assert.deepEqual(batches, [10, 10, 5]);
  assert.deepEqual(shown.at(-1), {
    documents: 25,
    skipped: 0,
    doneBytes: lines(25).length,
    totalBytes: lines(25).length,
  });
  const second = await runImport(deps, { file, batch: 10 });
  assert.deepEqual([second.end, second.documents, second.skipped], ['already done', 0, 25]);
  assert.equal(batches.length, 3);
  const again = await runImport(deps, { file, batch: 10, again: true });
  assert.deepEqual(again.verdicts, { duplicate: 25 });
  assert.equal(stored.size, 25);
});

test('an import that broke off goes on after what was stored', async () => {
  const file = write(lines(100), 'ndjson');
  let broken = true;
  const { deps, stored, progress } = memory((append) =>
    broken && append > 5 ? new Error('killed') : undefined,
  );
  await assert.rejects(runImport(deps, { file, batch: 10 }), /killed/);
  const kept = [...progress.values()][0]!.done_records;
  assert.ok(kept > 0 && kept <= stored.size, `${kept} kept, ${stored.size} stored`);
  broken = false;
  const second = await runImport(deps, { file, batch: 10 });
  assert.equal(second.skipped, kept);
  assert.equal(second.documents, 100 - kept);
  assert.equal(stored.size, 100);
  assert.equal((await runImport(deps, { file })).end, 'already done');
});

test('what one batch stored before another failed is not counted over a gap', async () => {
  const file = write(lines(80), 'ndjson');
  const { deps, progress } = memory((append) => (append === 2 ? new Error('lost') : undefined));
  await assert.rejects(runImport(deps, { file, batch: 10 }), /lost/);
  assert.equal([...progress.values()][0]?.done_records ?? 0, 10);
});

test('a busy or restarting database is waited out', async () => {
  const file = write(lines(10), 'ndjson');
  const errors = [new CodedError('overloaded', 'busy'), new CodedError('database_unavailable', 'away')];
  const { deps, stored } = memory(() => errors.shift());
  assert.deepEqual((await runImport(deps, { file })).verdicts, { accepted: 10 });
  assert.equal(stored.size, 10);
});

test('rejected documents are told by line and kept as they stood', async () => {
  const file = write(`${line(1)}{"other": 1}\n${line(2)}broken\n{"transaction_id":"1","more":1}\n`, 'ndjson');
  const { deps } = memory();
  const summary = await runImport(deps, { file });
  assert.deepEqual(summary.verdicts, { accepted: 2, rejected: 2, conflict: 1 });
  assert.deepEqual(summary.rejected, [
    { line: 2, reason: '/transaction_id: is missing' },
    { line: 4, reason: '/transaction_id: is missing' },
    { line: 5, reason: 'differs' },
  ]);
  assert.equal(summary.rejectedFile, `${file}.rejected`);
  assert.equal(
    readFileSync(summary.rejectedFile, 'utf8'),
    '{"other": 1}\nbroken\n{"transaction_id":"1","more":1}\n',
  );
  assert.deepEqual(
    readFileSync(`${summary.rejectedFile}.reasons`, 'utf8')
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text)),
    summary.rejected.map((reason) => ({ ...reason, rows: 1 })),
  );
  assert.equal((await runImport(deps, { file })).rejectedCount, 3);
});

test('no rejected file is left where nothing is rejected', async () => {
  const file = write(lines(3), 'ndjson');
  writeFileSync(`${file}.rejected`, 'of an earlier import\n');
  await runImport(memory().deps, { file });
  assert.equal(existsSync(`${file}.rejected`), false);
});

const csvMapping = JSON.stringify({
  source: 'receipt',
  encoding: 'latin1',
  group_by: 'id',
  receipt: {
    transaction_id: { column: 'id' },
    timestamp: { const: '2024-01-01T00:00:00' },
    total_amount: { sum: 'items' },
    nds_amount: { const: 0 },
    payment_method: { const: 'cash' },
  },
  items: {
    product_id: { column: 'name' },
    quantity: { column: 'q' },
    price: { const: 1 },
    category: { const: 'x' },
  },
});

test('rejected rows of a CSV file keep their bytes and header, and import once corrected', async () => {
  const mapping = write(csvMapping, 'json');
  const file = write(
    Buffer.from('id,name,q\n1,Caf\xe9,1\n2,Tea,one\n2,Th\xe9,1\n3,Tea,1\n', 'latin1'),
    'csv',
  );
  const { deps, stored } = memory();
  const summary = await runImport(deps, { file, mapping });
  assert.deepEqual(summary.rejected, [
    { line: 3, reason: 'the items cannot be summed: quantity "one" is not a number' },
  ]);
  const rejected = readFileSync(summary.rejectedFile, 'latin1');
  assert.equal(rejected, 'id,name,q\n2,Tea,one\n2,Th\xe9,1\n');
  writeFileSync(summary.rejectedFile, rejected.replace('one', '1'), 'latin1');
  const corrected = await runImport(deps, { file: summary.rejectedFile, mapping });
  assert.deepEqual(corrected.verdicts, { accepted: 1 });
  assert.deepEqual([...stored.keys()], ['1', '3', '2']);
  assert.match(stored.get('2')!, /Thé/);
});

test('after a broken run the rejected file holds each rejected document once', async () => {
  const mapping = write(csvMapping, 'json');
  const rows = Array.from({ length: 60 }, (_, index) => `${index},Tea,${index % 6 === 0 ? 'none' : 1}`);
  const file = write(`id,name,q\n${rows.join('\n')}\n`, 'csv');
  let broken = true;
  const { deps, progress } = memory((append) => (broken && append > 3 ? new Error('killed') : undefined));
  await assert.rejects(runImport(deps, { file, mapping, batch: 6 }), /killed/);
  assert.ok([...progress.values()][0]!.done_records > 0);
  broken = false;
  const summary = await runImport(deps, { file, mapping, batch: 6 });
  const expected = rows.filter((row) => row.endsWith('none'));
  assert.equal(readFileSync(summary.rejectedFile, 'utf8'), `id,name,q\n${expected.join('\n')}\n`);
  assert.equal(readFileSync(`${summary.rejectedFile}.reasons`, 'utf8').trim().split('\n').length, 10);
  assert.equal(summary.rejectedCount, 10);
});

test('another mapping, place or looked-up file is another import', async () => {
  const lookup = write('name,kind\nTea,drinks\n', 'csv');
  const withLookup = JSON.parse(csvMapping);
  withLookup.lookup = { kind: { file: path.basename(lookup), key: 'name' } };
  withLookup.items.category = { column: 'kind.kind' };
  const mapping = write(JSON.stringify(withLookup), 'json');
  const file = write('id,name,q\n1,Tea,1\n', 'csv');
  const { deps } = memory();
  const end = async (options = {}) => (await runImport(deps, { file, mapping, ...options })).end;
  assert.deepEqual(
    [await end(), await end(), await end({ place: 'p' })],
    ['finished', 'already done', 'finished'],
  );
  writeFileSync(lookup, 'name,kind\nTea,hot drinks\n');
  assert.equal(await end(), 'finished');
});

test('arrays and gzip are told by what they hold', async () => {
  const { deps, stored } = memory();
  await runImport(deps, {
    file: write('\ufeff [\n{"transaction_id":"a"},\n{"transaction_id":"b"}]', 'json'),
  });
  await runImport(deps, { file: write(gzipSync(lines(50)), 'ndjson.gz') });
  assert.equal(stored.size, 52);
  const damaged = write(gzipSync(lines(50)).subarray(0, 60), 'ndjson.gz');
  await assert.rejects(runImport(deps, { file: damaged }), /cannot be read on: unexpected end of file/);
});

test('each line says what it is by its shape; what shows nothing is taken for the first kind of the file', async () => {
  const file = write(
    'not json\n{"object_type":"order","transaction_id":"o"}\n{"items":[],"transaction_id":"r"}\n{"product_id":"p","transaction_id":"t"}\n{"transaction_id":"x"}\n',
    'ndjson',
  );
  const { deps, sources } = memory();
  await runImport(deps, { file });
  assert.deepEqual(sources, ['order', 'order', 'receipt', 'transaction', 'order']);
  sources.length = 0;
  const forced = await runImport(deps, { file, source: 'transaction' });
  assert.equal(forced.end, 'finished', 'another --source is another import');
  assert.deepEqual(new Set(sources), new Set(['transaction']));
  assert.equal((await runImport(deps, { file })).end, 'already done');
});

test('a run that goes on takes lines without a kind for the same as the first run did', async () => {
  const file = write(`{"object_type":"order","transaction_id":"0"}\n${lines(30)}`, 'ndjson');
  let broken = true;
  const { deps, sources } = memory((append) => (broken && append > 2 ? new Error('killed') : undefined));
  await assert.rejects(runImport(deps, { file, batch: 5 }), /killed/);
  broken = false;
  await runImport(deps, { file, batch: 5 });
  assert.deepEqual(new Set(sources), new Set(['order']));
});

test('a mapping says the kind of its documents, and --source may not say another', async () => {
  const field = { const: '1' };
  const transaction = { transaction_id: { column: 'id' }, product_id: field, quantity: field };
  const mapping = write(
    JSON.stringify({
      source: 'transaction',
      transaction: { ...transaction, total_amount: field, timestamp: field },
    }),
    'json',
  );
  const file = write('id\na\nb\n', 'csv');
  const { deps, sources, stored } = memory();
  await runImport(deps, { file, mapping });
  assert.deepEqual(
    [sources, [...stored.keys()]],
    [
      ['transaction', 'transaction'],
      ['a', 'b'],
    ],
  );
  await assert.rejects(runImport(deps, { file, mapping, source: 'order' }), /leave --source order out/);
});

test('a signal ends the import between batches, and the next run goes on', async () => {
  const file = write(lines(50), 'ndjson');
  const { deps, stored } = memory();
  const stop = new AbortController();
  const stopping = { ...deps, signal: stop.signal, progress: () => stop.abort() };
  const summary = await runImport(stopping, { file, batch: 5 });
  assert.equal(summary.end, 'stopped');
  assert.ok(stored.size < 50);
  assert.equal(summary.documents, stored.size);
  assert.equal((await runImport(deps, { file })).skipped, summary.documents);
  assert.equal(stored.size, 50);
});

test('big documents go in smaller batches', async () => {
  const big = `{"pad":"${'x'.repeat(1_000_000)}"}\n`;
  const { deps, batches } = memory();
  await runImport(deps, { file: write(big.repeat(20), 'ndjson') });
  assert.ok(batches.length > 1 && Math.max(...batches) < 12, String(batches));
});

test('files that cannot be used say why', async () => {
  const { deps } = memory();
  await assert.rejects(runImport(deps, { file: path.join(folder, 'none') }), /there is no file/);
  await assert.rejects(runImport(deps, { file: folder }), /is not a file/);
  await assert.rejects(runImport(deps, { file: write('a,b\n', 'csv') }), /needs --mapping/);
});
