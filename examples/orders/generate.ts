import { createWriteStream, mkdirSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { type Catalogue, makeCatalogue } from './catalogue.ts';
import { MessageQueue } from './message-queue.ts';
import { createGuests, makeMessages, type OrderMessage } from './order-life.ts';
import { createRandom } from './random.ts';

export type OrderOptions = {
  seed: number;
  orders: number;
  catalogue: Catalogue;
  weeks?: number;
  /** `2024-03-11T00:00:00`, by the clocks of the restaurants. */
  ending?: string;
  /** With tips, VAT and three payment methods. */
  withPayments?: boolean;
};

export const defaultOrders = 50_000;
export const defaultEnding = '2024-03-11T00:00:00';
const hourMs = 3_600_000;
const weekMs = 7 * 24 * hourMs;
/** The last orders are opened this long before the end, so that the end finds some of them under way. */
const lastOpeningMs = 10 * 60_000;

/** How busy each hour of the day is, and each day of the week from Sunday on. */
const hourWeights = [0, 0, 0, 0, 0, 0, 0, 1, 3, 4, 4, 6, 10, 11, 8, 5, 5, 7, 11, 13, 12, 8, 4, 2];
const dayWeights = [1.3, 0.9, 0.9, 1, 1, 1.3, 1.5];

function weightOf(hourStartMs: number): number {
  const date = new Date(hourStartMs);
  return hourWeights[date.getUTCHours()]! * dayWeights[date.getUTCDay()]!;
}

/** When orders are opened, in order; so many in each hour as it is busy. */
function* openings(random: ReturnType<typeof createRandom>, options: OrderOptions, endMs: number) {
  const startMs = endMs - (options.weeks ?? 1) * weekMs;
  const untilMs = endMs - lastOpeningMs;
  const hours: { fromMs: number; toMs: number; weight: number }[] = [];
  for (
    let hourStartMs = Math.floor(startMs / hourMs) * hourMs;
    hourStartMs < untilMs;
    hourStartMs += hourMs
  ) {
    const fromMs = Math.max(hourStartMs, startMs);
    const toMs = Math.min(hourStartMs + hourMs, untilMs);
    hours.push({ fromMs, toMs, weight: (weightOf(hourStartMs) * (toMs - fromMs)) / hourMs });
  }
  const whole = hours.reduce((sum, hour) => sum + hour.weight, 0);
  let weight = 0;
  let made = 0;
  for (const { fromMs, toMs, weight: ofHour } of hours) {
    weight += ofHour;
    const due = Math.round((options.orders * weight) / whole) - made;
    made += due;
    const times = Array.from({ length: due }, () => fromMs + Math.floor(random.next() * (toMs - fromMs)));
    yield* times.sort((one, other) => one - other).map((ms) => Math.floor(ms / 1000) * 1000);
  }
}

/**
 * Messages about orders, in the order in which they arrive. Holds only what is under way, so it makes as many as
 * are wanted in flat memory. The same options give the same messages.
 */
export function* generateOrders(options: OrderOptions): Generator<OrderMessage> {
  const random = createRandom(options.seed ^ 0x5eed);
  const guest = createGuests(random, options.catalogue);
  const endMs = Date.parse(`${options.ending ?? defaultEnding}Z`);
  const queue = new MessageQueue();
  let sequence = 0;
  let objectId = (1 + (Math.abs(options.seed) % 1_000)) * 10_000_000;
  for (const openedMs of openings(random, options, endMs)) {
    for (let next = queue.peek(); next !== undefined && next.arrivesMs < openedMs; next = queue.peek())
      yield queue.take()!.message;
    const order = {
      objectId: objectId++,
      openedMs,
      endMs,
      ...guest(),
      withPayments: options.withPayments === true,
    };
    for (const arriving of makeMessages(random, order)) queue.add({ ...arriving, sequence: sequence++ });
  }
  for (let next = queue.take(); next !== undefined; next = queue.take()) yield next.message;
}

export type FileOptions = Omit<OrderOptions, 'catalogue'> & { out: string };

/** Writes `orders.ndjson`, `users.ndjson` and `restaurants.ndjson` into a folder; answers how many messages. */
export async function writeOrders({ out, ...options }: FileOptions): Promise<number> {
  const catalogue = makeCatalogue(options.seed);
  mkdirSync(out, { recursive: true });
  let messages = 0;
  const write = async (name: string, documents: Iterable<unknown>) => {
    messages = 0;
    const lines = function* () {
      let text = '';
      for (const document of documents) {
        messages++;
        text += `${JSON.stringify(document)}\n`;
        if (text.length < 65_536) continue;
        yield text;
        text = '';
      }
      yield text;
    };
    await pipeline(Readable.from(lines()), createWriteStream(path.join(out, name)));
  };
  await write('users.ndjson', catalogue.users);
  await write('restaurants.ndjson', catalogue.restaurants);
  await write('orders.ndjson', generateOrders({ ...options, catalogue }));
  return messages;
}

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} is a whole number, not "${text}"`);
  return value;
}

function readEnding(text: string, timeZone: string): string {
  if (text === 'now') return Temporal.Now.plainDateTimeISO(timeZone).toString({ smallestUnit: 'second' });
  try {
    return Temporal.PlainDateTime.from(text).toString({ smallestUnit: 'second' });
  } catch (error) {
    const message = `--ending is now or a time such as ${defaultEnding}, not "${text}"`;
    throw new Error(message, { cause: error });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      seed: { type: 'string', default: '1' },
      orders: { type: 'string', default: String(defaultOrders) },
      weeks: { type: 'string', default: '1' },
      ending: { type: 'string' },
      'time-zone': { type: 'string', default: 'UTC' },
      payments: { type: 'boolean' },
    },
  });
  if (values.out === undefined) throw new Error('say which folder the files go to: --out FOLDER');
  const orders = readNumber('orders', values.orders);
  const weeks = readNumber('weeks', values.weeks);
  if (orders === 0 || weeks === 0) throw new Error('--orders and --weeks are at least 1');
  const started = performance.now();
  const messages = await writeOrders({
    out: values.out,
    seed: readNumber('seed', values.seed),
    orders,
    weeks,
    ending: values.ending === undefined ? defaultEnding : readEnding(values.ending, values['time-zone']),
    withPayments: values.payments ?? values.ending !== undefined,
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${orders} orders, ${messages} messages in ${values.out} (${seconds} s)\n`);
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
