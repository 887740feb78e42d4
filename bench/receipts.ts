/** A whole number below `limit`, the same for the same index and salt, and unlike its neighbours'. */
function pick(index: number, salt: number, limit: number): number {
  let hash = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) % limit;
}

/** The receipts every figure is measured with: two lines, `places` places over `days` days, day after day. */
export function benchReceipt(
  index: number,
  total: number,
  options = { places: 200, products: 1000, days: 365 },
): Record<string, unknown> {
  const day = Math.floor((index / total) * options.days);
  const hour = 8 + pick(index, 0, 14);
  const time = new Date(Date.UTC(2025, 0, 1 + day, hour, pick(index, 1, 60), pick(index, 2, 60)));
  const line = (salt: number, quantity: number, price: number) => {
    const product = pick(index, salt, options.products);
    return { product_id: `product-${product}`, quantity, price, category: `category-${product % 20}` };
  };
  return {
    transaction_id: `bench-${String(index).padStart(9, '0')}`,
    timestamp: time.toISOString().slice(0, 19),
    place_id: `place-${pick(index, 3, options.places)}`,
    items: [line(4, 2, 10.99), line(5, 1, 5.49)],
    total_amount: 27.47,
    nds_amount: 2.47,
    tips_amount: 3,
    payment_method: ['card', 'cash', 'qr', 'gift'][pick(index, 6, 4)],
  };
}
