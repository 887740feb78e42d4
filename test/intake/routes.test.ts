import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { waitSeconds } from '../../src/intake/routes.ts';
import type { Verdict } from '../../src/sales/sale.ts';
import { receipt } from '../program.ts';
import { type IntakeServer, nowMs, overloaded, startIntakeServer, storeAll } from './intake-server.ts';

let tested: IntakeServer;
before(async () => {
  tested = await startIntakeServer();
});
after(() => tested.stop());
beforeEach(() => {
  tested.appended = [];
  tested.deadlines = [];
  tested.onAppend = storeAll;
});

const json = (changes: Record<string, unknown> = {}) => JSON.stringify(receipt(changes));
const ndjson = { 'content-type': 'application/x-ndjson' };

test('one receipt: 202 once it is durable, and the stream gets its bytes and what was settled', async () => {
  const body = ` ${json({ place_id: undefined })}\n`;
  const answer = await tested.send(body);
  assert.equal(answer.status, 202);
  assert.deepEqual(answer.body, { transaction_id: 'unique_transaction_id297', status: 'accepted' });
  assert.equal(answer.headers.get('preference-applied'), null);
  const [[incoming]] = tested.appended as [[(typeof tested.appended)[0][0]]];
  assert.equal(incoming!.body.toString(), body);
  assert.equal(incoming!.sale?.placeId, 'nowhere');
  assert.deepEqual(incoming!.resolved, { placeId: 'nowhere', currency: 'RUB', timeZone: 'UTC' });
  assert.deepEqual(
    [incoming!.source, incoming!.tokenId, incoming!.receivedAtMs],
    ['receipt', 'collector', nowMs],
  );
  assert.deepEqual(tested.deadlines, [nowMs + 7_000]);
});

test('the answer waits for the stream', async () => {
  let stored = false;
  tested.onAppend = async (documents) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    stored = true;
    return await storeAll(documents);
  };
  await tested.send(json());
  assert.ok(stored);
});

test('a rejected receipt is journaled, and answered with what is wrong', async () => {
  const answer = await tested.send(json({ nds_amount: -1 }));
  assert.equal(answer.status, 422);
  assert.match(answer.headers.get('content-type')!, /^application\/problem\+json/);
  assert.equal(answer.body.code, 'invalid_document');
  assert.equal(answer.body.transaction_id, 'unique_transaction_id297');
  assert.deepEqual(
    answer.body.errors.map((error: any) => [error.pointer, error.code]),
    [['/nds_amount', 'negative']],
  );
  assert.equal(tested.appended[0]![0]!.sale, undefined);
});

test('no token, or one without the role, reads nothing', async () => {
  assert.equal((await tested.send(json(), { authorization: 'Bearer wrong' })).status, 401);
  assert.equal((await tested.send(json(), { authorization: 'Bearer analyst' })).status, 403);
  assert.deepEqual(tested.appended, []);
});

test('a bound token: its own place is filled in, another is 403 and journaled under its own', async () => {
  const bound = { authorization: 'Bearer mine' };
  assert.equal((await tested.send(json({ place_id: undefined }), bound)).status, 202);
  assert.equal(tested.appended[0]![0]!.sale?.placeId, 'mine');
  const foreign = await tested.send(json({ place_id: 'theirs' }), bound);
  assert.equal(foreign.status, 403);
  assert.equal(foreign.body.code, 'foreign_place');
  const refused = tested.appended[1]![0]!;
  assert.equal(refused.sale, undefined);
  assert.equal(refused.boundPlaceId, 'mine');
  const batch = await tested.send(`[${json({ place_id: 'mine' })},${json({ place_id: 'theirs' })}]`, bound);
  assert.equal(batch.status, 202);
  assert.deepEqual(
    batch.body.results.map((result: any) => result.errors?.[0].code),
    [undefined, 'foreign_place'],
  );
});

/** verdict, status */
const verdicts: [Verdict, number][] = [
  ['accepted', 201],
  ['corrected', 201],
  ['duplicate', 200],
  ['ignored', 200],
  ['conflict', 409],
  ['stale', 409],
  ['rejected', 422],
];
for (const [verdict, status] of verdicts) {
  test(`Prefer: wait answers ${verdict} with ${status}, without it 202 or 422`, async () => {
    const problems = status < 400 ? [] : [{ pointer: '', code: verdict, message: 'because' }];
    tested.onAppend = async () => [{ verdict, position: '5', problems }];
    const waited = await tested.send(json(), { prefer: 'respond-async, wait=5' });
    assert.equal(waited.status, status);
    assert.equal(waited.body.verdict, verdict);
    assert.equal(waited.headers.get('preference-applied'), 'wait');
    assert.equal((await tested.send(json())).status, verdict === 'rejected' ? 422 : 202);
    const batch = await tested.send(`[${json()}]`, { prefer: 'wait=5' });
    assert.equal(batch.body.results[0].verdict, verdict);
    assert.equal(batch.headers.get('preference-applied'), 'wait');
  });
}

test('where the verdict comes later, Prefer: wait is answered 202', async () => {
  tested.onAppend = async (documents) => documents.map(() => undefined);
  for (const body of [json(), `[${json()}]`]) {
    const answer = await tested.send(body, { prefer: 'wait=5' });
    assert.equal(answer.status, 202);
    assert.equal(answer.headers.get('preference-applied'), null);
  }
});

test('wait is read as RFC 7240 writes it', () => {
  for (const header of ['wait=5', 'Wait = 5', 'respond-async, wait=5', 'foo; wait="5"'])
    assert.equal(waitSeconds(header), 5, header);
  for (const header of [undefined, '', 'wait', 'await=5', 'respond-async'])
    assert.equal(waitSeconds(header), undefined, String(header));
});

test('an array: a result for each, good ones are not lost to bad ones, bytes are kept apart', async () => {
  const body = `\n[ ${json({ transaction_id: 'a' })} , {"b":1.50}, {"c" 1} ,${json({ transaction_id: 'd' })}]`;
  const answer = await tested.send(body);
  assert.equal(answer.status, 202);
  assert.deepEqual([answer.body.accepted, answer.body.rejected], [2, 2]);
  assert.deepEqual(
    answer.body.results.map((result: any) => [
      result.index,
      result.transaction_id,
      result.status,
      result.errors?.[0].code,
    ]),
    [
      [0, 'a', 'accepted', undefined],
      [1, null, 'rejected', 'missing'],
      [2, null, 'rejected', 'not_json'],
      [3, 'd', 'accepted', undefined],
    ],
  );
  assert.deepEqual(
    tested.appended[0]!.slice(1, 3).map((incoming) => incoming.body.toString()),
    ['{"b":1.50}', '{"c" 1}'],
  );
});

test('a batch without one good document is 422 with the same members', async () => {
  for (const [body, headers] of [
    ['[{},1]', {}],
    ['{}\n1', ndjson],
  ] as const) {
    const answer = await tested.send(body, headers);
    assert.equal(answer.status, 422);
    assert.equal(answer.body.code, 'invalid_document');
    assert.deepEqual([answer.body.accepted, answer.body.rejected, answer.body.results.length], [0, 2, 2]);
  }
});

test('an empty array, an empty stream and an empty body are 422', async () => {
  for (const [body, headers] of [
    ['[]', {}],
    ['\n\n', ndjson],
  ] as const) {
    const answer = await tested.send(body, headers);
    assert.equal(answer.status, 422);
    assert.equal(answer.body.errors[0].code, 'empty_batch');
  }
  assert.deepEqual(tested.appended, []);
  const answer = await tested.send('');
  assert.deepEqual([answer.status, answer.body.code], [422, 'not_json']);
});

test('NDJSON goes to the stream in parts, in order and at most four at a time', async () => {
  let atOnce = 0;
  let mostAtOnce = 0;
  const { promise: four, resolve: reachFour } = Promise.withResolvers<void>();
  tested.onAppend = async (documents) => {
    atOnce++;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    // Time for a fifth to come.
    if (atOnce === 4) setTimeout(reachFour, 50);
    await four;
    atOnce--;
    return await storeAll(documents);
  };
  const lines = Array.from({ length: 6_345 }, (_, index) => json({ transaction_id: `n${index}` }));
  const answer = await tested.send(gzipSync(`\ufeff${lines.join('\r\n')}`), {
    'content-type': 'application/x-ndjson; charset=utf-8',
    'content-encoding': 'gzip',
  });
  assert.equal(answer.status, 202);
  assert.equal(answer.body.accepted, 6_345);
  assert.equal(mostAtOnce, 4);
  assert.ok(tested.appended.length > 1 && tested.appended.every((part) => part.length <= 1_000));
  assert.deepEqual(
    tested.appended.flat().map((incoming) => incoming.body.toString()),
    lines,
  );
  assert.equal(answer.body.results.at(-1).transaction_id, 'n6344');
});

test('503 in the middle names what is durable, says when to come back, and stores nothing after it', async () => {
  tested.onAppend = async (documents) => {
    if (tested.appended.length === 3) throw overloaded();
    return await storeAll(documents);
  };
  const lines = Array.from({ length: 20_000 }, (_, index) => json({ transaction_id: `n${index}` }));
  for (const [body, headers] of [
    [lines.join('\n'), ndjson],
    [`[${lines.join()}]`, {}],
  ] as const) {
    tested.appended = [];
    const answer = await tested.send(body, headers);
    assert.equal(answer.status, 503);
    assert.equal(answer.body.code, 'overloaded');
    assert.equal(answer.body.durable, 2_000);
    assert.equal(answer.headers.get('retry-after'), '2');
    assert.equal(tested.appended.length, 3);
  }
});

test('a single receipt that cannot be stored is 503 with Retry-After', async () => {
  tested.onAppend = () => Promise.reject(overloaded());
  const answer = await tested.send(json());
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '2']);
});

test('the documents are counted by verdict', async () => {
  const counted = async (verdict: string) => {
    const { values } = await tested.metrics.messages.get();
    return values.find((value) => value.labels.verdict === verdict)?.value ?? 0;
  };
  const [valid, rejected] = [await counted('valid'), await counted('rejected')];
  await tested.send(`[${json()},{},${json()}]`);
  assert.deepEqual([(await counted('valid')) - valid, (await counted('rejected')) - rejected], [2, 1]);
});

test('the description of the route carries the documented receipt', async () => {
  const { paths } = await tested.openApi();
  const { requestBody } = paths['/api/checks/'].post;
  const text = JSON.stringify(requestBody);
  assert.ok(text.includes(JSON.stringify(receipt())));
  for (const name of ['original_transaction_id', 'discount_amount', 'revision', 'place'])
    assert.ok(text.includes(`"${name}"`), name);
});
