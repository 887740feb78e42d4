export type Row = {
  period?: string;
  place_name?: string;
  change_percent?: Record<string, number | null>;
  category?: string;
  net: number;
  receipts: number;
  units: number;
  average_receipt: number;
};

/** Rows of the analytics, as everyone else gets them. */
export async function ask(address: string, token: string, query: string): Promise<Row[]> {
  const response = await fetch(`${address}/api/analytics/sales?${query}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`the analytics answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { rows: Row[] }).rows;
}

const money = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat('en-US');

/** The year's figures as the program's own API answers them. */
export async function printYear(address: string, token: string, placeId: string): Promise<void> {
  const range = `place_id=${placeId}&from=2015-01-01&to=2015-12-31`;
  const [total] = await ask(address, token, `${range}&granularity=total`);
  const categories = await ask(address, token, `${range}&granularity=total&group_by=category&order=-sales`);
  const months = await ask(address, token, `${range}&granularity=month`);
  if (total === undefined) throw new Error('the analytics have no sales of 2015');
  console.log(`\nPizza Place, 2015
  revenue        ${money.format(total.net)} USD
  orders         ${whole.format(total.receipts)}
  pizzas         ${whole.format(total.units)}
  average order  ${money.format(total.average_receipt)} USD\n`);
  for (const row of categories) {
    console.log(
      `  ${row.category!.padEnd(10)} ${money.format(row.net).padStart(12)}  in ${whole.format(row.receipts).padStart(6)} orders`,
    );
  }
  console.log('');
  for (const row of months)
    console.log(
      `  ${row.period}    ${money.format(row.net).padStart(12)}  in ${whole.format(row.receipts).padStart(6)} orders`,
    );
}
