/**
 * What scripts/try-compose.sh runs in a container of the program, beside the whole system:
 * node scripts/try-compose.ts addresses | year | trickle SECONDS | orders COUNT
 * Exits with 1 and a message where something is not as it has to be.
 */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Producer } from '@platformatic/kafka';
import { Redis } from 'ioredis';
import { type Catalogue, makeCatalogue } from '../examples/orders/catalogue.ts';
import { generateOrders } from '../examples/orders/generate.ts';
import type { OrderMessage } from '../examples/orders/order-life.ts';
import { type Config, readConfig } from '../src/config.ts';
import { openImport } from '../src/imports/open-import.ts';
import { kafkaConnection } from '../src/stream/kafka-connection.ts';

const gateway = process.env.GATEWAY ?? 'http://gateway';
const pizzas = path.resolve(import.meta.dirname, '../examples/pizza-place');
/** Worked out from the files with exact decimals, independently of this program. */
const year = { net: 817_860.05, receipts: 21_350, units: 49_574, average_receipt: 38.31, currency: 'USD' };
const revenueByMonth = [
  69793.3, 65159.6, 70397.1, 68736.8, 71402.75, 68230.2, 72557.9, 68278.25, 64180.05, 64027.6, 70395.35,
  64701.15,
];
const ordersSeed = 1;
const messagesPerSend = 500;
const patienceMs = 5 * 60_000;
const trickleEveryMs = 12_000;
/** Away from the week of the load, whose figures are checked. */
const trickleEnding = '2024-07-01T00:00:00';

type Answer = { status: number; body: string };
type Row = { net: number; sales: number; receipts: number; units: number; average_receipt: number };

async function call(config: Config, method: string, url: string, type?: string, body?: string) {
  const response = await fetch(`${gateway}${url}`, {
    method,
    headers: {
      authorization: `Bearer ${config.adminToken}`,
      ...(type === undefined ? {} : { 'content-type': type }),
    },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, body: await response.text() };
}

async function askRows(config: Config, query: string): Promise<(Row & { currency: string })[]> {
  const answer = await call(config, 'GET', `/api/analytics/sales?${query}`);
  assert.equal(answer.status, 200, answer.body);
  return JSON.parse(answer.body).rows;
}

/** Asks until `isDone`, since documents travel through Kafka; what was last answered where that takes too long. */
async function askUntil(config: Config, query: string, isDone: (row: Row | undefined) => boolean) {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const [row] = await askRows(config, query);
    if (isDone(row) || performance.now() > endMs) return row;
    await sleep(500);
  }
}

/** NDJSON as one request that is written while its documents are made. */
function postStream(config: Config, url: string, lines: AsyncIterable<string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${config.adminToken}`,
      'content-type': 'application/x-ndjson',
    };
    const sent = request(`${gateway}${url}`, { method: 'POST', headers });
    sent.once('error', reject);
    sent.once('response', async (response) => {
      // One answer for each document: only its beginning is shown.
      let body = '';
      for await (const chunk of response) if (body.length < 300) body += chunk;
      resolve({ status: response.statusCode ?? 0, body: body.slice(0, 300) });
    });
    pipeline(Readable.from(lines), sent).catch(reject);
  });
}

/** The addresses of the older services, and those of this one, answer at the gateway. */
async function tryAddresses(config: Config): Promise<void> {
  const xml = `<sales_data date="2024-01-01" place_id="try-compose"><products><product><id>1</id><name>A</name>
    <quantity>1</quantity><price>1.00</price><category>C</category></product></products></sales_data>`;
  const receipt = JSON.stringify({
    ...{ transaction_id: 'try-compose', timestamp: '2024-02-07T12:34:56', place_id: 'try-compose' },
    items: [{ product_id: '1', quantity: 1, price: 1, category: 'C' }],
    ...{ total_amount: 1, nds_amount: 0, payment_method: 'cash' },
  });
  const asked: [string, string, number[], string?, string?][] = [
    ['POST', '/api/producer/checks/', [202], 'application/json', receipt],
    ['GET', '/api/consumer/places/', [200]],
    ['GET', '/api/producer/swagger/', [200]],
    // 409 where it was tried before.
    ['POST', '/', [202, 409], 'application/xml', xml],
    ['GET', '/docs', [200]],
    ['GET', '/readyz', [200]],
  ];
  for (const [method, url, wanted, type, body] of asked) {
    const answer = await call(config, method, url, type, body);
    assert.ok(wanted.includes(answer.status), `${method} ${url} answers ${answer.status}: ${answer.body}`);
  }
  console.log(`${asked.length} addresses answer at ${gateway}`);
}

/** The pizzeria's year over HTTP and Kafka, to the cent. */
async function tryYear(config: Config): Promise<void> {
  const settings = { place_name: 'Pizza Place', time_zone: 'America/New_York', currency: 'USD' };
  const body = JSON.stringify({ ...settings, since: 'beginning' });
  const place = await call(config, 'PUT', '/api/places/pizza-place', 'application/json', body);
  assert.ok(place.status < 300, place.body);
  const files = {
    file: path.join(pizzas, 'order_details.csv'),
    mapping: path.join(pizzas, 'mapping.json'),
  };
  const documents = await (await openImport(files, 'USD')).open();
  async function* lines() {
    for await (const part of documents)
      for (const one of part) if (one.body !== undefined) yield `${one.body.toString()}\n`;
  }
  const startMs = performance.now();
  const answer = await postStream(config, '/api/producer/checks/', lines());
  assert.equal(answer.status, 202, answer.body);
  const range = 'from=2015-01-01&to=2015-12-31&place_id=pizza-place';
  const row = await askUntil(
    config,
    `granularity=total&${range}`,
    (found) => (found?.receipts ?? 0) >= year.receipts,
  );
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  assert.deepEqual({ ...year, ...row }, { ...row, ...year });
  const months = await askRows(config, `granularity=month&${range}`);
  assert.deepEqual(
    months.map(({ net }) => net),
    revenueByMonth,
  );
  console.log(
    `the pizza year through Kafka in ${seconds} s: ${year.net} in ${year.receipts} receipts, exact`,
  );
}

/** Five orders a minute, as the small case has them. */
async function trickle(config: Config, seconds: number): Promise<void> {
  const catalogue = makeCatalogue(ordersSeed);
  await fillRedis(config, catalogue);
  const seed = Date.now() % 1_000_000;
  const orders = generateOrders({ seed, orders: 1_000, catalogue, ending: trickleEnding });
  const endMs = performance.now() + seconds * 1000;
  let sent = 0;
  for (const message of orders) {
    if (performance.now() >= endMs) break;
    if (message.payload.final_status !== 'CLOSED') continue;
    const body = JSON.stringify(message);
    const answer = await call(config, 'POST', '/api/producer/orders/', 'application/json', body);
    assert.equal(answer.status, 202, answer.body);
    sent++;
    await sleep(Math.min(trickleEveryMs, Math.max(0, endMs - performance.now())));
  }
  console.log(`${sent} orders in ${seconds} s`);
}

const ranks = ['OPEN', 'COOKING', 'DELIVERING', 'CLOSED', 'CANCELLED'];

/** What sorts the states of an order, as text. */
function versionOf({ payload, sent_dttm: sent }: OrderMessage): string {
  const count = String(payload.statuses.length).padStart(4, '0');
  return `${payload.update_ts} ${sent} ${count} ${ranks.indexOf(payload.final_status)}`;
}

/** A week of orders straight into their topic, with users and restaurants in Redis. */
async function tryOrders(config: Config, count: number): Promise<void> {
  const { kafka } = config;
  assert.ok(kafka, 'KAFKA_BROKERS is not set');
  const catalogue = makeCatalogue(ordersSeed);
  await fillRedis(config, catalogue);
  const producer = new Producer({ ...kafkaConnection(kafka, 'try-compose'), idempotent: true, acks: -1 });
  const last = new Map<number, { version: string; closed: boolean; cost: number }>();
  const startMs = performance.now();
  let messages: { topic: string; key: Buffer; value: Buffer }[] = [];
  let sent = 0;
  const flush = async () => {
    await producer.send({ messages });
    sent += messages.length;
    messages = [];
  };
  for (const message of generateOrders({ seed: ordersSeed, orders: count, catalogue })) {
    const { object_id: id, payload } = message;
    const version = versionOf(message);
    if (version > (last.get(id)?.version ?? ''))
      last.set(id, { version, closed: payload.final_status === 'CLOSED', cost: payload.cost });
    const key = Buffer.from(payload.restaurant.id);
    messages.push({ topic: kafka.topics.orders, key, value: Buffer.from(JSON.stringify(message)) });
    if (messages.length === messagesPerSend) await flush();
  }
  if (messages.length > 0) await flush();
  await producer.close();
  const sentSeconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const closed = [...last.values()].filter((state) => state.closed);
  const sales = closed.reduce((sum, { cost }) => sum + Math.round(cost * 100), 0) / 100;
  const query = 'granularity=total&source=order&from=2024-03-03&to=2024-03-12';
  const isDone = (row: Row | undefined) => row?.receipts === closed.length && row.sales === sales;
  const row = await askUntil(config, query, isDone);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  assert.deepEqual([row?.receipts, row?.sales], [closed.length, sales]);
  console.log(
    `${count} orders (${sent} messages, sent in ${sentSeconds} s) counted in ${seconds} s: ${closed.length} closed, ${sales}, exact`,
  );
}

async function fillRedis(config: Config, { users, restaurants }: Catalogue): Promise<void> {
  assert.ok(config.redis, 'REDIS_URL is not set');
  const { url, ca } = config.redis;
  const redis = new Redis(url, ca === undefined ? {} : { tls: { ca } });
  await redis.mset([...users, ...restaurants].flatMap((one) => [one._id, JSON.stringify(one)]));
  await redis.quit();
}

const [what, amount] = process.argv.slice(2);
const config = readConfig();
try {
  if (what === 'addresses') await tryAddresses(config);
  else if (what === 'year') await tryYear(config);
  else if (what === 'trickle') await trickle(config, Number(amount));
  else if (what === 'orders') await tryOrders(config, Number(amount));
  else throw new Error('addresses, year, trickle SECONDS or orders COUNT');
} catch (error) {
  console.error(error);
  process.exit(1);
}
