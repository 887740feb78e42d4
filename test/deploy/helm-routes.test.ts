import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createLog } from '../../src/base/log.ts';
import { readConfig } from '../../src/config.ts';
import { type Program, startProgram } from '../../src/start-program.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { render, whyNoHelm } from './helm.ts';

const skip = whyNoHelm() ?? false;
const dataDir = mkdtempSync(path.join(tmpdir(), 'tillstream-routes-'));
let database: TestDatabase;
let program: Program;
let described: [string, string][];

/** Only what the collector answers, so that what is sent there in vain is found. */
before(async () => {
  if (skip) return;
  database = await createTestDatabase();
  const env = { DATABASE_URL: database.connectionString, DATA_DIR: dataDir, PORT: '0' };
  program = await startProgram({
    config: readConfig(env),
    log: createLog('silent'),
    roles: ['processor', 'collector'],
  });
  const api = (await (await fetch(`${program.address}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  described = Object.entries(api.paths).flatMap(([url, methods]) =>
    Object.keys(methods).map((method): [string, string] => [method.toUpperCase(), url]),
  );
});
after(async () => {
  await program?.stop();
  await database?.drop();
  rmSync(dataDir, { recursive: true, force: true });
});

type Route = (method: string, url: string) => string;
const isUnder = (prefix: string, url: string) =>
  prefix === '/' || url === prefix || url.startsWith(`${prefix}/`);

/** As https://kubernetes.io/docs/concepts/services-networking/ingress/#multiple-matches has it: the longest path. */
function ingressRoute(): Route {
  const [ingress] = render('whole', '--set-string', 'settings.BASE_PATH=').filter(
    (one) => one.kind === 'Ingress',
  );
  const paths: any[] = ingress!.spec.rules[0].http.paths;
  return (_method, url) =>
    paths
      .filter((one) => isUnder(one.path, url))
      .sort((a, b) => b.path.length - a.path.length)[0]
      .backend.service.name.replace('shop-tillstream-', '');
}

/** As the Gateway API orders matches: an exact path, then the longest prefix, then a method. */
function gatewayRoute(): Route {
  const [route] = render('gateway').filter((one) => one.kind === 'HTTPRoute');
  const matches: any[] = route!.spec.rules.flatMap((rule: any) =>
    rule.matches.map((match: any) => ({ ...match, service: rule.backendRefs[0].name.replace('tills-', '') })),
  );
  const rank = ({ path: { type, value } }: any) => (type === 'Exact' ? 10_000 : 0) + value.length;
  return (method, url) =>
    matches
      .filter(({ method: asked }) => asked === undefined || asked === method)
      .filter(({ path: { type, value } }) => (type === 'Exact' ? url === value : isUnder(value, url)))
      .sort((a, b) => rank(b) - rank(a))[0].service;
}

/** The map of the gateway of compose.yaml. */
function nginxRoute(): Route {
  const settings = readFileSync('deploy/nginx/nginx.conf', 'utf8');
  const map = /map "\$request_method \$uri" \$service \{([^}]*)\}/.exec(settings)![1]!;
  const rules = [...map.matchAll(/"~(.*)" ([\w-]+):8080;/g)].map(
    ([, pattern, service]) => [new RegExp(pattern!), service!] as const,
  );
  assert.ok(rules.length >= 3);
  return (method, url) =>
    rules.find(([pattern]) => pattern.test(`${method} ${url}`))?.[1] ?? 'analytics-service';
}

/** Does the collector itself answer, rather than say that there is no such address? */
async function isAnswered(method: string, url: string): Promise<boolean> {
  const response = await fetch(`${program.address}${url}`, { method });
  const body = await response.text();
  return response.status !== 404 || !/"code":"route_not_found"|"code":"not_found"/.test(body);
}

test('an Ingress and the Gateway API lead where the gateway leads', { skip }, async () => {
  const nginx = nginxRoute();
  assert.ok(described.length > 40);
  const asked: [string, string][] = described.flatMap(([method, url]) => {
    const filled = url.replace(/\{[^}]+\}/g, '2024-02-07');
    const rooms = ['/api/producer/', '/api/consumer/'].map((room) => filled.replace(/^\/api\//, room));
    return [...new Set([filled, ...rooms])].map((one): [string, string] => [method, one]);
  });
  const more: [string, string][] = [
    ['POST', '/'],
    ['GET', '/'],
    ['GET', '/api/producer/swagger/'],
    ['GET', '/metrics'],
    ['GET', '/api/checkshop'],
  ];
  for (const [kind, route] of [
    ['Ingress', ingressRoute()],
    ['HTTPRoute', gatewayRoute()],
  ] as const)
    for (const [method, url] of [...asked, ...more]) {
      if (kind === 'Ingress' && method === 'POST' && url === '/') continue;
      const [wanted, found] = [nginx(method, url), route(method, url)];
      if (wanted === found) continue;
      // What both have is answered by either.
      assert.equal(found, 'data-collector', `${kind}: ${method} ${url}`);
      assert.ok(await isAnswered(method, url), `${kind}: ${method} ${url} is not the collector's`);
    }
});
