import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { rebuildMarts } from '../../src/warehouse/rebuild.ts';
import { sweepDaily } from '../../src/warehouse/stage-daily.ts';
import { fileOf, productOf } from '../intake/daily-reading.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

const at = (place: string, date = '2024-02-01') => `date="${date}" place_id="${place}"`;
const send = (body: string | Uint8Array, query = '', headers: Record<string, string> = {}) =>
  tested.call('POST', `/api/daily-sales/${query}`, body, { 'content-type': 'application/xml', ...headers });
const query = async (text: string, values: unknown[] = []) =>
  (await tested.database.pool.query(text, values)).rows as any[];
const rowsOf = async (table: string) => (await query(`select count(*) as rows from ${table}`))[0].rows;
/** Long enough to be staged in rows, over 1 MiB. */
const large = (place: string, more = '') =>
  fileOf(
    Array.from({ length: 9_000 }, (_, n) => productOf({ id: `p${n}`, price: String(n % 7) })).join('\n') +
      more,
    at(place),
  );

const other = (place: string) => large(place, productOf({ id: 'more' }));

async function journalOf(sourceId: string): Promise<any[]> {
  return await query(
    `select verdict, version, sale_seq, length(document) as bytes, problems->0->>'code' as code,
       (select seen_count from stg.repeat as r where r.position = j.position) as seen
     from stg.journal as j where source = 'daily' and source_id = $1 order by position`,
    [sourceId],
  );
}

test('of many uploads of one place and day at once exactly one is accepted', async () => {
  const files = Array.from({ length: 12 }, (_, n) => fileOf(productOf({ price: String(n % 4) }), at('race')));
  const statuses = (await Promise.all(files.map((body) => send(body)))).map((answer) => answer.status);
  assert.deepEqual(statuses.sort(), [202, ...Array(11).fill(409)]);
  const replaced = await Promise.all(files.map((body) => send(body, '?replace=true')));
  assert.ok(replaced.every((answer) => answer.status === 202));
  const corrected = replaced.filter((answer) => answer.body.status === 'corrected').length;
  const [sale] = await query("select version, sale_seq from stg.sale where source_id = 'race/2024-02-01'");
  assert.deepEqual([Number(sale.version), sale.sale_seq], [corrected, corrected + 1]);
  assert.deepEqual(await tested.audit(), []);
});

test('a resend, an other file and a rejected one stand in the journal, and count up when they come again', async () => {
  const first = fileOf(productOf(), at('journal'));
  const other = fileOf(productOf({ price: '1' }), at('journal'));
  const bad = fileOf(productOf({ price: 'x' }), at('journal'));
  for (const body of [first, first, first.replace('1500.00', '1500.0'), other, other, bad, bad, bad])
    await send(body);
  assert.deepEqual(await journalOf('journal/2024-02-01'), [
    { verdict: 'accepted', version: '0000000000', sale_seq: 1, bytes: first.length, code: null, seen: null },
    { verdict: 'duplicate', version: '0000000000', sale_seq: null, bytes: null, code: null, seen: null },
    { verdict: 'duplicate', version: '0000000000', sale_seq: null, bytes: null, code: null, seen: null },
    {
      verdict: 'conflict',
      version: '0000000000',
      sale_seq: null,
      bytes: other.length,
      code: 'conflict',
      seen: 2,
    },
    { verdict: 'rejected', version: null, sale_seq: null, bytes: bad.length, code: 'not_a_number', seen: 3 },
  ]);
  const trouble = await tested.call('GET', '/api/journal?source=daily&verdict=conflict&place_id=journal');
  const { position } = trouble.body.results[0];
  const replayed = await tested.call('POST', `/api/journal/${position}/replay`);
  assert.equal(replayed.status, 422);
  assert.match(replayed.body.detail, /send the file itself again, with \?replace=true/);
});

test('a large file stands beside the journal whole; what does not count leaves no products', async () => {
  const body = large('large');
  assert.equal((await send(gzipSync(body), '', { 'content-encoding': 'gzip' })).status, 202);
  const stored = await query(`
    select d.document_id, d.named, j.document, (select string_agg(bytes, '' order by number) from stg.document_chunk as c
      where c.document_id = d.document_id) as bytes,
      (select count(*) from stg.daily_line as l where l.document_id = d.document_id) as products
    from stg.daily_document as d join stg.journal as j on j.position = d.position where j.source_id = 'large/2024-02-01'`);
  assert.deepEqual(
    [stored[0].document, stored[0].bytes.toString(), stored[0].products, stored[0].named],
    [null, body, 9_000, true],
  );
  const before = [await rowsOf('stg.daily_line'), await rowsOf('stg.daily_document')];
  assert.equal((await send(body)).status, 409);
  assert.equal((await send(large('large', productOf({ price: 'x' })))).status, 422);
  assert.equal((await send(large('large').slice(0, -20))).body.code, 'not_xml');
  assert.deepEqual([await rowsOf('stg.daily_line'), await rowsOf('stg.daily_document')], before);
  // Another file of the day does not count, but its body is kept.
  for (const _ of [1, 2]) assert.equal((await send(other('large'))).status, 409);
  assert.deepEqual(
    [await rowsOf('stg.daily_line'), await rowsOf('stg.daily_document')],
    [before[0], before[1] + 1],
  );
  const kept = await query(`
    select string_agg(bytes, '' order by number) as bytes from stg.document_chunk where document_id = (
      select d.document_id from stg.daily_document as d join stg.journal as j on j.position = d.position
      where j.verdict = 'conflict' and j.source_id = 'large/2024-02-01')`);
  assert.equal(kept[0].bytes.toString(), other('large'));
  assert.equal((await send(other('large'), '?replace=true')).body.status, 'corrected');
  assert.deepEqual(await tested.audit(), []);
});

test('a sender that stops in the middle holds up neither fold nor loads, and leaves nothing', async () => {
  const { promise: goOn, resolve: stopSending } = Promise.withResolvers<void>();
  const aborting = new AbortController();
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(Buffer.from(large('slow').slice(0, -100)));
      await goOn;
    },
  });
  const upload = fetch(`${tested.program.address}/api/daily-sales/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tested.config.adminToken}`, 'content-type': 'application/xml' },
    body,
    duplex: 'half',
    signal: aborting.signal,
  } as RequestInit);
  upload.catch(() => {});
  const staged = async () =>
    (await query('select document_id from stg.daily_document where position is null')).map(
      (row) => row.document_id,
    );
  while ((await staged()).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  // A day's file of the same place and date is not in the way, and neither is a till.
  assert.equal((await send(fileOf(productOf(), at('slow')))).status, 202);
  assert.equal(
    (await tested.call('POST', '/api/checks/', receipt({ transaction_id: 'beside' }))).status,
    202,
  );
  for (;;) {
    const [tail] = await query(
      `select count(*) as rows from stg.journal where contributions is not null and
      (epoch, xid, position) > (select (epoch, xid, position) from cdm.cursor where follower = 'fold')`.replace(
        'select (epoch, xid, position)',
        'select epoch, xid, position',
      ),
    );
    if (tail.rows === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal((await staged()).length, 1, 'the upload is still under way');
  aborting.abort();
  stopSending();
  while ((await staged()).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  const [left] = await query(
    'select count(*) as rows from stg.daily_line where document_id not in (select document_id from stg.daily_document)',
  );
  assert.equal(left.rows, 0);
});

test('what a killed program left of an upload is swept, but not one that is under way', async () => {
  const [dead, alive] = await query(`
    insert into stg.daily_document (touched_at) values (now() - interval '2 hours'), (now()) returning document_id`);
  for (const { document_id } of [dead, alive]) {
    await query(
      "insert into stg.daily_line select $1, n, 'a', 'a', 'a', 1, 1, 1 from generate_series(1, 60000) as n",
      [document_id],
    );
    await query("insert into stg.document_chunk select $1, n, 'x' from generate_series(0, 3) as n", [
      document_id,
    ]);
  }
  assert.equal(await sweepDaily(tested.database.pool), 1);
  const count = async (table: string, id: number) =>
    (await query(`select count(*) as rows from stg.${table} where document_id = $1`, [id]))[0].rows;
  for (const table of ['daily_line', 'document_chunk', 'daily_document'])
    assert.equal(await count(table, dead.document_id), 0, table);
  assert.equal(await count('daily_line', alive.document_id), 60_000);
});

test('a place that changes its zone, its business day or its currency moves its daily files', async () => {
  assert.equal((await send(fileOf(productOf(), at('moving')))).status, 202);
  assert.equal((await send(large('moving').replace('2024-02-01', '2024-02-02'))).status, 202);
  const hours = async () =>
    (
      await tested.call(
        'GET',
        '/api/analytics/sales?granularity=hour&source=daily&place_id=moving&from=2024-02-01&to=2024-02-03',
      )
    ).body.rows.map((row: any) => [row.period, row.currency, row.sales]);
  const small = 150_000;
  const sum = Array.from({ length: 9_000 }, (_, n) => (n % 7) * 100).reduce((a, b) => a + b, 0);
  assert.deepEqual(await hours(), [
    ['2024-02-01T00:00:00+00:00', 'RUB', small],
    ['2024-02-02T00:00:00+00:00', 'RUB', sum],
  ]);
  const change = async (body: unknown) => {
    const answer = await tested.call('PUT', '/api/places/moving', body);
    assert.equal(answer.status, 200);
    const { job_id: id } = answer.body;
    for (;;) {
      const [job] = await query('select state from pgboss.job where id = $1', [id]);
      if (job.state === 'completed') break;
      assert.ok(!['failed', 'cancelled'].includes(job.state), job.state);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await change({ time_zone: 'Europe/Moscow', business_day_start: '05:00', since: 'beginning' });
  assert.deepEqual(await hours(), [
    ['2024-02-01T05:00:00+03:00', 'RUB', small],
    ['2024-02-02T05:00:00+03:00', 'RUB', sum],
  ]);
  await change({ currency: 'EUR', since: 'beginning' });
  assert.deepEqual(
    (await hours()).map((row: any) => row[1]),
    ['EUR', 'EUR'],
  );
  assert.deepEqual(await tested.audit(), []);
  // A currency with other decimals would need the prices read again: the files stay as they were.
  await change({ currency: 'JPY', since: 'beginning' });
  assert.deepEqual((await hours())[0], ['2024-02-01T05:00:00+03:00', 'EUR', small]);
  assert.deepEqual(await tested.audit(), []);
  const replacement = await send(fileOf(productOf({ price: '7' }), at('moving')), '?replace=true');
  assert.equal(replacement.status, 202);
  assert.deepEqual((await hours())[0], ['2024-02-01T05:00:00+03:00', 'JPY', 700]);
  assert.deepEqual(await tested.audit(), []);
});

test('rebuild and audit agree with daily files among the sales', async () => {
  const { warehouse } = tested.program;
  await tested.settle();
  const figures = async () =>
    (await tested.call('GET', '/api/analytics/sales?group_by=place,product,category&source=daily,receipt'))
      .body.rows;
  const before = await figures();
  assert.ok(before.length > 9_000);
  const rebuilt = await rebuildMarts({
    ...warehouse,
    log: createLog('silent'),
    metrics: createMetrics(),
    progress: () => {},
  });
  assert.equal(rebuilt.recomputed, 0);
  assert.deepEqual(await figures(), before);
  // Even where the registry was lost, a file that comes again is known by its values.
  await query('truncate stg.sale');
  await rebuildMarts({
    ...warehouse,
    log: createLog('silent'),
    metrics: createMetrics(),
    progress: () => {},
  });
  assert.deepEqual(await figures(), before);
  for (const body of [other('large'), other('large').replaceAll('<price>1<', '<price>1.0<')])
    assert.equal((await send(body, '?replace=true')).body.status, 'duplicate');
  assert.deepEqual(await tested.audit(), []);
  // A figure that is wrong does not go unnoticed.
  await query("update stg.daily_line set amount = amount + 1 where product_id = 'p1' and amount > 0");
  assert.notDeepEqual(await tested.audit(), []);
});
