import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { createBatchAnswer } from '../../src/intake/answers.ts';
import { parseDocument } from '../../src/intake/parse-document.ts';
import { receipt } from '../program.ts';
import { type IntakeServer, overloaded, startIntakeServer, storeAll } from './intake-server.ts';
import { arrivalOf, contextOf } from './parsing.ts';

let tested: IntakeServer;
before(async () => {
  tested = await startIntakeServer();
});
after(() => tested.stop());
beforeEach(() => {
  tested.appended = [];
  tested.onAppend = storeAll;
});

const mebibyte = 1024 * 1024;
const json = (changes: Record<string, unknown> = {}) => JSON.stringify(receipt(changes));
const ndjson = { 'content-type': 'application/x-ndjson' };
const gzip = { 'content-encoding': 'gzip' };

function assertKeptHead(body: string | Buffer): void {
  const [[incoming]] = tested.appended as [[(typeof tested.appended)[0][0]]];
  assert.ok(incoming!.sale === undefined);
  assert.deepEqual(incoming!.body, Buffer.from(body).subarray(0, 4096));
  assert.equal(incoming!.problems[0]!.code, 'body_too_large');
  const [, read, limit] = /^(\d+) bytes or more, over the limit of (\d+)/.exec(
    incoming!.problems[0]!.message,
  )!;
  // No more was read or inflated than the chunk that went over the limit.
  assert.ok(Number(read) > Number(limit) && Number(read) <= Number(limit) + mebibyte, `${read} of ${limit}`);
}

test('1 MiB is read, a byte more is 413 with its beginning in the journal', async () => {
  const padded = (bytes: number) => {
    const text = json({ note: '' });
    return text.replace('"note":""', `"note":"${'x'.repeat(bytes - text.length)}"`);
  };
  assert.equal((await tested.send(padded(mebibyte))).status, 202);
  tested.appended = [];
  const answer = await tested.send(padded(mebibyte + 1));
  assert.deepEqual([answer.status, answer.body.code], [413, 'body_too_large']);
  assertKeptHead(padded(mebibyte + 1));
});

test('a document far over the limit still gets its answer', async () => {
  const body = `{"note":"${'x'.repeat(20 * mebibyte)}"}`;
  assert.equal((await tested.send(body)).status, 413);
  assertKeptHead(body);
});

test('an array may have 64 MiB; each of its documents 1 MiB', async () => {
  const large = `{"note":"${'x'.repeat(mebibyte)}"}`;
  const answer = await tested.send(`[${json()},${large}]`);
  assert.equal(answer.status, 202);
  assert.equal(answer.body.results[1].errors[0].code, 'body_too_large');
  assert.equal(tested.appended[0]![1]!.body.length, 4096);
  tested.appended = [];
  const over = `[${' '.repeat(64 * mebibyte)}]`;
  assert.equal((await tested.send(over)).status, 413);
  assertKeptHead(over);
});

test('an array that does not close is one problem, and not kept whole where it is large', async () => {
  const answer = await tested.send(`[${json()},`);
  assert.deepEqual([answer.status, answer.body.code], [422, 'not_json']);
  tested.appended = [];
  const large = await tested.send(`[${`${json()},`.repeat(4_000)}`);
  assert.deepEqual([large.status, large.body.code], [422, 'not_json']);
  assert.equal(tested.appended[0]![0]!.body.length, 4096);
});

test('gzip bombs stop at the limit: a document, an array, a line', async () => {
  const spaces = gzipSync(Buffer.alloc(200 * mebibyte, 0x20));
  const before = process.memoryUsage().arrayBuffers;
  assert.equal((await tested.send(spaces, gzip)).status, 413);
  assertKeptHead(Buffer.alloc(4096, 0x20));
  tested.appended = [];
  const endless = Buffer.concat([Buffer.from(`${json()}\n`), Buffer.alloc(200 * mebibyte, 0x61)]);
  const line = await tested.send(gzipSync(endless), { ...gzip, ...ndjson });
  assert.deepEqual([line.status, line.body.code, line.body.durable], [413, 'body_too_large', 2]);
  const [, size] = /^(\d+) bytes/.exec((tested.appended.flat()[1] as any).problems[0].message)!;
  assert.ok(Number(size) < 65 * mebibyte, String(size));
  assert.ok(process.memoryUsage().arrayBuffers - before < 50 * mebibyte);
});

test('what is not gzip, ends early or has another encoding or type is told so', async () => {
  const whole = gzipSync(json());
  assert.equal((await tested.send('plain', gzip)).status, 400);
  assert.equal((await tested.send(whole.subarray(0, whole.length - 9), gzip)).status, 400);
  assert.deepEqual(tested.appended, []);
  assert.equal((await tested.send(json(), { 'content-encoding': 'br' })).status, 415);
  assert.equal((await tested.send(json(), { 'content-type': 'text/csv' })).status, 415);
});

test('a sender that goes away inside a document leaves nothing of it', async () => {
  const socket = net.connect(tested.port, '127.0.0.1');
  const text = json();
  socket.write(
    'POST /api/checks/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer collector\r\n' +
      `Content-Type: application/x-ndjson\r\nContent-Length: ${text.length + 100}\r\n\r\n${text}`,
  );
  await sleep(50);
  socket.destroy();
  await sleep(50);
  assert.deepEqual(tested.appended, []);
});

/** Lines that are sent one by one, each when the last part has reached the stream. */
function slowLines(reached: () => Promise<void>, count: number): ReadableStream {
  return new ReadableStream({
    async start(controller) {
      for (let index = 0; index < count; index++) {
        controller.enqueue(Buffer.from(`${json({ transaction_id: `slow-${index}` })}\n`));
        await reached();
      }
      controller.close();
    },
  });
}

test('a slow sender has its documents stored while it is still sending', async () => {
  let { promise, resolve } = Promise.withResolvers<void>();
  tested.onAppend = async (documents) => {
    resolve();
    ({ promise, resolve } = Promise.withResolvers<void>());
    return await storeAll(documents);
  };
  const answer = await tested.send(
    slowLines(() => promise, 2),
    ndjson,
  );
  assert.equal(answer.body.accepted, 2);
  assert.deepEqual(
    tested.appended.map((part) => part.length),
    [1, 1],
  );
});

test('a slow sender hears of a failure before it has sent everything', async () => {
  const failed = Promise.withResolvers<void>();
  const never = new Promise<void>(() => {});
  tested.onAppend = () => {
    failed.resolve();
    return Promise.reject(overloaded());
  };
  let lines = 0;
  const answer = await tested.send(
    slowLines(() => (++lines < 3 ? failed.promise : never), 4),
    ndjson,
  );
  assert.deepEqual([answer.status, answer.body.durable], [503, 0]);
  assert.equal(tested.appended.length, 1);
});

test('results past what an answer can carry are counted, not lost from the counts', () => {
  const answer = createBatchAnswer(false, 500);
  const incoming = parseDocument(arrivalOf(json()), contextOf());
  for (let part = 0; part < 4; part++)
    answer.add(Array.from({ length: 25 }, () => ({ incoming, outcome: undefined })));
  const body = JSON.parse(answer.answer().body);
  assert.equal(body.accepted, 100);
  assert.equal(body.results.length + body.results_left_out, 100);
  assert.ok(body.results.length > 0 && body.results_left_out > 0);
  assert.equal(answer.count(), 100);
});
