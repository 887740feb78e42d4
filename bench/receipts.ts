/** The receipts every figure is measured with: two lines, `places` places over `days` days, in the order of time. */
export function benchReceipt(
  index: number,
  total: number,
  options = { places: 200, products: 1000, days: 365 },
): Record<string, unknown> {
  const day = Math.floor((index / total) * options.days);
  const hour = 8 + ((index * 7) % 14);
  const time = new Date(Date.UTC(2025, 0, 1 + day, hour, index % 60, (index * 13) % 60));
  const line = (factor: number, quantity: number, price: number) => {
    const product = (index * factor) % options.products;
    return { product_id: `product-${product}`, quantity, price, category: `category-${product % 20}` };
  };
  return {
    transaction_id: `bench-${String(index).padStart(9, '0')}`,
    timestamp: time.toISOString().slice(0, 19),
    place_id: `place-${(index * 31) % options.places}`,
    items: [line(31, 2, 10.99), line(17, 1, 5.49)],
    total_amount: 27.47,
    nds_amount: 2.47,
    tips_amount: 3,
    payment_method: ['card', 'cash', 'qr', 'gift'][index % 4],
  };
}
