import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Compile } from 'typebox/schema';
import { preferredLanguage } from '../../src/intake/preferred-language.ts';
import { fileOf, productOf } from '../intake/daily-reading.ts';
import { startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram({ DEFAULT_PLACE: 'nowhere' });
});
after(() => tested.stop());

const send = (body: string | Uint8Array, url = '/api/daily-sales/', headers: Record<string, string> = {}) =>
  tested.call('POST', url, body, { 'content-type': 'application/xml', ...headers });
const dated = (date: string, place?: string) =>
  fileOf(productOf(), `date="${date}"${place === undefined ? '' : ` place_id="${place}"`}`);
const makeToken = async (roles: string[], place_id?: string) =>
  `Bearer ${(await tested.call('POST', '/api/tokens/', { name: 't', roles, place_id })).body.secret}`;

test('every address takes the same files: with the prefix, without the slash, and the root of the older service', async () => {
  const urls = [
    '/api/daily-sales/',
    '/api/daily-sales',
    '/api/producer/daily-sales/',
    '/api/producer/daily-sales',
    '/',
    '/?replace=false',
  ];
  for (const [index, url] of urls.entries()) {
    const date = `2024-01-0${index + 1}`;
    const answer = await send(dated(date), url);
    const { report_id, job_id, ...rest } = answer.body;
    assert.deepEqual([answer.status, rest], [202, { place_id: 'nowhere', date, status: 'accepted' }]);
    assert.ok(Number.isInteger(report_id) && typeof job_id === 'string');
    assert.equal((await send(dated(date), url)).status, 409);
  }
  const listed = await tested.call('GET', '/api/daily-sales/?from=2024-01-01&to=2024-01-31&place_id=nowhere');
  assert.equal(listed.body.results.length, urls.length);
  assert.equal((await send(dated('2024-01-01'), '/?replace=maybe')).status, 422);
});

test('the second file of a day gets the message of the older service in the language of the caller', async () => {
  assert.equal((await send(dated('2024-02-01'))).status, 202);
  const russian = 'Статистика за эту дату уже собрана.';
  const english = 'The statistics for this date have already been collected.';
  const spoken: [string | undefined, string][] = [
    [undefined, russian],
    ['ru', russian],
    ['en', english],
    ['en-GB,en;q=0.9,ru;q=0.8', english],
    ['en;q=0.5, ru-RU;q=0.7', russian],
    ['de', russian],
    ['ru;q=0, en;q=0.1', english],
    ['*', russian],
  ];
  for (const [language, message] of spoken) {
    const headers: Record<string, string> = language === undefined ? {} : { 'accept-language': language };
    const answer = await send(dated('2024-02-01'), '/api/daily-sales/', headers);
    assert.equal(answer.status, 409);
    assert.match(answer.headers.get('content-type')!, /^application\/problem\+json/);
    const { code, place_id, date, message: told } = answer.body;
    assert.deepEqual([code, place_id, date, told], ['already_collected', 'nowhere', '2024-02-01', message]);
    assert.match(answer.body.detail, /\?replace=true/);
  }
  assert.equal(preferredLanguage('en;q=x', ['ru', 'en']), 'ru');
});

test('a rejected file names everything in one answer, and its beginning is in the journal', async () => {
  const body = fileOf(`${productOf()}\n${productOf({ price: '1,5', id: '' })}`);
  const { status, body: answer } = await send(body);
  assert.deepEqual([status, answer.code], [422, 'invalid_document']);
  assert.deepEqual(answer.errors, [
    {
      pointer: '/products/product/2/id',
      code: 'empty',
      message: 'line 2, product 2: <id> is empty',
      line: 2,
    },
    {
      pointer: '/products/product/2/price',
      code: 'not_a_number',
      message: 'line 2, product 2: "1,5" is not a decimal number such as 1500.00',
      line: 2,
    },
  ]);
  const row = await tested.call('GET', `/api/journal/${answer.position}`);
  assert.deepEqual([row.body.verdict, row.body.source, row.body.text], ['rejected', 'daily', body]);
  const codes: Record<string, [number, string]> = {
    '': [422, 'not_xml'],
    '{"date":1}': [422, 'not_xml'],
    [body.slice(0, -3)]: [422, 'not_xml'],
    [`<!DOCTYPE x>${body}`]: [422, 'invalid_document'],
    [`<?xml version="1.0" encoding="koi8-r"?>${body}`]: [422, 'invalid_document'],
  };
  for (const [text, expected] of Object.entries(codes)) {
    const refused = await send(text);
    assert.deepEqual([refused.status, refused.body.code], expected, text.slice(0, 60));
  }
});

test('what is quoted of a file can be stored, wherever it is cut', async () => {
  const smiles = '😀'.repeat(40);
  for (const offset of ['', 'x']) {
    const bad = `${offset}${smiles}`;
    const files = [
      fileOf(productOf({ price: bad, quantity: bad })),
      fileOf(productOf(), `date="${bad}"`),
      `<a${offset}${'𐐀'.repeat(40)}/>`,
      `<sales_data date="2024-01-01"></b${offset}${'𐐀'.repeat(400)}>`,
      `<?xml version="1.0" encoding="a\u0000${bad}"?>${fileOf(productOf())}`,
    ];
    for (const file of files) {
      const answer = await send(file);
      assert.equal(answer.status, 422, JSON.stringify(answer.body));
      const stored = await tested.call('GET', `/api/journal?problem=${answer.body.errors[0].code}&limit=1`);
      assert.ok(stored.body.results[0].problems[0].message.length < 700);
    }
  }
});

test('other content types, broken gzip and gzip bombs are refused', async () => {
  assert.equal(
    (await send(dated('2024-03-01'), undefined, { 'content-type': 'application/json' })).status,
    415,
  );
  assert.equal((await send(dated('2024-03-01'), undefined, { 'content-encoding': 'br' })).status, 415);
  assert.equal((await send('plain', undefined, { 'content-encoding': 'gzip' })).status, 400);
  for (const type of ['text/xml; charset=utf-8', 'application/atom+xml', 'Application/XML']) {
    const answer = await send(dated('2024-03-01'), '/?replace=true', { 'content-type': type });
    assert.equal(answer.status, 202, type);
  }
  const name = Buffer.alloc(200 * 1024 * 1024, 0x78);
  const bomb = gzipSync(Buffer.concat([Buffer.from('<sales_data date="2024-03-02">'), name]), { level: 1 });
  const answer = await send(bomb, undefined, { 'content-encoding': 'gzip' });
  assert.deepEqual([answer.status, answer.body.errors[0].code], [422, 'too_long']);
});

test('a bound token sends and reads its own place alone', async () => {
  const collector = { authorization: await makeToken(['collector'], 'mine') };
  const analyst = { authorization: await makeToken(['analyst'], 'mine') };
  const own = await send(dated('2024-04-01'), undefined, collector);
  assert.deepEqual([own.status, own.body.place_id], [202, 'mine']);
  assert.equal((await send(dated('2024-04-02', 'mine'), undefined, collector)).status, 202);
  assert.equal((await send(dated('2024-04-01', 'theirs'))).status, 202);
  const foreign = await send(dated('2024-04-01', 'theirs'), '/?replace=true', collector);
  assert.deepEqual([foreign.status, foreign.body.code], [403, 'foreign_place']);
  assert.deepEqual(
    (
      await tested.database.pool.query(
        "select place_id, verdict from stg.journal where problems->0->>'code' = 'foreign_place'",
      )
    ).rows,
    [{ place_id: 'mine', verdict: 'rejected' }],
  );
  const get = async (url: string, headers = analyst) => await tested.call('GET', url, undefined, headers);
  const listed = await get('/api/daily-sales/2024-04-01');
  assert.deepEqual(
    listed.body.results.map((file: any) => file.place_id),
    ['mine'],
  );
  assert.equal((await get('/api/daily-sales/?place_id=theirs')).status, 403);
  assert.equal((await get('/api/analytics/reconciliation?date=2024-04-01&place_id=theirs')).status, 403);
  const reconciled = await get('/api/analytics/reconciliation?date=2024-04-01');
  assert.deepEqual(
    reconciled.body.rows.map((row: any) => row.place_id),
    ['mine'],
  );
  assert.equal((await send(dated('2024-04-03'), undefined, analyst)).status, 403);
  assert.equal((await get('/api/daily-sales/', collector)).status, 403);
});

test('a day out of range or that does not exist is refused, and asking for one is too', async () => {
  const ahead = new Date(Date.now() + 4 * 86_400_000).toISOString().slice(0, 10);
  for (const date of ['2024-02-30', '1999-12-31', ahead])
    assert.equal((await send(dated(date))).status, 422, date);
  for (const url of ['?from=2024-02-30', '?to=x', '?cursor=x', '?limit=0', '2024-13-01'])
    assert.equal((await tested.call('GET', `/api/daily-sales/${url}`)).status, 422, url);
});

test('the answers are as the description says', async () => {
  const api = (await tested.call('GET', '/openapi.json')).body;
  const calls: [string, string, string, string?][] = [
    ['POST', '/api/daily-sales/', '/api/daily-sales/', dated('2024-05-01')],
    ['POST', '/', '/', dated('2024-05-02')],
    ['GET', '/api/daily-sales/', '/api/daily-sales/'],
    ['GET', '/api/daily-sales/2024-05-01', '/api/daily-sales/{date}'],
    ['GET', '/api/analytics/reconciliation?date=2024-05-01', '/api/analytics/reconciliation'],
  ];
  for (const [method, url, path, body] of calls) {
    const answer = await tested.call(method, url, body, { 'content-type': 'application/xml' });
    const described = api.paths[path][method.toLowerCase()].responses[answer.status];
    assert.ok(described, `${method} ${url} ${answer.status}`);
    const schema = Compile(described.content['application/json'].schema);
    assert.ok(schema.Check(answer.body), `${url}: ${JSON.stringify(schema.Errors(answer.body))}`);
  }
  assert.ok(api.paths['/api/daily-sales/'].post.requestBody.content['application/xml']);
});
