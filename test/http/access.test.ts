import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Role, roles } from '../../src/auth/roles.ts';
import { listRoutes } from '../../src/http/guard.ts';
import { startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

async function makeToken(body: Record<string, unknown>): Promise<{ authorization: string; id: string }> {
  const answer = await tested.call('POST', '/api/tokens/', { name: 'test', ...body });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return { authorization: `Bearer ${answer.body.secret}`, id: answer.body.token_id };
}

/** Its answer has no end. */
async function statusOfStream(url: string, authorization: string): Promise<number> {
  const answer = await fetch(`${tested.program.address}${url}`, { headers: { authorization } });
  await answer.body?.cancel();
  return answer.status;
}

test('every route × role × bound token answers as the route declares', async () => {
  const tokens: { role: Role; bound: boolean; authorization: string }[] = [];
  for (const role of roles) {
    tokens.push({ role, bound: false, ...(await makeToken({ roles: [role] })) });
    if (role !== 'admin')
      tokens.push({ role, bound: true, ...(await makeToken({ roles: [role], place_id: 'here' })) });
  }
  const routes = listRoutes(tested.program.app).filter(
    (route) => route.method !== 'HEAD' && route.method !== 'OPTIONS',
  );
  assert.ok(routes.length >= 15, `only ${routes.length} routes`);
  let checked = 0;
  for (const { method, url, access } of routes) {
    const target = url.replace(':id', 'none').replace(':position', '1');
    const ask = async (authorization: string) =>
      url === '/api/stream'
        ? await statusOfStream(target, authorization)
        : (await tested.call(method, target, undefined, { authorization })).status;
    if (access.roles === 'open') {
      assert.ok(![401, 403].includes(await ask('')), `${method} ${url} is open`);
      continue;
    }
    assert.equal(await ask(''), 401, `${method} ${url} without a token`);
    assert.equal(await ask('Bearer wrong'), 401, `${method} ${url} with an unknown token`);
    for (const { role, bound, authorization } of tokens) {
      const status = await ask(authorization);
      const named = `${method} ${url} as ${bound ? 'bound ' : ''}${role}: ${status}`;
      const has = role === 'admin' || access.roles.includes(role);
      if (!has || (bound && access.bound === 'refused')) assert.equal(status, 403, named);
      else assert.ok(![401, 403, 500].includes(status), named);
      checked++;
    }
  }
  assert.ok(checked > 80, `only ${checked} combinations`);
});

test('a token of any role is told what it is', async () => {
  const { authorization, id } = await makeToken({ roles: ['collector'], place_id: 'here' });
  const { body } = await tested.call('GET', '/api/tokens/current', undefined, { authorization });
  assert.deepEqual(body, { token_id: id, name: 'test', roles: ['collector'], place_id: 'here' });
});

test('expired, revoked and rotated tokens stop working', async () => {
  const ask = async (authorization: string) =>
    (await tested.call('GET', '/api/places/', undefined, { authorization })).status;
  const expired = await makeToken({
    roles: ['analyst'],
    expires_at: new Date(Date.now() - 1000).toISOString(),
  });
  assert.equal(await ask(expired.authorization), 401);
  const token = await makeToken({ roles: ['analyst'] });
  assert.equal(await ask(token.authorization), 200);
  const rotated = await tested.call('POST', `/api/tokens/${token.id}/rotate`);
  assert.equal(await ask(token.authorization), 401);
  assert.equal(await ask(`Bearer ${rotated.body.secret}`), 200);
  await tested.call('DELETE', `/api/tokens/${token.id}`);
  assert.equal(await ask(`Bearer ${rotated.body.secret}`), 401);
  const { rows } = await tested.database.pool.query('select secret_hash from ops.token where token_id = $1', [
    token.id,
  ]);
  assert.equal(rows[0].secret_hash.length, 32);
  const list = await tested.call('GET', '/api/tokens/');
  assert.ok(list.body.results.every((one: any) => one.secret === undefined));
});

test('every operation of the API is described with an example', async () => {
  const { body } = await tested.call('GET', '/openapi.json');
  assert.equal(body.openapi, '3.1.0');
  let operations = 0;
  for (const [path, methods] of Object.entries<Record<string, any>>(body.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      operations++;
      assert.ok(operation.summary, `${method} ${path} has no summary`);
      assert.match(operation.description, /^Role: /, `${method} ${path}`);
      const text = JSON.stringify(operation);
      assert.match(text, /"examples?":/, `${method} ${path} has no example`);
    }
  }
  assert.ok(operations >= 15, `only ${operations} operations`);
  const page = await tested.call('GET', '/docs');
  assert.match(page.body, /Send receipts/);
  assert.doesNotMatch(page.body, /(src|href)="(https?:)?\/\//);
  assert.match(page.headers.get('content-security-policy')!, /default-src 'none'/);
});

test('a CSV cell that looks like a formula is harmless', async () => {
  const items = [{ product_id: '=1+1', name: '@cmd', quantity: 1, price: 1, category: '-2+3' }];
  const document = {
    transaction_id: 'csv',
    timestamp: '2024-02-07T12:00:00',
    place_id: '+place',
    items,
    total_amount: 1,
    nds_amount: 0,
    payment_method: '=x;"y',
  };
  assert.equal((await tested.call('POST', '/api/checks/', document)).status, 202);
  const csv = await tested.call(
    'GET',
    '/api/analytics/sales?group_by=place,product,category&granularity=day',
    undefined,
    { accept: 'text/csv' },
  );
  assert.match(csv.headers.get('content-type')!, /^text\/csv/);
  assert.match(csv.body, /^period,place_id,place_name,product_id,product_name,category,currency,/);
  assert.match(csv.body, /\r\n2024-02-07,'\+place,'\+place,'=1\+1,'@cmd,'-2\+3,RUB,1,/);
  const semicolons = await tested.call(
    'GET',
    '/api/analytics/sales?group_by=payment_method&sep=%3B&bom=1&format=csv',
  );
  assert.equal(
    semicolons.body.charCodeAt(0) === 0xfeff || semicolons.body.startsWith('payment_method'),
    true,
  );
  assert.match(semicolons.body, /"'=x;""y";RUB;1;/);
});

test('the rate limit holds per token', async () => {
  const limited = await startTestProgram({ RATE_LIMIT: '5/minute' });
  try {
    const statuses: number[] = [];
    for (let index = 0; index < 7; index++) statuses.push((await limited.call('GET', '/api/places/')).status);
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429]);
  } finally {
    await limited.stop();
  }
});
