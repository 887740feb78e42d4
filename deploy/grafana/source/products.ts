import { chosen, firstDay, inDays, lastDay } from './asked-days.ts';
import { currency, makeDashboard, places } from './dashboard.ts';
import { askSql, stat, table, timeSeries } from './panel.ts';

const figure = (title: string, sum: string, decimals: number) =>
  stat(
    { title, decimals, unit: 'short' },
    askSql(`select ${sum} as "${title}" from cdm.v_sales_day where ${inDays} and ${chosen}`),
  );

/** Current sales by product: exact at every moment, as the API answers them. */
export const productsDashboard = makeDashboard({
  uid: 'tillstream-products',
  title: 'Sales by product, now',
  description: 'What is sold today, or in the days that are chosen, by product.',
  time: { from: 'now/d', to: 'now' },
  refresh: '30s',
  variables: [currency, places],
  panels: [
    figure('Net sales', 'sum(net)', 2),
    figure('Receipts', 'sum(receipts)', 0),
    figure('Units', 'sum(units)', 0),
    figure('Average receipt', 'round(sum(sales) / nullif(sum(receipts), 0), 2)', 2),
    timeSeries(
      { title: 'Net sales by hour', bars: true, width: 24, unit: 'short' },
      askSql(
        `
    select hour_at as "time", place_name as metric, sum(net) as value
    from cdm.v_sales_hour
    where $__timeFilter(hour_at) and business_date between ${firstDay} - 1 and ${lastDay} + 1 and ${chosen}
    group by hour_at, place_name order by hour_at`,
        'time_series',
      ),
    ),
    table(
      { title: 'Products', width: 16, height: 14, units: { 'Net sales': 'short', Refunds: 'short' } },
      askSql(`
    select product_name as "Product", sum(units) as "Units", sum(net) as "Net sales", sum(refunds) as "Refunds",
      round(100 * sum(net) / nullif(sum(sum(net)) over (), 0), 1) as "Share %"
    from cdm.v_product_day
    where ${inDays} and ${chosen}
    group by product_id, product_name order by sum(net) desc limit 100`),
    ),
    table(
      { title: 'Categories', width: 8, height: 14, units: { 'Net sales': 'short' } },
      askSql(`
    select category as "Category", sum(units) as "Units", sum(net) as "Net sales"
    from cdm.v_category_day
    where ${inDays} and ${chosen}
    group by category order by sum(net) desc limit 100`),
    ),
    table(
      {
        title: 'Products by place',
        width: 24,
        description: 'Where a product sells, the largest first.',
        units: { 'Net sales': 'short' },
      },
      askSql(`
    select place_name as "Place", product_name as "Product", sum(units) as "Units", sum(net) as "Net sales"
    from cdm.v_product_day
    where ${inDays} and ${chosen}
    group by place_id, place_name, product_id, product_name order by sum(net) desc limit 200`),
    ),
  ],
});
