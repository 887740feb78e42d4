import { Agent, request } from 'node:http';
import { chainReceipts } from './chain-receipts.ts';

/** Run as a process of its own: node generate-load.ts URL TOKEN CONNECTIONS COUNT PREFIX. Prints {"perSecond"}. */
const [url, token, connections, count, prefix] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
const total = Number(count);

function post(body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': body.length,
    };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Tills send what they sell: the receipts of one day of a chain. */
const receipts = chainReceipts(total, 1, prefix);
const failed: number[] = [];
const started = performance.now();
await Promise.all(
  Array.from({ length: Number(connections) }, async () => {
    // All take from the same generator, which a loop over it would end.
    for (let next = receipts.next(); !next.done; next = receipts.next()) {
      const status = await post(Buffer.from(next.value.document));
      if (status >= 300) failed.push(status);
    }
  }),
);
const perSecond = total / ((performance.now() - started) / 1000);
if (failed.length > 0)
  throw new Error(`${failed.length} of ${total} requests failed, the first with ${failed[0]}`);
console.log(JSON.stringify({ perSecond }));
agent.destroy();
