import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { registerDashboardRoutes } from '../../src/dashboard/routes.ts';
import type { App } from '../../src/http/server.ts';
import { createTestServer } from '../http/test-server.ts';

const html = { accept: 'text/html,application/xhtml+xml' };

async function open(env: Record<string, string> = {}): Promise<App> {
  const basePath = env.BASE_PATH ?? '';
  return await createTestServer((app) => registerDashboardRoutes(app, { config: { basePath } }), { env });
}

test('the page answers at every address that is nothing else’s, and never instead of the API', async () => {
  const app = await open();
  for (const url of ['/', '/sales', '/customers/a%2Fb?tag=x']) {
    const answer = await app.inject({ url, headers: html });
    assert.equal(answer.statusCode, 200, url);
    assert.match(answer.body, /<base href="\/" \/>/);
    assert.equal(answer.headers['cache-control'], 'no-cache');
    const policy = String(answer.headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.doesNotMatch(answer.body, /<script(?![^>]* src=)|<style|\son\w+=|\sstyle=/, 'nothing inline');
  }
  for (const url of ['/api/none', '/docs/none', '/api', '/healthz/none', '/metrics/none'])
    assert.equal((await app.inject({ url, headers: html })).statusCode, 404, url);
  assert.equal(
    (await app.inject({ url: '/sales', headers: { accept: 'application/json' } })).statusCode,
    404,
  );
  assert.equal((await app.inject({ method: 'POST', url: '/sales', headers: html })).statusCode, 404);
  assert.equal((await app.inject({ method: 'HEAD', url: '/', headers: html })).statusCode, 200);
  await app.close();
});

test('its files are kept for ever and sent as small as the browser reads them', async () => {
  const app = await open();
  const page = await app.inject({ url: '/', headers: html });
  const [, script] = /src="\.(\/assets\/[^"]+\.js)"/.exec(page.body)!;
  const ask = (encoding: string) => app.inject({ url: script!, headers: { 'accept-encoding': encoding } });
  const plain = await ask('identity');
  assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.match(String(plain.headers['content-type']), /^text\/javascript/);
  const [br, gzip, none] = [await ask('gzip, deflate, br'), await ask('gzip'), await ask('br;q=0, deflate')];
  assert.equal(br.headers['content-encoding'], 'br');
  assert.deepEqual(brotliDecompressSync(br.rawPayload), plain.rawPayload);
  assert.equal(gzip.headers['content-encoding'], 'gzip');
  assert.deepEqual(gunzipSync(gzip.rawPayload), plain.rawPayload);
  assert.equal(none.headers['content-encoding'], undefined);
  const again = await app.inject({
    url: '/',
    headers: { ...html, 'if-none-match': String(page.headers.etag) },
  });
  assert.equal(again.statusCode, 304);
  assert.equal((await app.inject({ url: '/assets/none.js' })).statusCode, 404);
  await app.close();
});

test('it works below BASE_PATH', async () => {
  const app = await open({ BASE_PATH: '/shop' });
  for (const url of ['/shop', '/shop/', '/shop/sales', '/sales'])
    assert.match((await app.inject({ url, headers: html })).body, /<base href="\/shop\/" \/>/, url);
  await app.close();
});
