import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type OrderMessage, type Status, written } from '../../examples/orders/order-life.ts';
import { compareWithMessages } from '../flow/orders-oracle.ts';
import { startTestProgram, type TestProgram } from '../program.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}; SEED=${seed} replays it`);

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

/** In the order in which an order goes through them, each with what the kitchen still changes. */
type Step = { status: Status; laterSeconds: number; sentSeconds: number; dishes: number[] };

const lives: Status[][] = [
  ['OPEN', 'COOKING', 'DELIVERING', 'CLOSED'],
  ['OPEN', 'COOKING', 'DELIVERING', 'CLOSED', 'CANCELLED'],
  ['OPEN', 'COOKING', 'CANCELLED'],
  ['OPEN', 'CLOSED', 'CANCELLED'],
  ['OPEN', 'COOKING', 'COOKING', 'COOKING'],
];
/** Seconds are few, so that many states fall into one. */
const life = fc.constantFrom(...lives).chain((statuses) =>
  fc.tuple(
    ...statuses.map((status) =>
      fc.record<Step>({
        status: fc.constant(status),
        laterSeconds: fc.integer({ min: 0, max: 1 }),
        sentSeconds: fc.integer({ min: 0, max: 1 }),
        dishes: fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }),
      }),
    ),
  ),
);
const order = fc.record({ place: fc.nat(2), minute: fc.nat(40 * 24 * 60), steps: life });
const history = fc.array(order, { minLength: 1, maxLength: 12 }).chain((orders) => {
  const indexes = orders.flatMap(({ steps }, index) =>
    steps.map((_, step): [number, number] => [index, step]),
  );
  return fc.record({
    orders: fc.constant(orders),
    arrivals: fc.shuffledSubarray([...indexes, ...indexes], { minLength: indexes.length }),
  });
});

const startMs = Date.parse('2024-02-01T00:00:00Z');
const dish = (run: number, index: number) => ({
  id: `r${run}-d${index}`,
  name: `Блюдо ${index}`,
  price: 100 + index,
});

function messagesOf(
  run: number,
  index: number,
  { place, minute, steps }: { place: number; minute: number; steps: Step[] },
) {
  let atMs = startMs + minute * 60_000;
  let sentMs = atMs;
  const statuses: { status: Status; dttm: string }[] = [];
  return steps.map((step): OrderMessage => {
    atMs += step.laterSeconds * 1000;
    sentMs = Math.max(atMs, sentMs) + step.sentSeconds * 1000;
    statuses.unshift({ status: step.status, dttm: written(atMs) });
    const order_items = [...new Set(step.dishes)].map((number) => ({ ...dish(run, number), quantity: 1 }));
    const cost = order_items.reduce((sum, { price }) => sum + price, 0);
    return {
      object_id: run * 1000 + index,
      object_type: 'order',
      sent_dttm: written(sentMs),
      payload: {
        restaurant: { id: `r${run}-${place}` },
        date: written(atMs),
        user: { id: `u${index % 3}` },
        order_items,
        bonus_payment: 0,
        cost,
        payment: cost,
        bonus_grant: 0,
        statuses: [...statuses],
        final_status: step.status,
        update_ts: written(atMs),
      },
    };
  });
}

let runs = 0;

test('in whatever order messages arrive, in whatever batches, the last state of each order counts', async () => {
  await fc.assert(
    fc.asyncProperty(
      history,
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
      async ({ orders, arrivals }, sizes) => {
        const run = ++runs;
        const told = orders.map((one, index) => messagesOf(run, index, one));
        // All of them arrive at least once.
        const arriving = [...arrivals.map(([index, step]) => told[index]![step]!), ...told.flat()];
        for (let start = 0, batch = 0; start < arriving.length; batch++) {
          const size = sizes[batch % sizes.length]!;
          const answer = await tested.call('POST', '/api/orders/', arriving.slice(start, start + size));
          assert.deepEqual([answer.status, answer.body.rejected], [202, 0]);
          start += size;
          if (batch % 3 === 1) await tested.program.warehouse.settle();
        }
        const filter = [0, 1, 2].map((place) => `&place_id=r${run}-${place}`).join('');
        await compareWithMessages(tested, told.flat(), { filter });
        await tested.settle();
        await compareWithMessages(tested, told.flat(), { filter });
      },
    ),
    { seed, numRuns: 30, verbose: 1 },
  );
  const conflicts = await tested.call('GET', '/api/journal?verdict=conflict');
  assert.deepEqual(conflicts.body.results, [], 'no two states of an order have one version');
  assert.deepEqual(await tested.audit(), []);
});

test('an order with two dishes of one category counts once for it, one with a dish twice once for the dish', async () => {
  const [message] = messagesOf(++runs, 1, {
    place: 0,
    minute: 0,
    steps: [{ status: 'CLOSED', laterSeconds: 0, sentSeconds: 0, dishes: [1, 2] }],
  });
  message!.payload.order_items.push({ ...message!.payload.order_items[0]!, quantity: 2 });
  message!.payload.cost += 2 * message!.payload.order_items[0]!.price;
  message!.payload.payment = message!.payload.cost;
  assert.equal((await tested.call('POST', '/api/orders/', message)).status, 202);
  const ask = async (group: string) => {
    const query = `granularity=total&group_by=${group}&place_id=r${runs}-0`;
    return (await tested.call('GET', `/api/analytics/sales?${query}`)).body.rows as any[];
  };
  const categories = await ask('category');
  assert.deepEqual(
    categories.map((row) => [row.category, row.receipts, row.units, row.sales]),
    [['unknown', 1, 4, message!.payload.cost]],
  );
  assert.deepEqual((await ask('product')).map((row) => [row.product_id, row.receipts, row.units]).sort(), [
    [`r${runs}-d1`, 1, 3],
    [`r${runs}-d2`, 1, 1],
  ]);
});
