import { createReadStream } from 'node:fs';
import path from 'node:path';
import { localTimeAt } from '../base/time.ts';
import { readCsv } from '../imports/read-csv.ts';
import type { Program } from '../start-program.ts';
import { makeOrder, sampleOrders } from './live-orders.ts';

type Pizza = { productId: string; name: string; category: string; priceCents: number };
type Options = {
  token: string;
  placeId: string;
  timeZone: string;
  menuFolder: string;
  seed: number;
  /** Orders of the restaurants, whose clocks show `ordersZone`. */
  ordersFile: string;
  ordersZone: string;
};
const everyMs = 3_000;
/** The restaurants together sell some hundreds of orders a day. */
const receiptsAnOrder = 7;

/** A receipt of one to four pizzas every few seconds, and now and then an order of a restaurant, sent like any till's. */
export function startTrickle(program: Program, options: Options): { stop(): Promise<void> } {
  const random = numbersFrom(options.seed);
  // The numbers start over with each run, so ids carry its start.
  const run = Date.now().toString(36);
  const firstOrder = Date.now();
  const menu = readMenu(options.menuFolder);
  const orders = sampleOrders(options.ordersFile);
  let count = 0;
  let isTroubleShown = false;
  let sending: Promise<void> = Promise.resolve();

  async function send(): Promise<void> {
    const receipt = makeReceipt(await menu, random, {
      transaction_id: `live-${run}-${++count}`,
      timestamp: localTimeAt(Date.now(), options.timeZone).slice(0, 19),
      place_id: options.placeId,
    });
    await post('/api/checks/', receipt);
    const sample = await orders;
    if (sample.length === 0 || count % receiptsAnOrder !== 1) return;
    const now = localTimeAt(Date.now(), options.ordersZone).slice(0, 19).replace('T', ' ');
    await post('/api/orders/', makeOrder(sample, random, { objectId: firstOrder + count, now }));
  }

  async function post(url: string, document: unknown): Promise<void> {
    const headers = { authorization: `Bearer ${options.token}`, 'content-type': 'application/json' };
    const body = JSON.stringify(document);
    const response = await fetch(`${program.address}${url}`, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(`the answer was ${response.status} ${await response.text()}`);
    isTroubleShown = false;
  }

  let stopped = false;
  const timer = setInterval(() => {
    sending = sending.then(send).catch((error: Error) => {
      if (!isTroubleShown && !stopped) console.error(`a live receipt did not arrive: ${error.message}`);
      isTroubleShown = true;
    });
  }, everyMs);
  return {
    async stop() {
      stopped = true;
      clearInterval(timer);
      await sending;
    },
  };
}

/** A member for each pizza in each size. */
export async function readMenu(folder: string): Promise<Pizza[]> {
  const types = await readTable(path.join(folder, 'pizza_types.csv'), 'latin1');
  const byId = new Map(types.map((type) => [type.pizza_type_id, type]));
  const pizzas = await readTable(path.join(folder, 'pizzas.csv'), 'utf-8');
  return pizzas.map((pizza) => {
    const type = byId.get(pizza.pizza_type_id)!;
    return {
      productId: pizza.pizza_id!,
      name: `${type.name} (${pizza.size})`,
      category: type.category!,
      priceCents: Math.round(Number(pizza.price) * 100),
    };
  });
}

async function readTable(file: string, encoding: string): Promise<Record<string, string>[]> {
  const rows: string[][] = [];
  for await (const batch of readCsv(createReadStream(file), { encoding }))
    for (const row of batch) rows.push(row.cells ?? []);
  const [header = [], ...others] = rows;
  return others.map((row) => Object.fromEntries(header.map((column, index) => [column, row[index] ?? ''])));
}

/** What the receipt says beside its id, time and place comes from the random numbers alone. */
export function makeReceipt(
  menu: readonly Pizza[],
  random: () => number,
  fixed: { transaction_id: string; timestamp: string; place_id: string },
): Record<string, unknown> {
  const chosen = Array.from(
    { length: 1 + Math.floor(random() * 4) },
    () => menu[Math.floor(random() * menu.length)]!,
  );
  const totalCents = chosen.reduce((sum, pizza) => sum + pizza.priceCents, 0);
  return {
    ...fixed,
    items: chosen.map((pizza) => ({
      product_id: pizza.productId,
      name: pizza.name,
      quantity: 1,
      price: pizza.priceCents / 100,
      category: pizza.category,
    })),
    total_amount: totalCents / 100,
    nds_amount: 0,
    payment_method: random() < 0.3 ? 'cash' : 'card',
  };
}

/** Numbers from 0 up to 1 by mulberry32: the same for the same seed. */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
