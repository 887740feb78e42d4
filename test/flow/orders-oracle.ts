import assert from 'node:assert/strict';
import type { OrderMessage } from '../../examples/orders/order-life.ts';
import type { TestProgram } from '../program.ts';

/** What the answers must be, from the messages alone; written without looking at the program. */
const ranks = ['OPEN', 'COOKING', 'DELIVERING', 'CLOSED', 'CANCELLED'];

function isLater(one: OrderMessage, other: OrderMessage): boolean {
  const keys = [one, other].map((message) => [
    Date.parse(`${message.payload.update_ts.replace(' ', 'T')}Z`),
    Date.parse(`${message.sent_dttm.replace(' ', 'T')}Z`),
    message.payload.statuses.length,
    ranks.indexOf(message.payload.final_status),
  ]);
  for (const [index, key] of keys[0]!.entries()) if (key !== keys[1]![index]) return key > keys[1]![index]!;
  return false;
}

/** The state in which each order ends, whatever the order of its messages was. */
export function lastStates(messages: Iterable<OrderMessage>): OrderMessage[] {
  const last = new Map<number, OrderMessage>();
  for (const message of messages) {
    const before = last.get(message.object_id);
    if (before === undefined || isLater(message, before)) last.set(message.object_id, message);
  }
  return [...last.values()];
}

type Sums = Map<string, { sales: number; receipts: number; units: number; nds: number; tips: number }>;
type Counted = { key: string; sales: number; units: number };
type Payload = OrderMessage['payload'];

/** An order counts once for each key, however many of its dishes have it. Money in kopecks. */
function sumBy(orders: readonly OrderMessage[], countedOf: (payload: Payload) => Counted[]): Sums {
  const sums: Sums = new Map();
  for (const { payload } of orders) {
    const seen = new Set<string>();
    for (const { key, sales, units } of countedOf(payload)) {
      const sum = sums.get(key) ?? { sales: 0, receipts: 0, units: 0, nds: 0, tips: 0 };
      sums.set(key, sum);
      sum.sales += Math.round(sales * 100);
      sum.units += units;
      if (seen.has(key)) continue;
      seen.add(key);
      sum.receipts++;
      sum.nds += Math.round((payload.nds_amount ?? 0) * 100);
      sum.tips += Math.round((payload.tips_amount ?? 0) * 100);
    }
  }
  return sums;
}

const unitsOf = (payload: Payload) => payload.order_items.reduce((sum, { quantity }) => sum + quantity, 0);
const whole = (keyOf: (payload: Payload) => string) => (payload: Payload) => [
  { key: keyOf(payload), sales: payload.cost, units: unitsOf(payload) },
];
const perDish = (keyOf: (payload: Payload, id: string) => string) => (payload: Payload) =>
  payload.order_items.map(({ id, price, quantity }) => ({
    key: keyOf(payload, id),
    sales: price * quantity,
    units: quantity,
  }));

type Check = { query: string; keyOf: (row: any) => string; countedOf: (payload: Payload) => Counted[] };

function checksOf(categoryOf: (dishId: string) => string): Check[] {
  return [
    {
      query: 'granularity=total&group_by=place',
      keyOf: (row) => row.place_id,
      countedOf: whole((payload) => payload.restaurant.id),
    },
    {
      query: 'granularity=day&group_by=payment_method',
      keyOf: (row) => `${row.period} ${row.payment_method}`,
      countedOf: whole((payload) => `${payload.date.slice(0, 10)} ${payload.payment_method ?? 'unknown'}`),
    },
    {
      query: 'granularity=total&group_by=product',
      keyOf: (row) => row.product_id,
      countedOf: perDish((_payload, id) => id),
    },
    {
      query: 'granularity=month&group_by=category',
      keyOf: (row) => `${row.period} ${row.category}`,
      countedOf: perDish((payload, id) => `${payload.date.slice(0, 7)} ${categoryOf(id)}`),
    },
  ];
}

const sorted = (sums: Sums) => [...sums].sort(([one], [other]) => (one < other ? -1 : 1));
const kopecks = (amount: number | undefined) => Math.round((amount ?? 0) * 100);

/** The program's answers are those of the messages; `filter` limits both to some places. */
export async function compareWithMessages(
  tested: TestProgram,
  messages: Iterable<OrderMessage>,
  { filter = '', categoryOf = (_dishId: string) => 'unknown' } = {},
): Promise<void> {
  const closed = lastStates(messages).filter(({ payload }) => payload.final_status === 'CLOSED');
  for (const { query, keyOf, countedOf } of checksOf(categoryOf)) {
    const { status, body } = await tested.call('GET', `/api/analytics/sales?source=order&${query}${filter}`);
    assert.equal(status, 200, JSON.stringify(body));
    const expected = sumBy(closed, countedOf);
    const isWhole = /place|payment/.test(query);
    if (!isWhole) for (const sum of expected.values()) Object.assign(sum, { nds: 0, tips: 0 });
    const found: Sums = new Map(
      body.rows.map((row: any) => [
        keyOf(row),
        {
          sales: kopecks(row.sales),
          receipts: row.receipts,
          units: row.units,
          nds: kopecks(row.nds),
          tips: kopecks(row.tips),
        },
      ]),
    );
    assert.deepEqual(sorted(found), sorted(expected), query);
  }
}
