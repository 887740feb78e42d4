import { createServer, type Server } from 'node:http';
import { binaryArray, type Database } from '../src/base/db.ts';

/**
 * The least a durable intake can do: parse the JSON, commit whatever came meanwhile into one bare table,
 * answer. Without a pool it only parses and answers.
 */
export function startBareServer(pool: Database | undefined): Promise<{ url: string; server: Server }> {
  let waiting: { id: string; body: Buffer; done: () => void }[] = [];
  let committing = false;

  async function commit(): Promise<void> {
    committing = true;
    while (waiting.length > 0) {
      await new Promise(setImmediate);
      const batch = waiting;
      waiting = [];
      await pool!.query({
        name: 'bare',
        text: 'insert into bare (id, document) select * from unnest($1::text[], $2::bytea[])',
        values: [
          binaryArray(
            'text',
            batch.map((one) => one.id),
          ),
          binaryArray(
            'bytea',
            batch.map((one) => one.body),
          ),
        ],
      });
      for (const one of batch) one.done();
    }
    committing = false;
  }

  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      const { transaction_id: id } = JSON.parse(body.toString('utf8')) as { transaction_id: string };
      const done = () =>
        response
          .writeHead(202, { 'content-type': 'application/json' })
          .end(JSON.stringify({ transaction_id: id, status: 'accepted' }));
      if (pool === undefined) return done();
      waiting.push({ id, body, done });
      if (!committing) void commit();
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({ url: `http://127.0.0.1:${(server.address() as { port: number }).port}/`, server }),
    );
  });
}
