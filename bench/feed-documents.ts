import { once } from 'node:events';
import { request } from 'node:http';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { chainReceipts } from './chain-receipts.ts';

/**
 * Run as a process of its own, so that the work of making and sending documents is in every figure:
 * node feed-documents.ts (URL | CONNECTION) TOKEN COUNT DAYS PREFIX. To a URL it posts one NDJSON stream, to a database
 * it copies the same documents into `bare (id, document)`. Prints {"startedMs", "endedMs"}, epoch milliseconds.
 */
const [target, token, count, days, prefix] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const total = Number(count);
const linesPerChunk = 500;

function* chunks(line: (id: string, document: string) => string): Generator<string> {
  let chunk = '';
  let lines = 0;
  for (const { id, document } of chainReceipts(total, Number(days), prefix)) {
    chunk += line(id, document);
    if (++lines % linesPerChunk > 0) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

async function copy(): Promise<void> {
  const client = new pg.Client({ connectionString: target });
  await client.connect();
  const into: Writable = client.query(copyFrom('copy bare (id, document) from stdin'));
  await pipeline(Readable.from(chunks((id, document) => `${id}\t${document}\n`)), into);
  await client.end();
}

async function post(): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' };
  const sent = request(target, { method: 'POST', headers });
  const answered = once(sent, 'response');
  await pipeline(Readable.from(chunks((_, document) => `${document}\n`)), sent);
  const [response] = await answered;
  if (response.statusCode !== 202) throw new Error(`the stream answered ${response.statusCode}`);
  for await (const _ of response);
}

const startedMs = Date.now();
await (target.startsWith('http') ? post() : copy());
console.log(JSON.stringify({ startedMs, endedMs: Date.now() }));
