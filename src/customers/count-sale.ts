import type { Contribution } from '../sales/contribution.ts';

export type Scope = 'total' | 'category' | 'product';

/** Signed: quantity in thousandths, money in minor units of the sale's currency. */
export type Counts = { orders: number; units: number; spent: number };

export type CountedRow = Counts & { scope: Scope; key: string };

/** End-of-day files name nobody; and what they declare is not itemised by sale. */
export function namesCustomer(
  contribution: Contribution,
): contribution is Contribution & { customer: string } {
  return contribution.customer !== undefined && contribution.source !== 'daily';
}

/**
 * What one signed contribution adds to its customer's counters: a row for the whole sale, one a category and
 * one a product. A refund lowers units and spent and is no order.
 */
export function countSale(contribution: Contribution): CountedRow[] {
  const { sign } = contribution;
  const isRefund = contribution.refund === 1;
  const direction = isRefund ? -sign : sign;
  const orders = isRefund ? 0 : sign;
  const total: CountedRow = {
    scope: 'total',
    key: '',
    orders,
    units: 0,
    spent: direction * contribution.total,
  };
  const rows = [total];
  for (const [category, quantityMilli, amountMinor] of contribution.categories) {
    total.units += direction * quantityMilli;
    const units = direction * quantityMilli;
    rows.push({ scope: 'category', key: category, orders, units, spent: direction * amountMinor });
  }
  // A product under several categories has a row for each and one that corrects the number of receipts.
  const products = new Map<string, CountedRow>();
  for (const [product, , quantityMilli, amountMinor, receipts] of contribution.products) {
    let row = products.get(product);
    if (row === undefined) {
      row = { scope: 'product', key: product, orders: 0, units: 0, spent: 0 };
      products.set(product, row);
      rows.push(row);
    }
    row.orders += orders * receipts;
    row.units += direction * quantityMilli;
    row.spent += direction * amountMinor;
  }
  return rows;
}
