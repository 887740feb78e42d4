import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Type } from 'typebox';
import { CodedError } from '../../src/base/errors.ts';
import type { App } from '../../src/http/server.ts';
import { bearer, createTestServer } from './test-server.ts';

const analyst = { access: { roles: ['analyst'], bound: 'limited' } } as const;
const failures: Record<string, Error> = {
  coded: new CodedError('overloaded', 'the warehouse is behind', { retryAfterSeconds: 7 }),
  refused: Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' }),
  'pool-timeout': new Error('timeout exceeded when trying to connect'),
  'pool-ended': new Error('Cannot use a pool after calling end on the pool'),
  unforeseen: new TypeError('cannot read the password hunter2 of undefined'),
  'wrong-sql': Object.assign(new Error('column "x" does not exist'), { code: '42703' }),
};
for (const state of ['57P01', '57P03', '08006', '53100', '53300', '40P01', '55P03'])
  failures[state] = Object.assign(new Error('from PostgreSQL'), { code: state });

let app: App;
const lines: string[] = [];
before(async () => {
  app = await createTestServer(
    (server) => {
      server.get('/fail/:how', {
        config: analyst,
        schema: { params: Type.Object({ how: Type.String() }) },
        handler: async (request) => {
          throw failures[(request.params as { how: string }).how];
        },
      });
      server.post('/things/:id', {
        config: analyst,
        schema: {
          params: Type.Object({ id: Type.String() }),
          querystring: Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1 })) }),
          body: Type.Object({
            name: Type.String(),
            note: Type.String(),
            list: Type.Optional(Type.Unknown()),
          }),
        },
        handler: async (request) => ({ got: request.body, query: request.query }),
      });
    },
    { lines, env: { BASE_PATH: '/shop' } },
  );
});
after(() => app.close());

const good = { name: 'a', note: 'b' };
async function post(
  payload: string | Buffer | object,
  options: { headers?: Record<string, string>; url?: string } = {},
) {
  const answer = await app.inject({
    method: 'POST',
    url: options.url ?? '/things/1',
    payload,
    headers: { ...bearer('analyst'), 'content-type': 'application/json', ...options.headers },
  });
  return { status: answer.statusCode, body: answer.json(), headers: answer.headers };
}

test('trouble with the database is 503 with Retry-After, whatever its kind', async () => {
  for (const how of [
    'refused',
    'pool-timeout',
    '57P01',
    '57P03',
    '08006',
    '53100',
    '53300',
    '40P01',
    '55P03',
  ]) {
    const answer = await app.inject({ url: `/fail/${how}`, headers: bearer('analyst') });
    assert.equal(answer.statusCode, 503, how);
    assert.equal(answer.json().code, 'database_unavailable', how);
    assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/, how);
  }
  const stopping = await app.inject({ url: '/fail/pool-ended', headers: bearer('analyst') });
  assert.equal(stopping.json().code, 'shutting_down');
  const coded = await app.inject({ url: '/fail/coded', headers: bearer('analyst') });
  assert.equal(coded.headers['retry-after'], '7');
});

test('an unforeseen error tells nothing of its inside and is logged once under the request id', async () => {
  for (const how of ['unforeseen', 'wrong-sql']) {
    lines.length = 0;
    const answer = await app.inject({
      url: `/fail/${how}`,
      headers: { ...bearer('analyst'), 'x-request-id': 'till-7.42' },
    });
    assert.equal(answer.statusCode, 500);
    assert.equal(answer.json().code, 'internal');
    assert.doesNotMatch(answer.body, /hunter2|column/);
    assert.equal(answer.headers['x-request-id'], 'till-7.42');
    const logged = lines.map((line) => JSON.parse(line)).filter((line) => line.level >= 40);
    assert.equal(logged.length, 1);
    assert.equal(logged[0].reqId, 'till-7.42');
    assert.match(logged[0].err.message, /hunter2|column/);
  }
});

test('a request id that is not sane is replaced', async () => {
  for (const given of ['a b', 'x'.repeat(200), '<script>', '']) {
    const answer = await app.inject({ url: '/healthz', headers: { 'x-request-id': given } });
    assert.match(String(answer.headers['x-request-id']), /^[0-9a-f-]{36}$/);
  }
});

test('wrong parameters are named by pointers, every missing one', async () => {
  const body = await post({});
  assert.deepEqual(
    body.body.errors.map((one: { pointer: string; code: string }) => [one.pointer, one.code]),
    [
      ['/body/name', 'missing'],
      ['/body/note', 'missing'],
    ],
  );
  const query = await post(good, { url: '/things/1?limit=many' });
  assert.equal(query.body.errors[0].pointer, '/query/limit');
  const converted = await post(good, { url: '/things/1?limit=3' });
  assert.deepEqual(converted.body.query, { limit: 3 });
});

test('bodies that are not clean JSON each have their own problem', async () => {
  const cases: [string, string | Buffer, string, Record<string, string>?][] = [
    ['not JSON', '{"name":', 'not_json'],
    ['NaN', '{"name":NaN}', 'not_json'],
    ['broken UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'not_json'],
    ['deep nesting', `${'['.repeat(200_000)}${']'.repeat(200_000)}`, 'not_json'],
    ['text', 'hello', 'unsupported_media_type', { 'content-type': 'text/plain' }],
    ['like JSON', '{}', 'unsupported_media_type', { 'content-type': 'application/jsonx' }],
    ['gzip', '{}', 'unsupported_media_type', { 'content-encoding': 'gzip' }],
    ['too large', JSON.stringify({ ...good, note: 'x'.repeat(1_100_000) }), 'body_too_large'],
    ['empty', '', 'invalid_parameters'],
    ['null', 'null', 'invalid_parameters'],
    ['array', '[]', 'invalid_parameters'],
  ];
  for (const [name, payload, code, headers] of cases) {
    const answer = await post(payload, headers === undefined ? {} : { headers });
    assert.equal(answer.body.code, code, `${name}: ${JSON.stringify(answer.body)}`);
    assert.ok(answer.status >= 400 && answer.status < 500, name);
  }
});

test('text that cannot be stored is refused wherever it stands', async () => {
  const cases: [string, string, string, string?][] = [
    ['{"name":"a\\u0000","note":""}', '/body/name', 'nul_character'],
    ['{"name":"a","note":"\\ud800"}', '/body/note', 'lone_surrogate'],
    ['{"name":"a","note":"b","list":[{"a/b~c":"\\u0000"}]}', '/body/list/0/a~1b~0c', 'nul_character'],
    ['{"name":"a","note":"b","list":{"\\u0000":1}}', '/body/list/\u0000', 'nul_character'],
    [JSON.stringify(good), '/path/id', 'nul_character', '/things/%00'],
    [JSON.stringify(good), '/query/other', 'nul_character', '/things/1?other=%00'],
  ];
  for (const [payload, pointer, code, url] of cases) {
    const answer = await post(payload, url === undefined ? {} : { url });
    assert.equal(answer.status, 422, pointer);
    assert.deepEqual(
      answer.body.errors.map((one: { pointer: string; code: string }) => [one.pointer, one.code]),
      [[pointer, code]],
    );
  }
});

test('__proto__ never reaches a prototype', async () => {
  const answer = await post(
    '{"name":"a","note":"b","list":{"__proto__":{"polluted":true}},"__proto__":{"x":1}}',
  );
  assert.equal(answer.status, 200);
  assert.deepEqual(Object.keys(answer.body.got), ['name', 'note', 'list']);
  assert.deepEqual(answer.body.got.list, {});
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test('unknown addresses, wrong methods and unreadable addresses are problems with the base path', async () => {
  const wrong = await app.inject({ method: 'PATCH', url: '/things/1/' });
  assert.equal(wrong.statusCode, 405);
  assert.equal(wrong.headers.allow, 'POST');
  assert.equal(wrong.json().type, '/shop/docs/errors#method_not_allowed');
  const reading = await app.inject({ method: 'DELETE', url: '/shop/fail/coded' });
  assert.equal(reading.headers.allow, 'GET, HEAD');
  const nowhere = await app.inject({ url: '/things/1/2/3' });
  assert.equal(nowhere.statusCode, 404);
  assert.equal(nowhere.json().code, 'not_found');
  for (const url of ['/things/%zz', `/things/${'x'.repeat(600)}`]) {
    const answer = await app.inject({ method: 'POST', url });
    assert.ok([400, 404].includes(answer.statusCode), String(answer.statusCode));
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  }
});
