import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { localTimeAt } from '../base/time.ts';
import type { Program } from '../start-program.ts';

type Pizza = { pizza_id: string; pizza_type_id: string; price: string };
const everyMs = 3_000;

/** A receipt of one or two pizzas every few seconds, sent over HTTP like any till's. */
export function startTrickle(
  program: Program,
  options: { placeId: string; timeZone: string; menuFolder: string },
): { stop(): Promise<void> } {
  const pizzas = parse(readFileSync(path.join(options.menuFolder, 'pizzas.csv')), {
    columns: true,
  }) as Pizza[];
  const types = parse(readFileSync(path.join(options.menuFolder, 'pizza_types.csv'), 'latin1'), {
    columns: true,
  }) as Record<string, string>[];
  const categories = new Map(types.map((type) => [type.pizza_type_id!, type.category!]));
  const started = Date.now();
  let number = 0;
  let sending: Promise<void> = Promise.resolve();

  async function send(): Promise<void> {
    const chosen = Array.from(
      { length: 1 + (number % 2) },
      () => pizzas[Math.floor(Math.random() * pizzas.length)]!,
    );
    const items = chosen.map((pizza) => ({
      product_id: pizza.pizza_id,
      quantity: 1,
      price: Number(pizza.price),
      category: categories.get(pizza.pizza_type_id),
    }));
    const total = items.reduce((sum, item) => sum + item.price, 0);
    const receipt = {
      transaction_id: `live-${started}-${number++}`,
      timestamp: localTimeAt(Date.now(), options.timeZone).slice(0, 19),
      place_id: options.placeId,
      items,
      total_amount: total,
      nds_amount: 0,
      payment_method: number % 3 === 0 ? 'cash' : 'card',
    };
    const headers = { authorization: `Bearer ${program.adminToken}`, 'content-type': 'application/json' };
    await fetch(`${program.address}/api/checks/`, { method: 'POST', headers, body: JSON.stringify(receipt) });
  }

  const timer = setInterval(() => {
    // A request that fails while everything stops is of no interest to anyone.
    sending = send().catch(() => {});
  }, everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await sending;
    },
  };
}
