import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/**
 * Run as a process of its own: node copy-file.ts FILE CONNECTION. Copies the lines of an NDJSON file into
 * `bare (id, document)`. Prints {"seconds"}.
 */
const [file, connectionString] = process.argv.slice(2) as [string, string];
const linesPerChunk = 500;

async function* chunks(): AsyncGenerator<string> {
  let chunk = '';
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    chunk += `${++count}\t${line.replaceAll('\\', '\\\\')}\n`;
    if (count % linesPerChunk !== 0) continue;
    yield chunk;
    chunk = '';
  }
  yield chunk;
}

const started = performance.now();
const client = new pg.Client({ connectionString });
await client.connect();
const into: Writable = client.query(copyFrom('copy bare (id, document) from stdin'));
await pipeline(Readable.from(chunks()), into);
await client.end();
console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000 }));
