import { isId } from '../base/ids.ts';
import { scopedId, scopedLengthRule } from '../sales/id-scope.ts';
import type { Incoming, Sale } from '../sales/sale.ts';
import { reject } from './reject.ts';
import { maximumProblems } from './schema-problems.ts';

type Pointers = { product: (index: number) => string; customer: string };

const ofReceipt: Pointers = { product: (index) => `/items/${index}/product_id`, customer: '/customer_id' };
const pointersOf: Partial<Record<Sale['source'], Pointers>> = {
  transaction: { product: () => '/product_id', customer: '/customer_id' },
  order: { product: (index) => `/payload/order_items/${index}/id`, customer: '/payload/user/id' },
};

/**
 * The same document with products and customers as ids of its place. One whose ids are too long together with the
 * place is rejected, unless it counts already: who is erased there is known by a longer id.
 */
export function scopeIds(incoming: Incoming, accepted: boolean): Incoming {
  const { sale, ...arrival } = incoming;
  if (sale === undefined) return incoming;
  const pointers = pointersOf[sale.source] ?? ofReceipt;
  const tooLong: string[] = [];
  const scope = (id: string, pointer: () => string): string => {
    const scoped = scopedId(sale.placeId, id);
    if (!accepted && tooLong.length < maximumProblems && !isId(scoped)) tooLong.push(pointer());
    return scoped;
  };
  for (const [index, line] of sale.lines.entries())
    line.productId = scope(line.productId, () => pointers.product(index));
  if (sale.customerId !== undefined) sale.customerId = scope(sale.customerId, () => pointers.customer);
  if (tooLong.length === 0) return incoming;
  const problems = tooLong.map((pointer) => ({ pointer, code: 'too_long', message: scopedLengthRule }));
  return reject(arrival, { sourceId: sale.sourceId, placeIds: [sale.placeId] }, problems);
}
