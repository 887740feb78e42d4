import { chosen, dayAsTime, firstDay, lastDay } from './asked-days.ts';
import { currency, makeDashboard, places } from './dashboard.ts';
import { askSql, type Look, stat, table, timeSeries } from './panel.ts';

const redToGreen: NonNullable<Look['colours']> = ['red', [0, 'green']];
const running = 'The day that is running is not over, and is compared with a whole day.';

const percent = (now: string, before: string) =>
  `round(100 * (${now} - ${before}) / nullif(${before}, 0), 1)`;

/** Every day that is chosen (n) beside the same weekday a week before (w). */
const besideLastWeek = (figures: string) => `
    with day as (
      select business_date, sum(net) as net, sum(receipts) as receipts, sum(sales) as sales
      from cdm.v_sales_day
      where business_date between ${firstDay} - 7 and ${lastDay} and ${chosen}
      group by business_date
    )
    select ${dayAsTime('n.business_date')}, ${figures}
    from day as n left join day as w on w.business_date = n.business_date - 7
    where n.business_date >= ${firstDay}
    order by n.business_date`;

/** The days that are chosen beside as many before them, as `now` and `before` of each group. */
const besideBefore = (view: string, group: string) => `
    with change as (
      select ${group}, coalesce(sum(net) filter (where business_date >= ${firstDay}), 0) as now,
        coalesce(sum(net) filter (where business_date < ${firstDay}), 0) as before
      from cdm.${view}
      where business_date between ${firstDay} - (${lastDay} - ${firstDay}) - 1 and ${lastDay} and ${chosen}
      group by ${group}
    )`;

const whole = (title: string, figure: string, look: Partial<Look>) =>
  stat(
    { title, width: 8, ...look },
    askSql(`
    with change as (
      select coalesce(sum(net) filter (where business_date >= ${firstDay}), 0) as now,
        coalesce(sum(net) filter (where business_date < ${firstDay}), 0) as before
      from cdm.v_sales_day
      where business_date between ${firstDay} - (${lastDay} - ${firstDay}) - 1 and ${lastDay} and ${chosen}
    )
    select ${figure} as "${title}" from change`),
  );

const changes = (title: string, view: string, group: string, name: string) =>
  table(
    {
      title: `${title} that changed most`,
      description:
        'The days that are chosen beside as many before them; the greatest change first, up or down.',
      height: 12,
      units: { Now: 'short', Before: 'short', Change: 'short', 'Change %': 'percent' },
    },
    askSql(`${besideBefore(view, group)}
    select ${name} as "${title}", now as "Now", before as "Before", now - before as "Change",
      ${percent('now', 'before')} as "Change %"
    from change order by abs(now - before) desc limit 50`),
  );

/** How sales grow and fall from day to day. */
export const growthDashboard = makeDashboard({
  uid: 'tillstream-growth',
  title: 'Growth and fall of sales',
  description: 'Sales by day beside the same weekday a week before, and what made the difference.',
  time: { from: 'now-29d/d', to: 'now' },
  refresh: '5m',
  variables: [currency, places],
  panels: [
    whole('Net sales', 'now', { unit: 'short', decimals: 2 }),
    whole('As many days before', 'before', { unit: 'short', decimals: 2 }),
    whole('Growth', percent('now', 'before'), {
      ...{ unit: 'percent', decimals: 1, colours: redToGreen, description: running },
    }),
    timeSeries(
      { title: 'Net sales by day', width: 24, unit: 'short', description: running },
      askSql(besideLastWeek('n.net as "Net sales", w.net as "A week before"'), 'time_series'),
    ),
    timeSeries(
      {
        title: 'Growth against a week before',
        bars: true,
        width: 24,
        unit: 'percent',
        colours: redToGreen,
        description: running,
      },
      askSql(besideLastWeek(`${percent('n.net', 'w.net')} as "Growth"`), 'time_series'),
    ),
    timeSeries(
      { title: 'Receipts by day', unit: 'short' },
      askSql(besideLastWeek('n.receipts as "Receipts", w.receipts as "A week before"'), 'time_series'),
    ),
    timeSeries(
      { title: 'Average receipt by day', unit: 'short' },
      askSql(
        besideLastWeek(
          'round(n.sales / nullif(n.receipts, 0), 2) as "Average receipt", round(w.sales / nullif(w.receipts, 0), 2) as "A week before"',
        ),
        'time_series',
      ),
    ),
    changes('Place', 'v_sales_day', 'place_id, place_name', 'place_name'),
    changes('Product', 'v_product_day', 'product_id, product_name', 'product_name'),
  ],
});
