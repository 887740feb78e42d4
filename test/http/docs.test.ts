import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { writeApiTypes } from '../../scripts/write-api-types.ts';
import { errorTable } from '../../src/base/errors.ts';
import { errorAdvice } from '../../src/http/error-advice.ts';
import { listRoutes } from '../../src/http/guard.ts';
import { startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
let api: any;
before(async () => {
  tested = await startTestProgram({ BASE_PATH: '/shop' });
  api = (await tested.call('GET', '/openapi.json')).body;
});
after(() => tested.stop());

const operations = (): [string, string, any][] =>
  Object.entries<Record<string, any>>(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, any] => [method, path, operation]),
  );

test('every route is described, but for the pages of the description itself and of the dashboard', () => {
  const described = new Set(operations().map(([method, path]) => `${method.toUpperCase()} ${path}`));
  const routes = listRoutes(tested.program.app)
    .filter(({ method, url }) => method !== 'HEAD' && !/^\/(docs|openapi\.json)/.test(url))
    .filter(({ method, url }) => method !== 'GET' || (url !== '/' && url !== '/*'))
    .map(({ method, url }) => `${method} ${url.replace(/:(\w+)/g, '{$1}')}`);
  assert.deepEqual([...described].sort(), routes.sort());
});

test('the types of the dashboard are those of the description', () => {
  const file = path.resolve(import.meta.dirname, '../../web/src/api-answers.ts');
  const expected = writeApiTypes(api);
  if (process.env.UPDATE === '1') writeFileSync(file, expected);
  const found = existsSync(file) ? readFileSync(file, 'utf8') : '';
  assert.ok(found === expected, 'run UPDATE=1 node --test test/http/docs.test.ts');
});

test('each operation has a summary, a tag, an example of its answer or request, and its access', () => {
  const ids = new Set<string>();
  for (const [method, path, operation] of operations()) {
    const named = `${method} ${path}`;
    assert.ok(operation.summary?.length > 5, `${named} has no summary`);
    assert.equal(operation.tags?.length, 1, `${named} has no tag`);
    assert.match(operation.description, /^Role: [a-z, ]+\./, named);
    assert.equal(operation.security === undefined, operation.description.startsWith('Role: none'), named);
    ids.add(operation.operationId);
    const contents = [operation.requestBody, ...Object.values<any>(operation.responses)].flatMap((one) =>
      Object.values<any>(one?.content ?? {}),
    );
    const hasExample = contents.some((media) => JSON.stringify(media).includes('"example'));
    assert.ok(hasExample, `${named} has no example`);
  }
  assert.equal(ids.size, operations().length, 'two operations have one id');
});

test('receipts are described as JSON and as NDJSON, each with an example that is taken', async () => {
  const { content } = api.paths['/api/checks/'].post.requestBody;
  assert.deepEqual(Object.keys(content), ['application/json', 'application/x-ndjson']);
  for (const [type, media] of Object.entries<any>(content)) {
    const example =
      media.example ?? media.schema.examples?.[0] ?? Object.values<any>(media.examples)[0].value;
    const answer = await tested.call('POST', '/api/checks/', example, { 'content-type': type });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
  }
  const { body } = await tested.call('GET', '/docs');
  assert.match(body, /Request <code>application\/x-ndjson<\/code>/);
});

test('secured operations name their problems, and every reference leads somewhere', () => {
  for (const [method, path, operation] of operations()) {
    if (operation.security === undefined) continue;
    for (const status of ['401', '403', '422', '503'])
      assert.ok(operation.responses[status], `${method} ${path} says nothing of ${status}`);
  }
  const references = [...JSON.stringify(api).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1]!);
  assert.ok(references.length > 0);
  for (const reference of references) {
    const found = reference.split('/').reduce((part, name) => part?.[name], api);
    assert.ok(found, `${reference} is nowhere`);
  }
});

test('the pages ask no other host, run no script and lead to the base path', async () => {
  for (const url of ['/shop/docs', '/shop/api/producer/swagger/', '/shop/docs/errors']) {
    const page = await tested.call('GET', url);
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type')!, /^text\/html/);
    assert.doesNotMatch(page.body, /<script|<img|<iframe|style="|(src|href)="(https?:)?\/\//);
    assert.match(page.body, /href="\/shop\/docs\/style\.css"/);
    assert.match(page.headers.get('content-security-policy')!, /default-src 'none'; style-src 'self'/);
  }
  const page = await tested.call('GET', '/docs');
  for (const [method, path, operation] of operations()) {
    assert.ok(page.body.includes(`id="${operation.operationId}"`), `${method} ${path} is not on the page`);
  }
  const style = await tested.call('GET', '/docs/style.css');
  assert.match(style.headers.get('content-type')!, /^text\/css/);
  assert.match(style.body, /color-scheme:light dark/);
});

test('the type of a problem leads to its explanation', async () => {
  const refused = await tested.call('GET', '/api/places/', undefined, { authorization: '' });
  assert.equal(refused.body.type, '/shop/docs/errors#unauthorized');
  assert.equal(refused.headers.get('www-authenticate'), 'Bearer realm="tillstream"');
  const rejected = await tested.call('POST', '/api/checks/', '{}');
  assert.match(rejected.body.type, /^\/shop\/docs\/errors#/);
  const { body } = await tested.call('GET', '/docs/errors');
  for (const code of Object.keys(errorTable)) {
    assert.ok(body.includes(`<tr id="${code}">`), `${code} is not on the page`);
    assert.ok(
      errorAdvice[code as keyof typeof errorTable],
      `${code} has no advice in src/http/error-advice.ts`,
    );
  }
});

test('revoked and expired tokens are refused on every route, rotated ones too', async () => {
  const make = async (more: Record<string, unknown>) =>
    (await tested.call('POST', '/api/tokens/', { name: 'x', roles: ['admin'], ...more })).body;
  const revoked = await make({});
  const rotated = await make({});
  const expired = await make({ expires_at: '2020-01-01T00:00:00Z' });
  for (const { secret } of [revoked, rotated])
    assert.equal((await tested.call('GET', '/api/tokens/', undefined, bearer(secret))).status, 200);
  await tested.call('DELETE', `/api/tokens/${revoked.token_id}`);
  await tested.call('POST', `/api/tokens/${rotated.token_id}/rotate`);
  let checked = 0;
  for (const { method, url, access } of listRoutes(tested.program.app)) {
    if (access.roles === 'open') continue;
    const target = url.replace(/:\w+/g, '1');
    for (const { secret } of [revoked, rotated, expired]) {
      const answer = await tested.program.app.inject({
        method: method as 'GET',
        url: target,
        headers: bearer(secret),
      });
      assert.equal(answer.statusCode, 401, `${method} ${url}`);
      checked++;
    }
  }
  assert.ok(checked > 30, `only ${checked} combinations`);
});

test('the list of tokens comes in pages and shows no secret', async () => {
  for (const name of ['a', 'b', 'c']) await tested.call('POST', '/api/tokens/', { name, roles: ['analyst'] });
  const first = await tested.call('GET', '/api/tokens/?limit=2');
  assert.equal(first.body.results.length, 2);
  const next = await tested.call('GET', `/api/tokens/?limit=1000&cursor=${first.body.next_cursor}`);
  assert.equal(next.body.next_cursor, null);
  assert.ok(next.body.results.length >= 2);
  assert.doesNotMatch(JSON.stringify([first.body, next.body]), /secret/);
  assert.equal((await tested.call('GET', '/api/tokens/?limit=0')).status, 422);
});

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
