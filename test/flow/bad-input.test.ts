import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { forEachStream, receipt, startTestProgram, type TestProgram } from '../program.ts';

forEachStream((stream) => {
  let tested: TestProgram;
  before(async () => {
    tested = await startTestProgram({}, { stream });
  });
  after(() => tested.stop());

  const item = { product_id: 'p', quantity: 1, price: 1, category: 'c' };
  const json = (changes: Record<string, unknown>) =>
    JSON.stringify(receipt({ transaction_id: 'bad', ...changes }));
  const soon = new Date(Date.now() + 49 * 3_600_000).toISOString();

  /** name, body, status, pointer, code */
  const cases: [string, string | Uint8Array, number, string, string][] = [
    ['not JSON', '{"transaction_id":', 422, '', 'not_json'],
    ['an empty body', '', 422, '', 'not_json'],
    ['a number', '5', 422, '', 'wrong_type'],
    ['a wrong type', json({ payment_method: 7 }), 422, '/payment_method', 'wrong_type'],
    ['a missing field', json({ nds_amount: undefined }), 422, '/nds_amount', 'missing'],
    [
      'a missing field of an item',
      json({ items: [{ ...item, category: undefined }] }),
      422,
      '/items/0/category',
      'missing',
    ],
    ['empty items', json({ items: [] }), 422, '/items', 'empty_items'],
    [
      'a negative quantity',
      json({ items: [{ ...item, quantity: -1 }] }),
      422,
      '/items/0/quantity',
      'not_positive',
    ],
    [
      'a zero quantity',
      json({ items: [{ ...item, quantity: 0 }] }),
      422,
      '/items/0/quantity',
      'not_positive',
    ],
    [
      'a quantity of four decimals',
      json({ items: [{ ...item, quantity: 1.0001 }] }),
      422,
      '/items/0/quantity',
      'too_many_decimals',
    ],
    ['too many decimals', json({ total_amount: 10.999 }), 422, '/total_amount', 'too_many_decimals'],
    ['too many decimals of the yen', json({ currency: 'JPY' }), 422, '/items/0/price', 'too_many_decimals'],
    ['1e308', json({}).replace('27.47', '1e308'), 422, '/total_amount', 'out_of_range'],
    ['1e999', json({}).replace('27.47', '1e999'), 422, '/total_amount', 'wrong_type'],
    ['a string NaN', json({ total_amount: 'NaN' }), 422, '/total_amount', 'not_a_number'],
    ['a string Infinity', json({ nds_amount: 'Infinity' }), 422, '/nds_amount', 'not_a_number'],
    ['a hexadecimal string', json({ tips_amount: '0x10' }), 422, '/tips_amount', 'not_a_number'],
    ['a negative price', json({ items: [{ ...item, price: -1 }] }), 422, '/items/0/price', 'negative'],
    [
      'a date that does not exist',
      json({ timestamp: '2023-02-29T12:00:00' }),
      422,
      '/timestamp',
      'invalid_timestamp',
    ],
    [
      'an hour that does not exist',
      json({ timestamp: '2023-02-28T24:00:00' }),
      422,
      '/timestamp',
      'invalid_timestamp',
    ],
    ['a time far in the future', json({ timestamp: soon }), 422, '/timestamp', 'timestamp_out_of_range'],
    [
      'a time far in the past',
      json({ timestamp: '1999-12-31T23:59:59' }),
      422,
      '/timestamp',
      'timestamp_out_of_range',
    ],
    [
      '10,001 lines',
      json({ items: Array.from({ length: 10_001 }, () => item) }),
      422,
      '/items',
      'too_many_lines',
    ],
    ['a body over the limit', json({ note: 'x'.repeat(1024 * 1024) }), 413, '', 'body_too_large'],
    [
      'broken UTF-8',
      Buffer.from([...Buffer.from('{"transaction_id":"'), 0xff, 0xfe, ...Buffer.from('"}')]),
      422,
      '',
      'broken_utf8',
    ],
    ['a NUL in a string', json({ payment_method: 'a\u0000b' }), 422, '/payment_method', 'nul_character'],
    ['a NUL in an unknown key', json({ 'k\u0000': 1 }), 422, '', 'nul_character'],
    [
      'a lone surrogate',
      json({}).replace('credit_card', 'a\\ud800b'),
      422,
      '/payment_method',
      'lone_surrogate',
    ],
    ['deep nesting', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 422, '', 'too_deep'],
    ['deep nesting of objects', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, 422, '', 'too_deep'],
    ['an unknown currency', json({ currency: 'XQZ' }), 422, '/currency', 'unknown_currency'],
    ['an unknown type', json({ type: 'gift' }), 422, '/type', 'unknown_value'],
    ['a negative revision', json({ revision: -1 }), 422, '/revision', 'out_of_range'],
    ['an id that is too long', json({ transaction_id: 'x'.repeat(257) }), 422, '/transaction_id', 'too_long'],
  ];

  for (const [name, body, status, pointer, code] of cases) {
    test(`${name} is a problem of its own`, async () => {
      const answer = await tested.call('POST', '/api/checks/', body);
      assert.equal(answer.status, status, JSON.stringify(answer.body).slice(0, 500));
      assert.match(answer.headers.get('content-type')!, /^application\/problem\+json/);
      if (status === 413) return assert.equal(answer.body.code, code);
      const found = (answer.body.errors ?? answer.body.results.flatMap((one: any) => one.errors)) as {
        pointer: string;
        code: string;
      }[];
      assert.ok(
        found.some((problem) => problem.pointer === pointer && problem.code === code),
        JSON.stringify(found).slice(0, 500),
      );
    });
  }

  test('every rejected document is in the journal', async () => {
    await tested.settle();
    const { rows } = await tested.database.pool.query(
      "select count(*) as rejected, count(document) as bodies from stg.journal where verdict = 'rejected'",
    );
    assert.ok(rows[0].rejected >= cases.length - 3);
    assert.equal(rows[0].rejected, rows[0].bodies);
    const { rows: large } = await tested.database.pool.query(
      'select octet_length(document) as bytes from stg.journal where problems @> \'[{"code":"body_too_large"}]\'',
    );
    assert.deepEqual(
      large.map((row) => row.bytes),
      [4096],
    );
  });

  test('a gzip bomb is refused before it is inflated', async () => {
    const bomb = gzipSync(Buffer.alloc(300 * 1024 * 1024, 0x20));
    const before = process.memoryUsage().rss;
    const answer = await tested.call('POST', '/api/checks/', bomb, { 'content-encoding': 'gzip' });
    assert.equal(answer.status, 413);
    assert.ok(process.memoryUsage().rss - before < 400 * 1024 * 1024);
    const line = await tested.call('POST', '/api/checks/', gzipSync(Buffer.alloc(50 * 1024 * 1024, 0x61)), {
      'content-encoding': 'gzip',
      'content-type': 'application/x-ndjson',
    });
    assert.equal(line.status, 422);
    assert.equal(line.body.results[0].errors[0].code, 'body_too_large');
  });

  test('bytes that are not gzip, another encoding, another type', async () => {
    assert.equal(
      (await tested.call('POST', '/api/checks/', 'x', { 'content-encoding': 'gzip' })).status,
      400,
    );
    assert.equal((await tested.call('POST', '/api/checks/', 'x', { 'content-encoding': 'br' })).status, 415);
    assert.equal(
      (await tested.call('POST', '/api/checks/', 'x', { 'content-type': 'text/plain' })).status,
      415,
    );
  });

  test('__proto__ keys reach nothing', async () => {
    const body = json({ transaction_id: 'proto' }).replace('{', '{"__proto__":{"polluted":true},');
    assert.equal((await tested.call('POST', '/api/checks/', body, { prefer: 'wait=5' })).status, 201);
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
    const answer = await tested.call('POST', '/api/tokens/', '{"__proto__":{"roles":["admin"]},"name":"x"}');
    assert.equal(answer.status, 422);
  });

  test('sums of floats and decimal strings are read as meant', async () => {
    const changes = {
      transaction_id: 'float',
      place_id: 'floats',
      total_amount: '27.470',
      nds_amount: 2.4700000000000006,
      tips_amount: '3',
    };
    assert.equal(
      (await tested.call('POST', '/api/checks/', json(changes).replace('10.99', '10.990000000000002')))
        .status,
      202,
    );
    const { body } = await tested.call('GET', '/api/analytics/?place_id=floats');
    assert.deepEqual(
      [body.results[0].net, body.results[0].taxes_amount],
      [27.47, { total_nds: 2.47, total_tips: 3 }],
    );
  });

  test('parameters that fit no route are problems', async () => {
    for (const query of [
      'from=2015-13-01',
      'from=2015-02-30',
      'from=2016-01-01&to=2015-01-01',
      'granularity=second',
      'group_by=colour',
      'order=-colour',
      'cursor=!',
      'compare=last_week',
      'limit=0',
    ]) {
      const answer = await tested.call('GET', `/api/analytics/sales?${query}`);
      assert.equal(answer.status, 422, query);
      assert.match(answer.body.errors[0].pointer, /^\/query\//);
    }
    const refused = await tested.call(
      'GET',
      '/api/analytics/sales?granularity=hour&group_by=product&from=2015-01-01&to=2015-01-02',
    );
    assert.equal(refused.status, 422);
    assert.equal(refused.body.code, 'not_answerable');
    assert.ok(refused.body.can_be_asked.length > 0);
    assert.equal(
      (await tested.call('POST', '/api/tokens/', { name: 'x', roles: ['king'] })).body.errors[0].code,
      'unknown_role',
    );
    assert.equal(
      (await tested.call('POST', '/api/tokens/', { name: 'x', roles: ['admin'], place_id: 'p' })).status,
      422,
    );
    assert.equal((await tested.call('PUT', '/api/places/x', { time_zone: 'Mars/Olympus' })).status, 422);
    assert.equal((await tested.call('PATCH', '/api/checks/')).status, 405);
  });
});
