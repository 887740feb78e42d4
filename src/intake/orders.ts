import type { Problem } from '../base/errors.ts';
import { zonedInstantMs } from '../base/time.ts';
import { Order, type OrderStatus, orderObjectType, orderValidator } from '../sales/order.ts';
import type { Arrival, Incoming, Line, Refused, Sale, SaleStatus } from '../sales/sale.ts';
import { encodeOrderVersion } from '../sales/versions.ts';
import { fitting, withoutNulls } from './optional-nulls.ts';
import type { ParseContext } from './parse-document.ts';
import { readJson } from './read-json.ts';
import { memberOf, reject, shapeProblems } from './reject.ts';
import { noTime, ValueReader } from './value-reader.ts';

type Item = Order['payload']['order_items'][number];
type Status = NonNullable<Order['payload']['statuses']>[number];

const unknownPaymentMethod = 'unknown';
const itemsPointer = '/payload/order_items';

/** Only a closed order counts; every other state is kept, so that the order can be followed. */
const saleStatuses: Record<OrderStatus, Sale['status']> = {
  OPEN: 'open',
  COOKING: 'open',
  DELIVERING: 'open',
  CLOSED: 'closed',
  CANCELLED: 'cancelled',
};

/**
 * A message about an order as a sale, or rejected with every problem that was found. A message about anything
 * else is `ignored`: kept, and not counted.
 */
export function parseOrder(arrival: Arrival, context: ParseContext): Incoming {
  const { value, problems } = readJson(arrival.body);
  if (problems !== undefined) return rejectOrder(arrival, value, problems);
  const objectType = memberOf(value, 'object_type');
  if (typeof objectType === 'string' && objectType !== orderObjectType)
    return { ...rejectOrder(arrival, value, []), verdict: 'ignored' };
  const order = fitting(orderValidator, Order, value);
  if (order === undefined) {
    const list = memberOf(memberOf(value, 'payload'), 'order_items');
    const known = withoutNulls(Order, value);
    return rejectOrder(arrival, value, shapeProblems(orderValidator, known, { list, pointer: itemsPointer }));
  }
  const reader = new ValueReader(arrival, context);
  const sale = readOrder(reader, order, context.accepted === true);
  if (reader.problems.length > 0) return rejectOrder(arrival, value, reader.problems);
  return { ...arrival, sale };
}

function rejectOrder(arrival: Arrival, value: unknown, problems: Problem[]): Refused {
  const id = memberOf(value, 'object_id');
  const sourceId = Number.isSafeInteger(id) ? String(id) : id;
  const placeIds = [memberOf(memberOf(memberOf(value, 'payload'), 'restaurant'), 'id')];
  return reject(arrival, { sourceId, placeIds }, problems);
}

function readOrder(reader: ValueReader, order: Order, withStatuses: boolean): Sale {
  const { payload } = order;
  const sourceId = readId(reader, order.object_id);
  const { version, statuses } = readVersion(reader, order);
  const placeId = reader.placeId(payload.restaurant?.id, '/payload/restaurant/id');
  const time = reader.time(payload.date, '/payload/date', placeId);
  const currency = reader.currencyOf(payload.currency, '/payload/currency', placeId, time);
  const lines = reader.each(payload.order_items, itemsPointer, readLine);
  const totalMinor = reader.amount(payload.cost, '/payload/cost');
  const ndsMinor = reader.amount(payload.nds_amount ?? 0, '/payload/nds_amount');
  const tipsMinor = reader.amount(payload.tips_amount ?? 0, '/payload/tips_amount');
  const discountMinor = reader.amount(payload.bonus_payment ?? 0, '/payload/bonus_payment');
  const status = saleStatuses[payload.final_status];
  if (status === 'closed' && lines.length === 0)
    reader.problem(itemsPointer, 'empty_items', 'a closed order has at least one dish');
  checkTotals(reader, payload, lines, { totalMinor, discountMinor });
  const sale: Sale = {
    source: 'order',
    sourceId,
    version,
    status,
    kind: 'sale',
    placeId,
    time,
    currency,
    paymentMethod: payload.payment_method ?? unknownPaymentMethod,
    totalMinor,
    ndsMinor,
    tipsMinor,
    discountMinor,
    lines,
    flags: reader.flags,
  };
  if (payload.user?.id !== undefined) sale.customerId = payload.user.id;
  if (withStatuses) sale.statuses = statuses;
  return sale;
}

/** A number that JSON itself rounds would make one order of two. */
function readId(reader: ValueReader, id: string | number): string {
  if (typeof id === 'number' && !Number.isSafeInteger(id))
    reader.problem('/object_id', 'out_of_range', 'is over 2^53; send it as a string');
  return String(id);
}

/** Its times are read as UTC whatever the zone of the place, so that no setting can reorder versions. */
function readVersion(reader: ValueReader, order: Order): { version: string; statuses: SaleStatus[] } {
  const { payload } = order;
  const updated = reader.written(payload.update_ts, '/payload/update_ts');
  const sent = order.sent_dttm === undefined ? undefined : reader.written(order.sent_dttm, '/sent_dttm');
  const statuses = reader.each(payload.statuses ?? [], '/payload/statuses', readStatus);
  if (updated === undefined) return { version: '', statuses };
  // From a clock that is years ahead no later message could be told from an earlier one.
  reader.checkRange({ epochMs: zonedInstantMs(updated), local: updated.local }, '/payload/update_ts');
  const version = encodeOrderVersion({
    updated,
    sent,
    statusCount: statuses.length,
    status: payload.final_status,
  });
  return { version, statuses };
}

function readStatus(reader: ValueReader, { status, dttm }: Status): SaleStatus {
  return { status, time: reader.written(dttm, '/dttm') ?? noTime };
}

function readLine(reader: ValueReader, item: Item): Line {
  const quantityMilli = reader.quantity(item.quantity, '/quantity');
  const priceMinor = reader.amount(item.price, '/price');
  const amountMinor = reader.product(quantityMilli, priceMinor, '/quantity');
  const line: Line = { productId: item.id, quantityMilli, priceMinor, amountMinor };
  if (item.name !== undefined) line.name = item.name;
  return line;
}

function checkTotals(
  reader: ValueReader,
  payload: Order['payload'],
  lines: readonly Line[],
  { totalMinor, discountMinor }: { totalMinor: number; discountMinor: number },
): void {
  const paymentMinor =
    payload.payment === undefined ? undefined : reader.amount(payload.payment, '/payload/payment');
  if (reader.problems.length > 0) return;
  const sum = reader.sum(lines, itemsPointer);
  if (sum === undefined) return;
  reader.compareTotal(
    totalMinor - sum,
    '/payload/cost',
    (difference) => `cost differs by ${difference} from the dishes`,
  );
  const leftMinor = totalMinor - discountMinor;
  if (paymentMinor !== undefined && paymentMinor !== leftMinor)
    reader.flag(
      'payment_mismatch',
      `payment is ${reader.shown(paymentMinor)}, cost less bonus_payment ${reader.shown(leftMinor)}`,
    );
}
