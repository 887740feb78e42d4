import { readFileSync } from 'node:fs';
import path from 'node:path';

type Line = { product_id: string; quantity: number; price: number; category: string };
/** The lines as JSON, and their sum: made once, since a sale comes again in every place and after a year. */
type Sold = { time: string; items: string; cents: number };

const folder = path.join(import.meta.dirname, '../examples/pizza-place');
const secondsPerDay = 86_400;

function rows(file: string): string[][] {
  const [, ...lines] = readFileSync(path.join(folder, file), 'utf8').trim().split(/\r?\n/);
  return lines.map((line) => line.split(','));
}

/** What the pizza place sold in its year, by the days it was open. */
function readDays(): Sold[][] {
  const category = new Map(rows('pizza_types.csv').map(([id, , name]) => [id, name!]));
  const pizzas = new Map(
    rows('pizzas.csv').map(([id, type, , price]) => [id, { type, price: Number(price) }]),
  );
  const lines = Map.groupBy(rows('order_details.csv'), ([, order]) => order!);
  const orders = rows('orders.csv').map(([order, date, time]) => {
    const items = lines.get(order!)!.map(([, , pizza, quantity]): Line => {
      const { type, price } = pizzas.get(pizza!)!;
      return { product_id: pizza!, quantity: Number(quantity), price, category: category.get(type)! };
    });
    const cents = items.reduce((sum, { price, quantity }) => sum + Math.round(price * 100) * quantity, 0);
    return { date: date!, time: time!, items: JSON.stringify(items), cents };
  });
  return [...Map.groupBy(orders, (order) => order.date).values()];
}

const year = readDays();

/**
 * `total` receipts of a chain of as many places as it takes, over `days` days, in order of time: each place
 * sells what the pizza place of examples/ sold, every place in another part of its year.
 */
export function* chainReceipts(
  total: number,
  days: number,
  prefix: string,
): Generator<{ id: string; document: string }> {
  const perDay = year.reduce((sum, day) => sum + day.length, 0) / year.length;
  const places = Math.max(1, Math.round(total / days / perDay));
  const apart = Math.max(1, Math.floor(year.length / places));
  for (let index = 0, day = 0; index < total; day++) {
    const date = new Date(Date.UTC(2025, 0, 1) + day * secondsPerDay * 1000).toISOString().slice(0, 10);
    const sold = Array.from({ length: places }, (_, place) =>
      year[(day + place * apart) % year.length]!.map((sale) => ({ ...sale, place })),
    ).flat();
    sold.sort((one, other) => (one.time < other.time ? -1 : 1));
    for (const sale of sold) {
      if (index === total) return;
      const id = `${prefix}-${index++}`;
      yield { id, document: receiptOf(id, date, sale) };
    }
  }
}

/** Nothing in it has to be escaped. */
function receiptOf(
  id: string,
  date: string,
  { place, time, items, cents }: Sold & { place: number },
): string {
  const paid = /[0-6]$/.test(id) ? 'card' : 'cash';
  const total = cents / 100;
  const nds = Math.round(cents / 11) / 100;
  return `{"transaction_id":"${id}","timestamp":"${date}T${time}","place_id":"place-${place}","items":${items},"total_amount":${total},"nds_amount":${nds},"payment_method":"${paid}"}`;
}
